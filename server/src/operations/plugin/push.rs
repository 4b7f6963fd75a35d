//! Uploading a plugin. What must hold: what is stored can be run here; a version never changes, and the same bytes again are no
//! error.

use bytes::Bytes;
use factotum_host::UploadError;
use factotum_model::audit::Target;
use factotum_model::workflow::check_name;
use factotum_model::{Action, PluginId};
use factotum_storage::plugins::{self, Plugin};

use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::plugin::PluginView;

/// The longest version, in characters.
const MAX_VERSION_CHARS: usize = 64;

/// What is uploaded.
#[derive(Debug)]
pub struct Upload {
    /// The plugin's name.
    pub name: String,
    /// Semantic Versioning 2.0.0: `1.0.0`.
    pub version: String,
    /// The component.
    pub bytes: Bytes,
}

/// Inspects, compiles and stores a component. The plugin, and whether it is new.
pub async fn push(
    services: &Services,
    caller: &Caller,
    upload: Upload,
    once: Option<&Once>,
) -> Result<(Plugin, bool), OperationError> {
    let target = Target::new("plugin", format!("{}@{}", upload.name, upload.version));
    caller
        .allowed(services, "plugin.push", Action::PLUGINS_CREATE, Some(&upload.name), Some(target.clone()))
        .await?;
    check_name(&upload.name)?;
    if upload.version.len() > MAX_VERSION_CHARS || semver::Version::parse(&upload.version).is_err() {
        let version: String = upload.version.chars().take(MAX_VERSION_CHARS).collect();
        return Err(OperationError::invalid(
            "version",
            format!("`{version}` is not a semantic version; write it as `1.0.0`"),
        ));
    }
    // Compiled here, before the transaction: it can take seconds.
    let inspected = services.host.inspect(upload.bytes.clone()).await.map_err(refused)?;
    let plugin = Plugin {
        id: PluginId::random(),
        name: upload.name,
        version: upload.version,
        digest: inspected.digest,
        world: inspected.world.as_str().to_owned(),
        imports: inspected.imports,
        exports: inspected.exports,
        size: inspected.size,
        created_by: caller.principal.id,
        created_at: services.now(),
    };
    let mut work = Work::begin(services, caller, "plugin.push", Some(target)).await?.once(once).await?;
    let done = store(&mut work, plugin, &upload.bytes).await;
    work.end(done).await
}

async fn store(work: &mut Work<'_>, plugin: Plugin, bytes: &[u8]) -> Result<(Plugin, bool), OperationError> {
    let org = work.caller.org_id;
    work.authorize(Action::PLUGINS_CREATE, Some(&plugin.name))?;
    if let Some(stored) = plugins::find(&mut work.tx, org, &plugin.name, &plugin.version).await? {
        if stored.digest == plugin.digest {
            work.doing("plugin.push_again");
            work.answered(200, &PluginView::from(&stored)).await?;
            return Ok((stored, false));
        }
        let (name, version) = (&plugin.name, &plugin.version);
        return Err(OperationError::Conflict(format!(
            "{name}@{version} is there already with other bytes ({}); a version never changes, so upload a new one",
            stored.digest
        )));
    }
    plugins::create(&mut work.tx, org, &plugin, bytes).await?;
    work.target(Target::named("plugin", plugin.id, format!("{}@{}", plugin.name, plugin.version)));
    work.change(serde_json::json!({"after": {"digest": plugin.digest, "world": plugin.world}}));
    work.answered(201, &PluginView::from(&plugin)).await?;
    Ok((plugin, true))
}

pub(super) fn refused(error: UploadError) -> OperationError {
    OperationError::Component(error.to_string())
}
