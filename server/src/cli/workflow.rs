//! `factotum workflow`: set up, run and pause workflows.

use http::Method;
use serde_json::{Value, json};

use super::exit::CommandError;
use super::input;
use super::output::{Column, Output};
use super::remote::{Remote, query, segment};

const COLUMNS: &[Column] =
    &[("NAME", "/name"), ("PLUGIN", "/plugin"), ("GRANTS", "/grants"), ("PAUSED", "/paused"), ("ID", "/id")];

/// What to do with workflows.
#[derive(Debug, clap::Subcommand)]
pub enum WorkflowCommand {
    /// Make or change a workflow from a JSON file
    #[command(visible_alias = "apply")]
    Put {
        /// Its name
        name: String,
        /// A JSON file {"plugin": "NAME@VERSION", "grants": […], …}; - for stdin
        file: String,
    },
    /// List workflows
    List {
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one workflow
    Show {
        /// Its name
        name: String,
    },
    /// Start a run
    ///
    /// With --wait, exits with 1 unless the run succeeds.
    Run {
        /// Its name
        name: String,
        /// What the run is given: JSON, @FILE, or - for stdin
        #[arg(long, default_value = "null", value_name = "JSON")]
        input: String,
        /// Wait up to so many seconds for the outcome
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u32>,
    },
    /// Let its runs wait
    Pause {
        /// Its name
        name: String,
    },
    /// Let its runs go on
    Resume {
        /// Its name
        name: String,
    },
    /// Delete a workflow and its triggers
    Delete {
        /// Its name
        name: String,
    },
}

/// Does it.
pub async fn run(command: WorkflowCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let at = |name: &str| format!("/workflows/{}", segment(name));
    match command {
        WorkflowCommand::Put { name, file } => {
            let spec = input::json(&if file == "-" { file } else { format!("@{file}") })?;
            output.thing(&remote.json(Method::PUT, &at(&name), Some(&spec)).await?)
        }
        WorkflowCommand::List { limit } => {
            output.list(&remote.list("/workflows", &[], limit).await?, COLUMNS)
        }
        WorkflowCommand::Show { name } => output.thing(&remote.get(&at(&name)).await?),
        WorkflowCommand::Run { name, input, wait } => {
            let wait = wait.map(|seconds| seconds.to_string());
            let path = format!("{}/runs{}", at(&name), query(&[("wait", wait.as_deref())]));
            let answer = remote.json(Method::POST, &path, Some(&input::json(&input)?)).await?;
            started(&answer, output)
        }
        WorkflowCommand::Pause { name } => output.thing(&paused(remote, &at(&name), true).await?),
        WorkflowCommand::Resume { name } => output.thing(&paused(remote, &at(&name), false).await?),
        WorkflowCommand::Delete { name } => {
            remote.json(Method::DELETE, &at(&name), None).await?;
            output.thing(&json!({"deleted": name}))
        }
    }
}

/// Pauses or resumes what a path names.
pub(super) async fn paused(remote: &Remote, path: &str, paused: bool) -> Result<Value, CommandError> {
    remote.json(Method::PATCH, path, Some(&json!({"paused": paused}))).await
}

/// Shows a run that was started, and fails if it has ended without success.
pub(super) fn started(answer: &Value, output: Output) -> Result<(), CommandError> {
    let run = &answer["run"];
    if output.json {
        output.document(answer)?;
    } else {
        output.thing(run)?;
    }
    let state = run["state"].as_str().unwrap_or_default();
    if matches!(state, "failed" | "dead" | "cancelled") {
        let message = run.pointer("/outcome/error/message").and_then(Value::as_str).unwrap_or_default();
        let id = run["id"].as_str().unwrap_or_default();
        return Err(CommandError::failed(format!("run {id} {state}: {}", super::output::harmless(message))));
    }
    Ok(())
}
