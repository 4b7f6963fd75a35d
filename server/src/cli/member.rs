//! `factotum member`: see who is in the organization.

use super::exit::CommandError;
use super::output::{Column, Output};
use super::remote::Remote;

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("KIND", "/kind"), ("NAME", "/name"), ("BADGE", "/badge"), ("ROLES", "/roles")];

/// What to do with members.
#[derive(Debug, clap::Subcommand)]
pub enum MemberCommand {
    /// List members
    List {
        /// Show service members too
        #[arg(long)]
        service: bool,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

/// Does it.
pub async fn run(command: MemberCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    let MemberCommand::List { service, limit } = command;
    let filter = [("service", service.then_some("true"))];
    output.list(&remote.list("/members", &filter, limit).await?, COLUMNS)
}
