//! `factotum secret`: set secrets that workflows use. What must hold: a value comes on stdin, never as an argument, which everyone on
//! the machine could read.

use http::Method;
use serde_json::json;

use super::exit::CommandError;
use super::input;
use super::output::{Column, Output};
use super::remote::{Remote, segment};

const COLUMNS: &[Column] = &[("NAME", "/name"), ("UPDATED", "/updated_at")];

/// What to do with secrets.
#[derive(Debug, clap::Subcommand)]
pub enum SecretCommand {
    /// Set a secret to what comes on stdin, without the newline at its end
    Set {
        /// Its name
        name: String,
    },
    /// List the names of secrets
    List {
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Delete a secret
    Delete {
        /// Its name
        name: String,
    },
}

/// Does it.
pub async fn run(command: SecretCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let at = |name: &str| format!("/secrets/{}", segment(name));
    match command {
        SecretCommand::Set { name } => {
            let value = input::stdin()?;
            let value = value.strip_suffix('\n').unwrap_or(&value);
            let value = value.strip_suffix('\r').unwrap_or(value);
            output.thing(&remote.json(Method::PUT, &at(&name), Some(&json!({"value": value}))).await?)
        }
        SecretCommand::List { limit } => output.list(&remote.list("/secrets", &[], limit).await?, COLUMNS),
        SecretCommand::Delete { name } => {
            remote.json(Method::DELETE, &at(&name), None).await?;
            output.thing(&json!({"deleted": name}))
        }
    }
}
