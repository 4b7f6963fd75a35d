//! `factotum trigger`: set up what starts workflows.

use http::Method;
use serde_json::{Value, json};

use super::exit::CommandError;
use super::input;
use super::output::{Column, Output};
use super::remote::{Remote, segment};
use super::workflow::paused;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("WORKFLOW", "/workflow"),
    ("KIND", "/kind"),
    ("PAUSED", "/paused"),
    ("ACCEPTED", "/counts/accepted"),
    ("NEXT", "/next_firings/0/at"),
];

/// What to do with triggers.
#[derive(Debug, clap::Subcommand)]
pub enum TriggerCommand {
    /// Make a trigger
    Create {
        /// The workflow that it starts
        workflow: String,
        /// What kind
        #[arg(value_parser = ["webhook", "email", "schedule"])]
        kind: String,
        /// Its configuration: JSON, @FILE, or - for stdin
        #[arg(long, value_name = "JSON")]
        config: Option<String>,
        /// schedule: when, such as "*/5 * * * *"
        #[arg(long)]
        cron: Option<String>,
        /// schedule: an IANA time zone, such as Europe/Berlin
        #[arg(long)]
        timezone: Option<String>,
        /// email: what its address begins with, such as orders
        #[arg(long)]
        name: Option<String>,
        /// webhook: what the sender is answered
        #[arg(long, value_parser = ["accepted", "outcome"])]
        reply: Option<String>,
    },
    /// List triggers
    List {
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one trigger
    Show {
        /// Its id
        id: String,
    },
    /// Let it start nothing
    Pause {
        /// Its id
        id: String,
    },
    /// Let it start runs again
    Resume {
        /// Its id
        id: String,
    },
    /// Delete a trigger
    Delete {
        /// Its id
        id: String,
    },
}

/// Does it.
pub async fn run(command: TriggerCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let at = |id: &str| format!("/triggers/{}", segment(id));
    match command {
        TriggerCommand::Create { workflow, kind, config, cron, timezone, name, reply } => {
            let mut config = config.as_deref().map_or_else(|| Ok(json!({})), input::json)?;
            let Some(fields) = config.as_object_mut() else {
                return Err(CommandError::usage("--config must be a JSON object"));
            };
            for (name, value) in [("cron", cron), ("timezone", timezone), ("name", name), ("reply", reply)] {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), Value::String(value));
                }
            }
            let trigger = json!({"workflow": workflow, "kind": kind, "config": config});
            output.thing(&remote.json(Method::POST, "/triggers", Some(&trigger)).await?)
        }
        TriggerCommand::List { limit } => output.list(&remote.list("/triggers", &[], limit).await?, COLUMNS),
        TriggerCommand::Show { id } => output.thing(&remote.get(&at(&id)).await?),
        TriggerCommand::Pause { id } => output.thing(&paused(remote, &at(&id), true).await?),
        TriggerCommand::Resume { id } => output.thing(&paused(remote, &at(&id), false).await?),
        TriggerCommand::Delete { id } => {
            remote.json(Method::DELETE, &at(&id), None).await?;
            output.thing(&json!({"deleted": id}))
        }
    }
}
