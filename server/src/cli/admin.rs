//! `factotum admin`: what is done on the server's own machine, with its database.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::{Redacted, SystemClock};
use factotum_storage::{Storage, organizations};
use serde_json::json;

use super::exit::CommandError;
use super::input;
use super::output::Output;
use super::serve::{DataArgs, environment};
use crate::config::{master_key, retention};
use crate::operations::audit;
use crate::operations::organization::{
    Bootstrap, BootstrapError, Recovery, RecoveryError, bootstrap, recover,
};
use crate::serve::open;

/// Which of them.
#[derive(Debug, clap::Args)]
pub struct AdminArgs {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AdminCommand {
    /// Make an organization and its first Admin; may be repeated for another organization
    Bootstrap(BootstrapArgs),
    /// Get back in: make somebody an Admin with a new password, on the record
    Recover(RecoverArgs),
    /// Bring the database up to this version of the program
    Migrate {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Remove the sealed beginning of the audit trail that is past its time, as `retention.audit_days` does each hour
    Retain {
        #[command(flatten)]
        data: DataArgs,
        /// Entries older than this go: 30 days or more
        #[arg(long, value_name = "DAYS")]
        days: u64,
        /// Of this organization, by name or id; of all of them unless given
        #[arg(long, value_name = "NAME")]
        org: Option<String>,
    },
    /// Write the database anew, without the traces of what was erased or removed, with the server stopped
    Compact {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Put a new key in the place of the one that signs the audit trail
    RotateAuditKey {
        #[command(flatten)]
        data: DataArgs,
        /// Of this organization only: its name or id
        #[arg(long, value_name = "NAME")]
        org: Option<String>,
    },
    /// Say that the database was restored from a backup: the audit log begins a new epoch
    Restored {
        #[command(flatten)]
        data: DataArgs,
        /// Which backup, and why: it goes on the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Of this organization only: its name or id
        #[arg(long, value_name = "NAME")]
        org: Option<String>,
    },
    /// Put a new master key in the place of the one in the data folder, with the server stopped
    RotateMasterKey {
        #[command(flatten)]
        data: DataArgs,
    },
}

#[derive(Debug, clap::Args)]
struct BootstrapArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The organization's name
    #[arg(long, value_name = "NAME")]
    org: String,
    /// The Admin's e-mail address
    #[arg(long)]
    email: String,
    /// Read the Admin's password from stdin: 15 characters or more
    #[arg(long, required = true)]
    password_stdin: bool,
    /// Make a key with full access under this nickname, and print it, alone
    #[arg(long, value_name = "NICKNAME")]
    api_key: Option<String>,
}

#[derive(Debug, clap::Args)]
struct RecoverArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The person's e-mail address; who is no member yet becomes one
    #[arg(long)]
    email: String,
    /// Why: it goes on the record before anything is done
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Read the new password from stdin: 15 characters or more
    #[arg(long, required = true)]
    password_stdin: bool,
    /// The organization's name, where there are several
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
}

/// Does it.
pub fn run(args: AdminArgs, output: Output) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match args.command {
            AdminCommand::Bootstrap(args) => make(args, output).await,
            AdminCommand::Recover(args) => get_back_in(args, output).await,
            AdminCommand::Migrate { data } => migrate(&data, output).await,
            AdminCommand::Retain { data, days, org } => retain(&data, days, org.as_deref(), output).await,
            AdminCommand::Compact { data } => compact(&data, output).await,
            AdminCommand::RotateMasterKey { data } => rotate(&data, output).await,
            AdminCommand::RotateAuditKey { data, org } => {
                let storage = opened(&data).await?;
                let done = audit::rotate_key(&storage, &SystemClock, org.as_deref()).await;
                storage.close().await;
                kept(done.map_err(failed)?, output)
            }
            AdminCommand::Restored { data, reason, org } => {
                let storage = opened(&data).await?;
                let done = audit::restored(&storage, org.as_deref(), reason.trim()).await;
                storage.close().await;
                kept(done.map_err(failed)?, output)
            }
        }
    })
}

/// A password on stdin, without the end of its line.
fn password() -> Result<Redacted, CommandError> {
    let line = Redacted::new(input::stdin()?);
    Ok(Redacted::new(line.expose().trim_end_matches(['\r', '\n']).to_owned()))
}

async fn get_back_in(args: RecoverArgs, output: Output) -> Result<(), CommandError> {
    let config = args.data.config(&[])?;
    let asked = Recovery { email: args.email, password: password()?, reason: args.reason, org: args.org };
    let storage =
        open::for_a_command(&config, &environment(), Arc::new(SystemClock)).await.map_err(failed)?;
    let done = recover(&storage, &SystemClock, &asked).await;
    storage.close().await;
    let (org, account) = done.map_err(|e| match e {
        RecoveryError::Invalid { .. } => CommandError::usage(e.to_string()),
        RecoveryError::Operation(_) => failed(e),
    })?;
    if output.json {
        return output.document(&json!({"org": org.id, "account": account}));
    }
    let (email, name) = (asked.email.trim(), &org.name);
    output.line(&format!("{email} is an Admin of {name} and logs in with the new password; a second factor, if there was one, is gone"))
}

async fn make(args: BootstrapArgs, output: Output) -> Result<(), CommandError> {
    let config = args.data.config(&[])?;
    let asked = Bootstrap {
        org: args.org,
        email: args.email.trim().to_owned(),
        password: password()?,
        api_key: args.api_key,
    };
    let storage =
        open::for_a_command(&config, &environment(), Arc::new(SystemClock)).await.map_err(failed)?;
    let made = bootstrap(&storage, &SystemClock, &asked).await;
    storage.close().await;
    let made = made.map_err(|e| match e {
        BootstrapError::Invalid { .. } => CommandError::usage(e.to_string()),
        BootstrapError::Refused { .. } | BootstrapError::Operation(_) => failed(e),
    })?;
    let key = made.key.as_ref().map(|made| made.text.expose());
    match (key, output.json) {
        (key, true) => output.document(&json!({"org": made.org, "api_key": key})),
        (Some(key), false) => output.line(key),
        (None, false) => {
            output.line(&format!("organization {} is there; {} is its Admin", made.org, asked.email))
        }
    }
}

async fn migrate(data: &DataArgs, output: Output) -> Result<(), CommandError> {
    let config = data.config(&[])?;
    open::make_folder(&config.data.folder).map_err(failed)?;
    Storage::migrate(&config.data.migrate_database).await.map_err(failed)?;
    output.thing(&json!({"migrated": true}))
}

async fn retain(data: &DataArgs, days: u64, org: Option<&str>, output: Output) -> Result<(), CommandError> {
    let age = retention::age(days).map_err(|reason| CommandError::usage(format!("--days: {reason}")))?;
    let age =
        age.ok_or_else(|| CommandError::usage("--days: 0 keeps entries for ever: there is nothing to do"))?;
    let config = data.config(&[])?;
    let storage =
        open::for_a_command(&config, &environment(), Arc::new(SystemClock)).await.map_err(failed)?;
    let done = retain_of(&storage, org, age).await;
    storage.close().await;
    output.thing(&json!({"removed": done?}))
}

/// How many entries went.
async fn retain_of(storage: &Storage, named: Option<&str>, age: Duration) -> Result<u64, CommandError> {
    let mut tx = storage.read().await.map_err(failed)?;
    let mut all = organizations::list(&mut tx).await.map_err(failed)?;
    drop(tx);
    if let Some(named) = named {
        all.retain(|org| org.name == named || org.id.to_string() == named);
        if all.is_empty() {
            return Err(CommandError::usage(format!("--org: there is no organization `{named}`")));
        }
    }
    let mut removed = 0;
    for org in all {
        removed += audit::retain(storage, &org, age).await.map_err(failed)?;
    }
    Ok(removed)
}

async fn compact(data: &DataArgs, output: Output) -> Result<(), CommandError> {
    let config = data.config(&[])?;
    open::make_folder(&config.data.folder).map_err(failed)?;
    let lock = open::lock(&config.data.folder).map_err(failed)?;
    Storage::compact(&config.data.migrate_database).await.map_err(failed)?;
    drop(lock);
    output.thing(&json!({"compacted": true}))
}

/// The new key is on the disk before anything is wrapped by it, so that a crash in between loses nothing: the command is then
/// simply repeated.
async fn rotate(data: &DataArgs, output: Output) -> Result<(), CommandError> {
    let (config, environment) = (data.config(&[])?, environment());
    if environment.contains_key("FACTOTUM_MASTER_KEY") || environment.contains_key("FACTOTUM_MASTER_KEY_FILE")
    {
        return Err(CommandError::usage(
            "the master key comes from the environment: set FACTOTUM_MASTER_KEY to the new one and FACTOTUM_MASTER_KEY_PREVIOUS to the old one, and start the server once",
        ));
    }
    let rotation = master_key::Rotation::begin(&config.data.folder)?;
    let (storage, lock) =
        open::for_rotation(&config, &rotation, Arc::new(SystemClock)).await.map_err(failed)?;
    storage.close().await;
    rotation.finish()?;
    drop(lock);
    output.thing(&json!({"rotated": true}))
}

async fn opened(data: &DataArgs) -> Result<Storage, CommandError> {
    let config = data.config(&[])?;
    open::for_a_command(&config, &environment(), Arc::new(SystemClock)).await.map_err(failed)
}

/// The logs that were worked on.
fn kept(done: Vec<audit::Kept>, output: Output) -> Result<(), CommandError> {
    if done.is_empty() {
        return Err(CommandError::failed("nothing is sealed yet, so there is nothing to change"));
    }
    let items: Vec<_> = done
        .into_iter()
        .map(|kept| json!({"org": kept.org.name, "epoch": kept.epoch, "verifier_key": kept.verifier_key}))
        .collect();
    output.list(&json!({"items": items}), &[("ORG", "/org"), ("EPOCH", "/epoch"), ("KEY", "/verifier_key")])
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::failed(error.to_string())
}
