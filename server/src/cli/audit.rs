//! `factotum audit`: read the audit trail, and its log.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::audit_tail;
use super::audit_verify::VerifyArgs;
use super::exit::CommandError;
use super::output::{Column, Output};
use super::remote::{Remote, query, segment};

const COLUMNS: &[Column] = &[
    ("AT", "/at"),
    ("ACTION", "/action"),
    ("OUTCOME", "/outcome"),
    ("ACTOR", "/actor/name"),
    ("KIND", "/actor/kind"),
    ("BY", "/initiator/kind"),
    ("TARGET", "/targets/0/id"),
    ("REASON", "/reason"),
];

const KEY_COLUMNS: &[Column] = &[("SINCE", "/created_at"), ("KEY", "/verifier_key")];

/// Which entries.
#[derive(Debug, clap::Args)]
pub struct Filters {
    /// By this kind of actor; service means base and api_key
    #[arg(long, value_parser = ["member", "base", "api_key", "service"])]
    actor_kind: Option<String>,
    /// By this account
    #[arg(long)]
    account: Option<String>,
    /// With this API key
    #[arg(long)]
    key: Option<String>,
    /// Of this action, such as api_key.create or api_key.*
    #[arg(long)]
    action: Option<String>,
    /// With this outcome
    #[arg(long, value_parser = ["ok", "denied", "error"])]
    outcome: Option<String>,
    /// Done to the thing with this id
    #[arg(long)]
    target: Option<String>,
    /// Started by this trigger
    #[arg(long)]
    trigger: Option<String>,
    /// About this run
    #[arg(long)]
    run: Option<String>,
    /// From this address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// At or after this time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// With these words; the last may be the beginning of one
    #[arg(short, long)]
    query: Option<String>,
}

/// What to do with the audit trail.
#[derive(Debug, clap::Subcommand)]
pub enum AuditCommand {
    /// List entries, newest first
    List {
        /// Which
        #[command(flatten)]
        filters: Box<Filters>,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Print entries as they are sealed, until Ctrl-C
    Tail {
        /// Which
        #[command(flatten)]
        filters: Box<Filters>,
        /// Go on after this place, as a tail before this one told it
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
    },
    /// Write entries to stdout or a file
    Export {
        /// Which
        #[command(flatten)]
        filters: Box<Filters>,
        /// In which form
        #[arg(long, value_parser = ["jsonl", "csv", "ocsf"], default_value = "jsonl")]
        format: String,
        /// To this file
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Print the newest signed checkpoint, to be kept elsewhere
    Checkpoint,
    /// List the keys that sign checkpoints, the newest first
    Keys,
    /// Print the proof that an entry is in the signed log, as JSON
    Proof {
        /// The entry
        entry: String,
    },
    /// Verify the trail against its log, on the server's own machine or wherever its database can be reached
    Verify(Box<VerifyArgs>),
}

impl Filters {
    fn pairs(&self) -> [(&'static str, Option<&str>); 12] {
        [
            ("actor_kind", self.actor_kind.as_deref()),
            ("account", self.account.as_deref()),
            ("key", self.key.as_deref()),
            ("action", self.action.as_deref()),
            ("outcome", self.outcome.as_deref()),
            ("target", self.target.as_deref()),
            ("trigger", self.trigger.as_deref()),
            ("run", self.run.as_deref()),
            ("ip", self.ip.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("q", self.query.as_deref()),
        ]
    }
}

/// Does it.
pub async fn run(command: AuditCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    match command {
        AuditCommand::List { filters, limit } => {
            output.list(&remote.list("/audit", &filters.pairs(), limit).await?, COLUMNS)
        }
        AuditCommand::Checkpoint => {
            let mut note = Vec::new();
            let read = remote.stream("/audit/checkpoint", |chunk| {
                note.extend_from_slice(chunk);
                Ok(())
            });
            read.await?;
            if output.json {
                return output.document(&json!({"checkpoint": String::from_utf8_lossy(&note)}));
            }
            output.bytes(&note)
        }
        AuditCommand::Keys => output.list(&remote.get("/audit/keys").await?, KEY_COLUMNS),
        AuditCommand::Proof { entry } => {
            output.document(&remote.get(&format!("/audit/{}/proof", segment(&entry))).await?)
        }
        // It asks no server, and is run before one is looked for.
        AuditCommand::Verify(args) => super::audit_verify::run(&args, output),
        AuditCommand::Tail { filters, after } => {
            audit_tail::follow(&filters.pairs(), after, remote, output, COLUMNS).await
        }
        AuditCommand::Export { filters, format, to } => {
            let mut all = filters.pairs().to_vec();
            all.push(("format", Some(&format)));
            let path = format!("/audit/export{}", query(&all));
            match to {
                None => remote.stream(&path, |chunk| output.bytes(chunk)).await,
                Some(file) => {
                    let mut written = std::fs::File::create(&file)
                        .map_err(|e| CommandError::usage(format!("{}: {e}", file.display())))?;
                    remote.stream(&path, |chunk| Ok(written.write_all(chunk)?)).await
                }
            }
        }
    }
}
