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
        #[arg(value_parser = ["webhook", "email", "schedule", "edi"])]
        kind: String,
        /// Its configuration: JSON, @FILE, or - for stdin
        #[arg(long, value_name = "JSON")]
        config: Option<String>,
        /// schedule: when, such as "*/5 * * * *"
        #[arg(long)]
        cron: Option<String>,
        /// schedule: how often, such as 90s or 1h30m, instead of --cron
        #[arg(long)]
        every: Option<String>,
        /// schedule: once, such as 2026-12-24T18:00, instead of --cron
        #[arg(long)]
        at: Option<String>,
        /// schedule: an IANA time zone, such as Europe/Berlin
        #[arg(long)]
        timezone: Option<String>,
        /// email: what its address begins with, such as orders
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        #[expect(missing_docs, reason = "what stood here would be taken for help")]
        edi: Box<EdiOptions>,
        /// webhook: what the sender is answered
        #[arg(long, value_parser = ["accepted", "outcome", "fixed"])]
        reply: Option<String>,
        /// webhook: how the sender proves itself, such as github or standard
        #[arg(long, value_name = "PRESET", requires = "secret_stdin")]
        verify: Option<String>,
        /// webhook: read the secrets from stdin, one a line
        #[arg(long)]
        secret_stdin: bool,
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
    /// Send a sample delivery: a webhook's is signed, a schedule fires once, a mail goes to the trigger's address
    Test {
        /// Its id
        id: String,
        /// webhook: the body; email: what the mail says, as {"from", "subject", "text", "html", "attachments"} or {"raw"}: JSON, @FILE, or - for stdin
        #[arg(long, value_name = "JSON")]
        body: Option<String>,
    },
    /// Fire the times of a schedule in a range of the past, each once
    Backfill {
        /// Its id
        id: String,
        /// From when on: 2026-11-01, 2026-11-01T06:00 (both of the schedule's zone) or 2026-11-01T05:00:00Z
        #[arg(long)]
        from: String,
        /// Until when, that instant excluded
        #[arg(long)]
        until: String,
        /// Only show what would be fired
        #[arg(long)]
        dry_run: bool,
        /// Also times of which is remembered no more whether they were fired: they may fire a second time
        #[arg(long)]
        again: bool,
    },
    /// Give a webhook or an EDI trigger another URL
    Regenerate {
        /// Its id
        id: String,
        /// For how many seconds the old URL goes on
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        overlap: u64,
    },
    /// Delete a trigger
    Delete {
        /// Its id
        id: String,
    },
}

/// What an EDI trigger is told by options.
#[derive(Debug, clap::Args)]
pub struct EdiOptions {
    /// edi: the name of the trading partner, or * for every one
    #[arg(long)]
    partner: Option<String>,
    /// edi: a document type, such as 850 or ORDERS; may be given several times
    #[arg(long, value_name = "TYPE")]
    set: Vec<String>,
}

/// Does it.
pub async fn run(command: TriggerCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let path = |id: &str| format!("/triggers/{}", segment(id));
    match command {
        TriggerCommand::Create {
            workflow,
            kind,
            config,
            cron,
            every,
            at,
            timezone,
            name,
            edi,
            reply,
            verify,
            secret_stdin,
        } => {
            let mut config = config.as_deref().map_or_else(|| Ok(json!({})), input::json)?;
            let Some(fields) = config.as_object_mut() else {
                return Err(CommandError::usage("--config must be a JSON object"));
            };
            let fields_given = [
                ("cron", cron),
                ("every", every),
                ("at", at),
                ("timezone", timezone),
                ("name", name),
                ("partner", edi.partner),
                ("reply", reply),
            ];
            if !edi.set.is_empty() {
                fields.insert("sets".to_owned(), json!(edi.set));
            }
            for (name, value) in fields_given {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), Value::String(value));
                }
            }
            if verify.is_some() || secret_stdin {
                let own = fields.entry("verify").or_insert_with(|| json!({}));
                let Some(own) = own.as_object_mut() else {
                    return Err(CommandError::usage("`verify` in --config must be a JSON object"));
                };
                if let Some(preset) = verify {
                    own.insert("preset".to_owned(), Value::String(preset));
                }
                if secret_stdin {
                    let text = factotum_model::Redacted::new(input::stdin()?);
                    let secrets: Vec<_> =
                        text.expose().lines().map(str::trim).filter(|l| !l.is_empty()).collect();
                    own.insert("secrets".to_owned(), json!(secrets));
                }
            }
            let trigger = json!({"workflow": workflow, "kind": kind, "config": config});
            output.thing(&remote.json(Method::POST, "/triggers", Some(&trigger)).await?)
        }
        TriggerCommand::List { limit } => output.list(&remote.list("/triggers", &[], limit).await?, COLUMNS),
        TriggerCommand::Show { id } => output.thing(&remote.get(&path(&id)).await?),
        TriggerCommand::Pause { id } => output.thing(&paused(remote, &path(&id), true).await?),
        TriggerCommand::Resume { id } => output.thing(&paused(remote, &path(&id), false).await?),
        TriggerCommand::Test { id, body } => {
            let body = body.as_deref().map(input::json).transpose()?;
            let sent = body.map_or_else(|| json!({}), |body| json!({"body": body}));
            output.thing(&remote.json(Method::POST, &format!("{}/test", path(&id)), Some(&sent)).await?)
        }
        TriggerCommand::Backfill { id, from, until, dry_run, again } => {
            let range = json!({"from": from, "until": until, "dry_run": dry_run, "again": again});
            let path = format!("{}/backfill", path(&id));
            output.thing(&remote.json(Method::POST, &path, Some(&range)).await?)
        }
        TriggerCommand::Regenerate { id, overlap } => {
            let path = format!("{}/regenerate?overlap_s={overlap}", path(&id));
            output.thing(&remote.json(Method::POST, &path, None).await?)
        }
        TriggerCommand::Delete { id } => {
            remote.json(Method::DELETE, &path(&id), None).await?;
            output.thing(&json!({"deleted": id}))
        }
    }
}
