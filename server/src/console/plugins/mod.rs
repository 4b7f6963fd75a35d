//! Plugins: the components that are there, what each is, and uploading another. What must hold: what a component imports and may ask for is seen before it is
//! uploaded, and what changed since the version before; the way without a script does the same.

mod shape;

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, Query};
use factotum_model::{Action, Grant, capability};
use factotum_storage::plugins::Plugin;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::multipart::{self, File};
use super::page::{go, page};
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown, assets};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::problem::Code;
use crate::api::routes::State;
use crate::operations::plugin::{self, Difference, Shape, Upload};
use crate::operations::{OperationError, Services};
use shape::ShapeView;
pub use shape::{grouped, size};

const HERE: &str = "/plugins";
/// How many versions are listed.
const VERSIONS_SHOWN: usize = 100;

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Plugins",
        section: Section::Main,
        needs: Some(Action::PLUGINS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(Endpoint::get(HERE, "page.plugins", "Plugins").grant(Action::PLUGINS_READ), list)
        .add(
            Endpoint::get("/new/plugin", "page.plugins.new", "Upload a plugin").grant(Action::PLUGINS_CREATE),
            blank,
        )
        .add(
            Endpoint::post(HERE, "page.plugins.upload", "Upload a plugin").grant(Action::PLUGINS_CREATE),
            upload,
        )
        .add(
            Endpoint::get("/plugins/{plugin}", "page.plugin", "A plugin, by name, name@version or id")
                .grant(Action::PLUGINS_READ),
            show,
        )
}

/// A version in a list.
struct Row {
    name: String,
    version: String,
    world: String,
    needs: Vec<String>,
    size: String,
    digest: String,
    created_at: String,
}

impl From<&Plugin> for Row {
    fn from(plugin: &Plugin) -> Self {
        Self {
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            world: plugin.world.clone(),
            needs: capability::all_needs(&plugin.imports).iter().map(ToString::to_string).collect(),
            size: size(plugin.size),
            digest: plugin.digest.to_string().chars().take(19).chain(['…']).collect(),
            created_at: plugin.created_at.to_string(),
        }
    }
}

#[derive(Template)]
#[template(path = "plugins/page.html")]
struct PluginsPage {
    frame: Frame,
    plugins: Vec<Row>,
    next: Option<String>,
    may_upload: bool,
}

#[derive(Template)]
#[template(path = "plugins/new.html")]
struct NewPage {
    frame: Frame,
    script: String,
    faults: Faults,
    name: String,
    version: String,
    /// The largest component.
    most: String,
    found: Option<ShapeView>,
}

#[derive(Template)]
#[template(path = "plugins/one.html")]
struct PluginPage {
    frame: Frame,
    plugin: Row,
    shape: ShapeView,
    versions: Vec<Row>,
    newest: String,
    may_use: bool,
    may_upload: bool,
}

#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
    name: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let part = page_of(None, asked.cursor.as_deref())?;
    let found = plugin::newest(&services, &viewer.caller, part).await?;
    let shown = PluginsPage {
        plugins: found.items.iter().map(Row::from).collect(),
        next: found.next,
        may_upload: viewer.may(Action::PLUGINS_CREATE),
        frame: viewer.frame("Plugins", HERE),
    };
    Ok(page(StatusCode::OK, &shown))
}

impl NewPage {
    fn of(services: &Services, viewer: &Viewer, (name, version): (String, String), faults: Faults) -> Self {
        Self {
            frame: viewer.frame("Upload a plugin", HERE),
            script: assets::path("upload.js"),
            faults,
            name,
            version,
            most: size(services.limits.component_bytes),
            found: None,
        }
    }
}

async fn blank(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let doing = viewer.caller.allowed(&services, "plugin.push", Action::PLUGINS_CREATE, None, None);
    doing.await?;
    let name = asked.name.unwrap_or_default();
    let version = next_version(&services, &viewer, &name).await?;
    Ok(page(StatusCode::OK, &NewPage::of(&services, &viewer, (name, version), Faults::default())))
}

async fn upload(services: State, viewer: Viewer, headers: HeaderMap, body: Body) -> Shown {
    // Nothing large is read of who may not upload; of whom it depends on the name, the operation asks again.
    let some = viewer.caller.authority.grants().iter().any(|grant| match grant {
        Grant::All => true,
        Grant::One { action, .. } => *action == Action::PLUGINS_CREATE,
    });
    if !some {
        viewer.caller.allowed(&services, "plugin.push", Action::PLUGINS_CREATE, None, None).await?;
    }
    let most = services.limits.component_bytes;
    let (fields, file) = match multipart::form(&headers, body, most).await {
        Ok(form) => form,
        Err(Refusal::Problem(problem)) if problem.code == Code::TooLarge => {
            let words =
                format!("the file is larger than {} bytes, the most that this server takes", grouped(most));
            let shown = NewPage::of(
                &services,
                &viewer,
                (String::new(), String::new()),
                Faults::beside("file", words),
            );
            return Ok(page(StatusCode::PAYLOAD_TOO_LARGE, &shown));
        }
        Err(other) => return Err(other),
    };
    let looking = fields.text("do") == "check";
    let Some(file) = file else {
        let typed = (fields.text("name"), fields.text("version"));
        let faults = Faults::beside("file", "choose a file");
        let shown = NewPage::of(&services, &viewer, typed, faults);
        return Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &shown));
    };
    if looking {
        look(&services, &viewer, &fields, file).await
    } else {
        push(&services, &viewer, &fields, file).await
    }
}

/// Looks at a component, and proposes a name and a version where none were typed.
async fn look(services: &Services, viewer: &Viewer, fields: &Fields, file: File) -> Shown {
    let name = fields.some("name").unwrap_or_else(|| name_of(&file.name));
    let version = match fields.some("version") {
        Some(version) => version,
        None => next_version(services, viewer, &name).await?,
    };
    let found = plugin::inspect(services, &viewer.caller, (&name, &version), file.bytes).await;
    let typed = (name, version);
    match found {
        Ok(found) => {
            let shape = ShapeView::of(&found.shape, found.difference);
            let shown = NewPage::of(services, viewer, typed, Faults::default());
            Ok(page(StatusCode::OK, &NewPage { found: Some(shape), ..shown }))
        }
        Err(error) => again(services, viewer, typed, error),
    }
}

async fn push(services: &Services, viewer: &Viewer, fields: &Fields, file: File) -> Shown {
    let upload = Upload { name: fields.text("name"), version: fields.text("version"), bytes: file.bytes };
    let typed = (upload.name.clone(), upload.version.clone());
    match plugin::push(services, &viewer.caller, upload, None).await {
        Ok((plugin, _)) => Ok(go(&format!("/plugins/{}@{}", plugin.name, plugin.version))),
        Err(error) => again(services, viewer, typed, error),
    }
}

fn again(services: &Services, viewer: &Viewer, typed: (String, String), error: OperationError) -> Shown {
    let (status, faults) = Faults::with_status(error)?;
    Ok(page(status, &NewPage::of(services, viewer, typed, faults)))
}

/// A plugin's name made of a file's: `Order_Intake.wasm` is `order_intake`.
fn name_of(file: &str) -> String {
    let stem = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = stem.strip_suffix(".wasm").unwrap_or(stem).to_lowercase();
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let name: String = stem.chars().map(|c| if fine(c) { c } else { '-' }).collect();
    name.trim_start_matches(['-', '_', '.']).to_owned()
}

/// The version after the highest that is there, or the first.
async fn next_version(services: &Services, viewer: &Viewer, name: &str) -> Result<String, OperationError> {
    if name.is_empty() || !viewer.may(Action::PLUGINS_READ) {
        return Ok(String::new());
    }
    let versions = plugin::versions(services, &viewer.caller, name).await?;
    let highest = versions.iter().filter_map(|one| semver::Version::parse(&one.version).ok()).max();
    Ok(highest.map_or_else(
        || "1.0.0".to_owned(),
        |highest| semver::Version::new(highest.major, highest.minor.saturating_add(1), 0).to_string(),
    ))
}

async fn show(services: State, viewer: Viewer, Path(which): Path<String>) -> Shown {
    let by_name = !which.contains('@') && which.parse::<factotum_model::PluginId>().is_err();
    let (plugin, versions) = if by_name {
        let versions = plugin::versions(&services, &viewer.caller, &which).await?;
        // The newest upload stands for the plugin.
        let newest = versions.first().cloned().ok_or(OperationError::NotFound)?;
        (newest, versions)
    } else {
        let plugin = plugin::get(&services, &viewer.caller, &which).await?;
        let versions = plugin::versions(&services, &viewer.caller, &plugin.name).await?;
        (plugin, versions)
    };
    let shape = Shape::from(&plugin);
    let difference = Difference::to_the_one_before(&plugin.version, &shape, &versions);
    let shown = PluginPage {
        frame: viewer.frame(format!("Plugin {} {}", plugin.name, plugin.version), HERE),
        newest: versions.first().map_or_else(|| plugin.version.clone(), |newest| newest.version.clone()),
        shape: ShapeView::of(&shape, difference),
        versions: versions.iter().take(VERSIONS_SHOWN).map(Row::from).collect(),
        plugin: Row::from(&plugin),
        may_use: viewer.may(Action::WORKFLOWS_CREATE),
        may_upload: viewer.may(Action::PLUGINS_CREATE),
    };
    Ok(page(StatusCode::OK, &shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::workflow::check_name;

    #[test]
    fn a_files_name_becomes_a_plugins() {
        for (file, name) in [
            ("hello.wasm", "hello"),
            (r"guests\Order Intake.wasm", "order-intake"),
            ("guests/.hidden_one.wasm", "hidden_one"),
            ("größe.wasm", "gr--e"),
        ] {
            assert_eq!(name_of(file), name);
            assert_eq!(check_name(name), Ok(()));
        }
        assert_eq!(name_of(".wasm"), "");
    }
}
