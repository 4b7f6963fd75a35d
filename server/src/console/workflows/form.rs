//! Making and changing a workflow by a form. What must hold: what the chosen plugin may ask for is offered as grants, narrow ones first; what was typed
//! stays; nobody's change is overwritten unseen.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery};
use factotum_model::workflow::{AuditClass, Limits, RetryPolicy, WorkflowSpec};
use factotum_model::{Action, ErrorCode, Grants};
use factotum_storage::workflows::Workflow;
use http::StatusCode;
use serde_json::Value;

use super::grants::{self, OWN, Offered};
use super::{HERE, amount, indented, words_of};
use crate::api::body;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::page::{go, page};
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::page::MAX_LIMIT;
use crate::operations::{OperationError, Page, Services, plugin, workflow};

/// The fields that have a place for a fault of their own.
const FIELDS: [&str; 6] = ["name", "plugin", "config", "grants", "limits", "retry"];

pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::get("/new/workflow", "page.workflows.new", "Make a workflow")
                .grant(Action::WORKFLOWS_CREATE),
            blank,
        )
        .add(
            Endpoint::post(HERE, "page.workflows.create", "Make a workflow").grant(Action::WORKFLOWS_CREATE),
            create,
        )
        .add(
            Endpoint::get("/workflows/{name}/edit", "page.workflow.edit", "Change a workflow")
                .grant(Action::WORKFLOWS_UPDATE),
            edit,
        )
        .add(
            Endpoint::post("/workflows/{name}", "page.workflow.change", "Change a workflow")
                .grant(Action::WORKFLOWS_UPDATE),
            change,
        )
}

/// What a form holds, as typed.
#[derive(Debug, Default, Clone)]
struct Typed {
    name: String,
    plugin: String,
    config: String,
    /// Grants that are chosen by a box, with [`OWN`] for the name.
    boxes: Vec<String>,
    /// The others, one a line.
    others: String,
    limits: Vec<String>,
    attempts: String,
    backoff_ms: String,
    on: String,
    concurrency: String,
    audit: String,
    /// The version that the form was filled from.
    version: String,
}

#[derive(Template)]
#[template(path = "workflows/form.html")]
struct FormPage {
    frame: Frame,
    faults: Faults,
    /// Whether it is there already.
    old: bool,
    action: String,
    typed: Typed,
    plugins: Vec<(String, String)>,
    offered: Vec<Offered>,
    /// Whether the plugin was looked at.
    looked: bool,
    limits: Vec<(String, &'static str, String, String)>,
    audits: [(&'static str, &'static str); 2],
}

impl Typed {
    fn blank(plugin: String, name: String) -> Self {
        Self {
            name,
            plugin,
            config: "{}".to_owned(),
            limits: Limits::default().fields().map(|(_, value)| value.to_string()).to_vec(),
            attempts: RetryPolicy::default().attempts.to_string(),
            backoff_ms: RetryPolicy::default().backoff_ms.to_string(),
            audit: AuditClass::default().as_str().to_owned(),
            ..Self::default()
        }
    }

    fn of(workflow: &Workflow) -> Self {
        let lines: Vec<_> = workflow.grants.iter().map(ToString::to_string).collect();
        let codes: Vec<_> = workflow.retry.on.iter().map(|code| code.as_str()).collect();
        Self {
            name: workflow.name.clone(),
            plugin: workflow.plugin.clone(),
            config: indented(&workflow.config),
            boxes: Vec::new(),
            others: lines.join("\n"),
            limits: workflow.limits.fields().map(|(_, value)| value.to_string()).to_vec(),
            attempts: workflow.retry.attempts.to_string(),
            backoff_ms: workflow.retry.backoff_ms.to_string(),
            on: codes.join(", "),
            concurrency: workflow.concurrency.map(|most| most.to_string()).unwrap_or_default(),
            audit: workflow.audit.as_str().to_owned(),
            version: workflow.version.to_string(),
        }
    }

    fn read(fields: &Fields, name: Option<&str>) -> Self {
        Self {
            name: name.map_or_else(|| fields.text("name"), ToOwned::to_owned),
            plugin: fields.text("plugin"),
            config: fields.text("config"),
            boxes: fields.all("grants"),
            others: fields.text("others"),
            limits: Limits::default()
                .fields()
                .map(|(field, _)| fields.text(&format!("limits.{field}")))
                .to_vec(),
            attempts: fields.text("retry.attempts"),
            backoff_ms: fields.text("retry.backoff_ms"),
            on: fields.text("retry.on"),
            concurrency: fields.text("concurrency"),
            audit: fields.text("audit"),
            version: fields.text("version"),
        }
    }

    /// All grants, each once: a box may stand for what is written below as well.
    fn grants(&self) -> Vec<String> {
        let boxes = self.boxes.iter().map(|grant| grant.replace(OWN, &self.name));
        let mut all: Vec<String> = Vec::new();
        for grant in boxes.chain(self.others.split([',', '\n', '\r', ' ', '\t']).map(ToOwned::to_owned)) {
            if !grant.is_empty() && !all.contains(&grant) {
                all.push(grant);
            }
        }
        all
    }

    fn spec(&self) -> Result<WorkflowSpec, OperationError> {
        let config = if self.config.is_empty() { "{}" } else { &self.config };
        body::check(config.as_bytes())
            .map_err(|problem| OperationError::invalid("config", problem.detail))?;
        let config: Value = serde_json::from_str(config).map_err(|e| OperationError::invalid("config", e))?;
        if !config.is_object() {
            return Err(OperationError::invalid(
                "config",
                "a JSON object is expected, such as {\"key\": \"value\"}",
            ));
        }
        let mut limits = [0; 8];
        for ((at, (field, default)), limit) in
            Limits::default().fields().into_iter().enumerate().zip(&mut limits)
        {
            let typed = self.limits.get(at).map_or("", String::as_str);
            *limit = number(&format!("limits.{field}"), typed, default)?;
        }
        let [wall_ms, cpu_ms, memory_bytes, output_bytes, log_bytes, host_calls, http_requests, http_bytes] =
            limits;
        let words = self.on.split([',', ' ', '\n']).map(str::trim).filter(|word| !word.is_empty());
        let code = |word| {
            ErrorCode::from_word(word)
                .ok_or_else(|| OperationError::invalid("retry.on", format!("`{word}` is not an error code")))
        };
        let default = RetryPolicy::default();
        let attempts = number("retry.attempts", &self.attempts, default.attempts.into())?;
        let concurrency = match self.concurrency.as_str() {
            "" => None,
            typed => Some(u32::try_from(number("concurrency", typed, 0)?).unwrap_or(u32::MAX)),
        };
        Ok(WorkflowSpec {
            plugin: self.plugin.clone(),
            grants: Grants::parse(&self.grants()).map_err(|e| OperationError::invalid("grants", e))?,
            config,
            limits: Limits {
                wall_ms,
                cpu_ms,
                memory_bytes,
                output_bytes,
                log_bytes,
                host_calls,
                http_requests,
                http_bytes,
            },
            retry: RetryPolicy {
                attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                backoff_ms: number("retry.backoff_ms", &self.backoff_ms, default.backoff_ms)?,
                on: words.map(code).collect::<Result<_, _>>()?,
            },
            concurrency,
            audit: AuditClass::from_word(&self.audit).unwrap_or_default(),
        })
    }
}

fn number(field: &str, typed: &str, default: u64) -> Result<u64, OperationError> {
    if typed.is_empty() {
        return Ok(default);
    }
    typed.parse().map_err(|_| OperationError::invalid(field, "a whole number is expected"))
}

impl FormPage {
    /// The form. `fresh`: nobody has chosen grants yet, so what is proposed is chosen.
    async fn of(
        services: &Services,
        viewer: &Viewer,
        mut typed: Typed,
        (old, fresh): (bool, bool),
        faults: Faults,
    ) -> Result<Self, Refusal> {
        let mut plugins = Vec::new();
        let mut imports = None;
        if viewer.may(Action::PLUGINS_READ) {
            let all = plugin::list(services, &viewer.caller, Page { limit: MAX_LIMIT, cursor: None }).await?;
            plugins.extend(all.items.iter().map(|p| format!("{}@{}", p.name, p.version)));
            let chosen = all.items.into_iter().zip(&plugins).find(|(_, name)| **name == typed.plugin);
            imports = chosen.map(|(plugin, _)| plugin.imports);
        }
        if !typed.plugin.is_empty() && !plugins.contains(&typed.plugin) {
            plugins.insert(0, typed.plugin.clone());
        }
        let mut offered = grants::offered(imports.as_deref().unwrap_or_default(), &typed.name);
        // What is granted already is chosen by its box, and not written below as well.
        let granted = typed.grants();
        let mut others = granted.clone();
        for one in &mut offered {
            let plain = one.grant.replace(OWN, &typed.name);
            let is_granted = granted.contains(&plain);
            one.chosen = if fresh { one.chosen || is_granted } else { is_granted };
            others.retain(|grant| *grant != plain);
        }
        typed.others = others.join("\n");
        let maximum = services.limits.maximum.fields();
        let limits = maximum.iter().enumerate().map(|(at, (field, most))| {
            let value = typed.limits.get(at).cloned().unwrap_or_default();
            let unit = if field.ends_with("_ms") {
                "in milliseconds, "
            } else if field.ends_with("_bytes") {
                "in bytes, "
            } else {
                ""
            };
            (
                format!("limits.{field}"),
                words_of(field),
                format!("{unit}at most {}", amount(field, *most)),
                value,
            )
        });
        let title = if old { format!("Edit {}", typed.name) } else { "New workflow".to_owned() };
        Ok(Self {
            frame: viewer.frame(title, HERE),
            faults,
            old,
            action: if old { format!("/workflows/{}", typed.name) } else { HERE.to_owned() },
            looked: imports.is_some(),
            limits: limits.collect(),
            plugins: plugins.into_iter().map(|name| (name.clone(), name)).collect(),
            offered,
            typed,
            audits: [
                ("activity", "activity: accepted, ended, refused"),
                ("data_access", "data access: each call of the host too"),
            ],
        })
    }

    /// The words that stand over the form.
    fn whole(&self) -> &str {
        let beside =
            FIELDS.iter().chain(&["concurrency", "audit"]).any(|field| !self.faults.at(field).is_empty());
        if beside { "" } else { &self.faults.words }
    }

    /// Whether the rarer settings are shown: where a fault is among them.
    fn rarer(&self) -> bool {
        ["limits", "retry", "concurrency", "audit"].iter().any(|field| !self.faults.at(field).is_empty())
    }
}

async fn blank(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    let doing = viewer.caller.allowed(&services, "workflow.put", Action::WORKFLOWS_CREATE, None, None);
    doing.await?;
    let asked = Fields::of_query(query.as_deref());
    let plugin = asked.text("plugin");
    // A workflow is mostly called as its plugin is.
    let name = plugin.split('@').next().unwrap_or_default().to_owned();
    let typed = Typed::blank(plugin, name);
    let shown = FormPage::of(&services, &viewer, typed, (false, true), Faults::default()).await?;
    Ok(page(StatusCode::OK, &shown))
}

async fn create(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let typed = Typed::read(&fields, None);
    if fields.text("do") == "look" {
        return look(&services, &viewer, typed, false).await;
    }
    let taken = match workflow::get(&services, &viewer.caller, &typed.name).await {
        Ok(_) => Err(OperationError::invalid(
            "name",
            "there is a workflow of this name already; choose another, or edit that one",
        )),
        Err(OperationError::NotFound) => Ok(()),
        Err(other) => Err(other),
    };
    put(&services, &viewer, typed, taken, false).await
}

async fn edit(services: State, viewer: Viewer, Path(name): Path<String>) -> Shown {
    let doing = viewer.caller.allowed(&services, "workflow.put", Action::WORKFLOWS_UPDATE, Some(&name), None);
    doing.await?;
    let found = workflow::get(&services, &viewer.caller, &name).await?;
    let shown = FormPage::of(&services, &viewer, Typed::of(&found), (true, false), Faults::default()).await?;
    Ok(page(StatusCode::OK, &shown))
}

async fn change(services: State, viewer: Viewer, Path(name): Path<String>, fields: Fields) -> Shown {
    let typed = Typed::read(&fields, Some(&name));
    if fields.text("do") == "look" {
        return look(&services, &viewer, typed, true).await;
    }
    let doing = viewer.caller.allowed(&services, "workflow.put", Action::WORKFLOWS_UPDATE, Some(&name), None);
    doing.await?;
    let found = workflow::get(&services, &viewer.caller, &name).await?;
    let unseen = if found.version.to_string() == typed.version {
        Ok(())
    } else {
        Err(OperationError::Conflict(
            "somebody else changed the workflow meanwhile; open it again to see how, then make your change"
                .to_owned(),
        ))
    };
    put(&services, &viewer, typed, unseen, true).await
}

/// The form with what the chosen plugin may ask for.
async fn look(services: &Services, viewer: &Viewer, typed: Typed, old: bool) -> Shown {
    let shown = FormPage::of(services, viewer, typed, (old, true), Faults::default()).await?;
    Ok(page(StatusCode::OK, &shown))
}

async fn put(
    services: &Services,
    viewer: &Viewer,
    typed: Typed,
    before: Result<(), OperationError>,
    old: bool,
) -> Shown {
    let done = match before.and_then(|()| typed.spec()) {
        Ok(spec) => workflow::put(services, &viewer.caller, &typed.name, spec).await,
        Err(error) => Err(error),
    };
    match done {
        Ok((workflow, _)) => Ok(go(&format!("/workflows/{}", workflow.name))),
        Err(error) => {
            let (status, faults) = Faults::with_status(error)?;
            let shown = FormPage::of(services, viewer, typed, (old, false), faults).await?;
            Ok(page(status, &shown))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(change: impl FnOnce(&mut Typed)) -> Result<WorkflowSpec, String> {
        let mut typed = Typed::blank("echo@1.0.0".into(), "orders".into());
        change(&mut typed);
        typed.spec().map_err(|error| match error {
            OperationError::Invalid { field, .. } => field,
            other => other.to_string(),
        })
    }

    #[test]
    fn a_form_that_nobody_changed_is_the_default() {
        let spec = typed(|_| ()).unwrap();
        assert_eq!(spec, serde_json::from_str(r#"{"plugin": "echo@1.0.0"}"#).unwrap());
        assert_eq!(typed(|t| t.limits.clear()).unwrap().limits, Limits::default());
    }

    #[test]
    fn a_box_for_its_own_name_follows_the_name() {
        let spec = typed(|t| {
            t.boxes = vec![format!("kv:read:{OWN}"), "kv:write".into()];
            t.others = "kv:write\r\nhttp:request:example.com, kv:read:orders".into();
        });
        let grants: Vec<_> = spec.unwrap().grants.iter().map(ToString::to_string).collect();
        assert_eq!(grants, ["http:request:example.com", "kv:read:orders", "kv:write"]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field() {
        assert_eq!(typed(|t| t.config = "{,}".into()), Err("config".into()));
        assert_eq!(typed(|t| t.config = "[1]".into()), Err("config".into()));
        assert_eq!(typed(|t| t.others = "kv:eat".into()), Err("grants".into()));
        assert_eq!(typed(|t| t.limits[1] = "much".into()), Err("limits.cpu_ms".into()));
        assert_eq!(typed(|t| t.on = "trap, tarp".into()), Err("retry.on".into()));
        assert_eq!(typed(|t| t.concurrency = "-1".into()), Err("concurrency".into()));
    }
}
