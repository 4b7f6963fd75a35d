//! A workflow as the world sees it.

use std::collections::BTreeMap;

use factotum_storage::workflows::Workflow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::schema;

/// A workflow with its current version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Workflow")]
pub struct WorkflowView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Grows with each change, from 1.
    pub version: i64,
    /// `name@version` of its plugin.
    pub plugin: String,
    /// The component.
    pub plugin_digest: String,
    /// What it may need.
    pub grants: Vec<String>,
    /// What its `config` capability answers.
    pub config: Value,
    /// Bounds of one attempt, all of them.
    pub limits: BTreeMap<&'static str, u64>,
    /// When a failed attempt is followed by another.
    pub retry: Value,
    /// How many of its runs may be running at a time.
    pub concurrency: Option<u32>,
    /// activity, or data_access: each call of the host is on the record too.
    pub audit: &'static str,
    /// Whether its runs wait.
    pub paused: bool,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

impl From<&Workflow> for WorkflowView {
    fn from(workflow: &Workflow) -> Self {
        Self {
            id: workflow.id.to_string(),
            name: workflow.name.clone(),
            version: workflow.version,
            plugin: workflow.plugin.clone(),
            plugin_digest: workflow.digest.to_string(),
            grants: workflow.grants.iter().map(ToString::to_string).collect(),
            config: workflow.config.clone(),
            limits: workflow.limits.fields().into_iter().collect(),
            retry: serde_json::to_value(&workflow.retry).unwrap_or_default(),
            concurrency: workflow.concurrency,
            audit: workflow.audit.as_str(),
            paused: workflow.paused_at.is_some(),
            created_at: workflow.created_at.to_string(),
            updated_at: workflow.updated_at.to_string(),
        }
    }
}

/// What `PUT /workflows/{name}` takes: the form of `factotum_model::workflow::WorkflowSpec`, for the OpenAPI document.
#[derive(JsonSchema)]
#[schemars(rename = "WorkflowSpec", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; the model, which knows no OpenAPI, reads the value")]
pub struct SpecSchema {
    /// `name@version` of an uploaded plugin.
    #[schemars(schema_with = "schema::plugin")]
    plugin: String,
    /// The grants it needs; it never has more than these and its principal's.
    #[schemars(schema_with = "schema::grants", default)]
    grants: Vec<String>,
    /// What its `config` capability answers.
    #[schemars(default)]
    config: Value,
    /// Bounds of one attempt; the server's settings may lower the maxima.
    #[schemars(schema_with = "schema::limits", default)]
    limits: Value,
    /// When to try again: executions in all with the first included, the wait before the second in milliseconds, which doubles each
    /// time, and the error codes that are retried; all that are not permanent unless given.
    #[schemars(schema_with = "schema::retry", default)]
    retry: Value,
    /// How many of its runs may be running at a time; null for no limit.
    #[schemars(schema_with = "schema::concurrency", default)]
    concurrency: Option<u32>,
    /// How much of what its runs do is on the record: data_access is each call of the host too.
    #[schemars(schema_with = "schema::audit_class", default)]
    audit: String,
}
