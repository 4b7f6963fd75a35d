//! `factotum run`: look at runs, cancel and replay them.

use http::Method;
use serde_json::Value;

use super::exit::CommandError;
use super::output::{Column, Output, harmless};
use super::remote::{Remote, segment};

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("STATE", "/state"),
    ("WORKFLOW", "/workflow"),
    ("PRINCIPAL", "/principal/name"),
    ("BY", "/initiator/kind"),
    ("CREATED", "/timings/created_at"),
    ("ERROR", "/outcome/error/code"),
];

/// What to do with runs.
#[derive(Debug, clap::Subcommand)]
pub enum RunCommand {
    /// List runs, newest first
    List {
        /// Of this workflow
        #[arg(long)]
        workflow: Option<String>,
        /// In this state
        #[arg(long)]
        state: Option<String>,
        /// Started by this trigger
        #[arg(long)]
        trigger: Option<String>,
        /// Run as this account
        #[arg(long)]
        account: Option<String>,
        /// Started by this run
        #[arg(long)]
        parent: Option<String>,
        /// Dead letters: out of retries, and neither replayed nor dismissed
        #[arg(long)]
        dead_letters: bool,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one run
    Show {
        /// Its id
        id: String,
    },
    /// Show what a run logged
    Logs {
        /// Its id
        id: String,
    },
    /// End a run
    Cancel {
        /// Its id
        id: String,
    },
    /// Start a new run of the same event, under your own account
    Replay {
        /// Its id
        id: String,
    },
    /// Take a dead run off the dead letters without running it again
    Dismiss {
        /// Its id
        id: String,
    },
}

/// Does it.
pub async fn run(command: RunCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let at = |id: &str| format!("/runs/{}", segment(id));
    match command {
        RunCommand::List { workflow, state, trigger, account, parent, dead_letters, limit } => {
            let filters = [
                ("workflow", workflow.as_deref()),
                ("state", state.as_deref()),
                ("trigger", trigger.as_deref()),
                ("account", account.as_deref()),
                ("parent", parent.as_deref()),
                ("dead_letter", dead_letters.then_some("true")),
            ];
            output.list(&remote.list("/runs", &filters, limit).await?, COLUMNS)
        }
        RunCommand::Show { id } => output.thing(&remote.get(&at(&id)).await?),
        RunCommand::Logs { id } => {
            let logs = remote.list(&format!("{}/logs", at(&id)), &[], usize::MAX).await?;
            if output.json {
                return output.document(&logs);
            }
            let text = |line: &Value, name: &str| harmless(line[name].as_str().unwrap_or_default());
            let number = |line: &Value, name: &str| line[name].as_u64().unwrap_or_default();
            let items = logs["items"].as_array().map_or(&[][..], Vec::as_slice);
            let lines = items.iter().map(|line| {
                let (attempt, at_ms) = (number(line, "attempt"), number(line, "at_ms"));
                let fields: Vec<String> = line["fields"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| {
                        format!("  {}={}", harmless(name), harmless(value.as_str().unwrap_or_default()))
                    })
                    .collect();
                let fields = fields.concat();
                let (level, message) = (text(line, "level"), text(line, "message"));
                format!("{attempt}  {at_ms:>6} ms  {level:5}  {message}{fields}\n")
            });
            let lines: Vec<String> = lines.collect();
            output.bytes(lines.concat().as_bytes())
        }
        RunCommand::Cancel { id } => {
            output.thing(&remote.json(Method::POST, &format!("{}/cancel", at(&id)), None).await?["run"])
        }
        RunCommand::Replay { id } => {
            output.thing(&remote.json(Method::POST, &format!("{}/replay", at(&id)), None).await?["run"])
        }
        RunCommand::Dismiss { id } => {
            output.thing(&remote.json(Method::POST, &format!("{}/dismiss", at(&id)), None).await?["run"])
        }
    }
}
