//! `factotum edi interchanges`: look at what came in by EDI, and at the quarantine.

use http::Method;

use super::exit::CommandError;
use super::output::{Column, Output};
use super::remote::{Remote, segment};

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("CAME", "/received_at"),
    ("STATE", "/state"),
    ("PARTNER", "/partner"),
    ("CONTROL", "/control"),
    ("SETS", "/sets"),
    ("ACCEPTED", "/accepted"),
    ("REASON", "/reason"),
];

/// What to do with interchanges.
#[derive(Debug, clap::Subcommand)]
pub enum InterchangesCommand {
    /// List interchanges, the newest first
    List {
        /// Only those of which this became
        #[arg(long, value_parser = factotum_model::edi::State::WORDS)]
        state: Option<String>,
        /// Only those of this partner
        #[arg(long, value_name = "NAME")]
        partner: Option<String>,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one interchange with its groups, sets and findings
    Show {
        /// Its id
        id: String,
    },
    /// Write the bytes as they came to stdout
    Raw {
        /// Its id
        id: String,
    },
    /// Write its acknowledgement to stdout
    Acknowledgement {
        /// Its id
        id: String,
    },
    /// Take one that is in quarantine
    Release {
        /// Its id
        id: String,
    },
    /// Throw one out of the quarantine
    Discard {
        /// Its id
        id: String,
    },
}

/// Does it.
pub async fn run(command: InterchangesCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let at = |id: &str, what: &str| format!("/edi/interchanges/{}{what}", segment(id));
    match command {
        InterchangesCommand::List { state, partner, limit } => {
            let filters = [("state", state.as_deref()), ("partner", partner.as_deref())];
            output.list(&remote.list("/edi/interchanges", &filters, limit).await?, COLUMNS)
        }
        InterchangesCommand::Show { id } => output.thing(&remote.get(&at(&id, "")).await?),
        InterchangesCommand::Raw { id } => remote.stream(&at(&id, "/raw"), |chunk| output.bytes(chunk)).await,
        InterchangesCommand::Acknowledgement { id } => {
            remote.stream(&at(&id, "/acknowledgement"), |chunk| output.bytes(chunk)).await
        }
        InterchangesCommand::Release { id } => {
            output.thing(&remote.json(Method::POST, &at(&id, "/release"), None).await?)
        }
        InterchangesCommand::Discard { id } => {
            output.thing(&remote.json(Method::POST, &at(&id, "/discard"), None).await?)
        }
    }
}
