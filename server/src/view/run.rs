//! A run as the world sees it.

use factotum_model::Outcome;
use factotum_storage::runs::Run;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::AccountView;

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// queued, running, waiting, succeeded, failed, dead or cancelled.
    pub state: &'static str,
    /// Whom it runs as.
    pub principal: AccountView,
    /// What started it.
    pub initiator: InitiatorView,
    /// The grants it has: its principal's and its workflow's.
    pub authority: Vec<String>,
    /// The grants that its workflow declares and it lacks. To give it these, run it with a key that holds them.
    pub missing_grants: Vec<String>,
    /// Executions so far.
    pub attempt: u32,
    /// The workflow's name.
    pub workflow: String,
    /// The version of the workflow.
    pub workflow_version: i64,
    /// The component.
    pub plugin_digest: String,
    /// The event's id.
    pub event: String,
    /// The trigger's id, if one started it.
    pub trigger: Option<String>,
    /// The runs above it, each of which started the next, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// The run that it repeats.
    pub replay_of: Option<String>,
    /// `{"output": any}` or `{"error": {"code", "message"}}`, once it has ended.
    pub outcome: Option<Value>,
    /// How the last attempt failed, while another is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Value>,
    /// When what happened.
    pub timings: TimingsView,
    /// What its last attempt used.
    pub usage: Option<Value>,
}

/// What started a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Initiator")]
pub struct InitiatorView {
    /// webhook, email, schedule, edi, member, api, run or system.
    pub kind: &'static str,
    /// The trigger's, key's, account's or parent run's id.
    pub id: Option<String>,
}

/// When what happened to a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Timings")]
pub struct TimingsView {
    /// When it was accepted.
    pub created_at: String,
    /// When its first attempt began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// When its next attempt is due.
    pub due_at: Option<String>,
    /// When it was replayed or dismissed, if it ended dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled_at: Option<String>,
}

/// A run that was started, as `{"run": …}`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StartedRun")]
pub struct StartedView {
    /// The run.
    pub run: RunView,
}

/// A line of a run's log.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LogLine")]
pub struct LogLineView {
    /// The attempt that wrote it.
    pub attempt: u32,
    /// The line: level, message, when, fields.
    #[serde(flatten)]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    pub line: Value,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        let error = run.error.as_ref().map(|(code, message)| {
            serde_json::to_value(Outcome::Error { code: *code, message: message.clone() }).unwrap_or_default()
        });
        let output = run.output.as_deref().map(
            |text| serde_json::json!({"output": serde_json::from_str::<Value>(text).unwrap_or(Value::Null)}),
        );
        let ended = run.state.is_terminal();
        let last_error = error.clone().filter(|_| !ended).map(|mut e| e["error"].take());
        Self {
            id: run.id.to_string(),
            state: run.state.as_str(),
            principal: (&run.principal).into(),
            initiator: InitiatorView { kind: run.initiator.kind.as_str(), id: run.initiator.id.clone() },
            authority: run.authority.clone(),
            missing_grants: run.missing_grants.clone(),
            attempt: run.attempt,
            workflow: run.workflow.clone(),
            workflow_version: run.workflow_version,
            plugin_digest: run.plugin_digest.to_string(),
            event: run.event_id.to_string(),
            trigger: run.trigger_id.map(|id| id.to_string()),
            chain: run.chain.iter().map(ToString::to_string).collect(),
            replay_of: run.replay_of.map(|id| id.to_string()),
            outcome: if ended { output.or(error) } else { None },
            last_error,
            timings: TimingsView {
                created_at: run.created_at.to_string(),
                started_at: run.started_at.map(|t| t.to_string()),
                finished_at: run.finished_at.map(|t| t.to_string()),
                due_at: run.due_at.map(|t| t.to_string()),
                handled_at: run.handled_at.map(|t| t.to_string()),
            },
            usage: run.usage.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}
