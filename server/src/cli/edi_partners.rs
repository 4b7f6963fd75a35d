//! `factotum edi partners`: set up with whom documents are exchanged.

use http::Method;
use serde_json::{Map, Value, json};

use super::exit::CommandError;
use super::input;
use super::output::{Column, Output};
use super::remote::{Remote, segment};

const COLUMNS: &[Column] =
    &[("NAME", "/name"), ("X12", "/x12/0"), ("EDIFACT", "/edifact/0"), ("ACK", "/ack"), ("USAGE", "/usage")];

/// What to do with trading partners.
#[derive(Debug, clap::Subcommand)]
pub enum PartnersCommand {
    /// List trading partners
    List {
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one trading partner
    Show {
        /// Its name or id
        name: String,
    },
    /// Make a trading partner
    Create {
        /// What it is called here
        name: String,
        #[command(flatten)]
        terms: Box<Terms>,
    },
    /// Change what is given of a trading partner
    Update {
        /// Its name or id
        name: String,
        #[command(flatten)]
        terms: Box<Terms>,
    },
    /// Delete a trading partner; what came from it stays
    Delete {
        /// Its name or id
        name: String,
    },
}

/// Who it is, and what was agreed.
#[derive(Debug, clap::Args)]
pub struct Terms {
    /// All of it: JSON, @FILE, or - for stdin; the other options go before it
    #[arg(long, value_name = "JSON")]
    config: Option<String>,
    /// Its id in X12, such as ZZ:ACME; may be given several times
    #[arg(long, value_name = "ID")]
    x12: Vec<String>,
    /// Its id in EDIFACT, such as 4012345000009:14; may be given several times
    #[arg(long, value_name = "ID")]
    edifact: Vec<String>,
    /// Our id in X12, such as ZZ:ME
    #[arg(long, value_name = "ID")]
    ours_x12: Option<String>,
    /// Our id in EDIFACT
    #[arg(long, value_name = "ID")]
    ours_edifact: Option<String>,
    /// What its documents are answered with
    #[arg(long, value_parser = ["auto", "997", "999", "contrl", "none"])]
    ack: Option<String>,
    /// When an X12 interchange is answered by a TA1
    #[arg(long, value_parser = ["asked", "always", "never"])]
    ta1: Option<String>,
    /// How far its documents are checked
    #[arg(long, value_parser = ["envelope", "grammar"])]
    validation: Option<String>,
    /// What becomes of control numbers that came before with other bytes
    #[arg(long, value_parser = ["reject", "flag"])]
    duplicates: Option<String>,
    /// For how many days control numbers are remembered
    #[arg(long, value_name = "DAYS")]
    window_days: Option<u32>,
    /// Which of its interchanges are meant
    #[arg(long, value_parser = ["any", "production", "test"])]
    usage: Option<String>,
    /// A document type that was agreed on, such as 850; may be given several times
    #[arg(long, value_name = "TYPE")]
    set: Vec<String>,
    /// A version that was agreed on, such as 004010; may be given several times
    #[arg(long, value_name = "VERSION")]
    agreed_version: Vec<String>,
}

impl Terms {
    fn body(self) -> Result<Map<String, Value>, CommandError> {
        let config = self.config.as_deref().map_or_else(|| Ok(json!({})), input::json)?;
        let Value::Object(mut body) = config else {
            return Err(CommandError::usage("--config must be a JSON object"));
        };
        let lists = [
            ("x12", self.x12),
            ("edifact", self.edifact),
            ("sets", self.set),
            ("versions", self.agreed_version),
        ];
        for (name, list) in lists {
            if !list.is_empty() {
                body.insert(name.to_owned(), json!(list));
            }
        }
        let words = [
            ("ack", self.ack),
            ("ta1", self.ta1),
            ("validation", self.validation),
            ("duplicates", self.duplicates),
            ("usage", self.usage),
        ];
        for (name, word) in words {
            body.extend(word.map(|word| (name.to_owned(), json!(word))));
        }
        body.extend(self.window_days.map(|days| ("window_days".to_owned(), json!(days))));
        for (name, id) in [("x12", self.ours_x12), ("edifact", self.ours_edifact)] {
            if let Some(id) = id {
                body.entry("ours").or_insert_with(|| json!({}))[name] = id.into();
            }
        }
        Ok(body)
    }
}

/// Does it.
pub async fn run(command: PartnersCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let at = |name: &str| format!("/edi/partners/{}", segment(name));
    match command {
        PartnersCommand::List { limit } => {
            output.list(&remote.list("/edi/partners", &[], limit).await?, COLUMNS)
        }
        PartnersCommand::Show { name } => output.thing(&remote.get(&at(&name)).await?),
        PartnersCommand::Create { name, terms } => {
            let mut body = terms.body()?;
            body.insert("name".to_owned(), name.into());
            output.thing(&remote.json(Method::POST, "/edi/partners", Some(&Value::Object(body))).await?)
        }
        PartnersCommand::Update { name, terms } => {
            let mut body = terms.body()?;
            // Whole objects replace each other: of ours, one id alone may be given.
            if let Some(given) = body.get("ours").cloned() {
                let mut ours = remote.get(&at(&name)).await?["ours"].take();
                for (standard, id) in given.as_object().into_iter().flatten() {
                    ours[standard.as_str()] = id.clone();
                }
                body.insert("ours".to_owned(), ours);
            }
            output.thing(&remote.json(Method::PATCH, &at(&name), Some(&Value::Object(body))).await?)
        }
        PartnersCommand::Delete { name } => {
            remote.json(Method::DELETE, &at(&name), None).await?;
            output.thing(&json!({"deleted": name}))
        }
    }
}
