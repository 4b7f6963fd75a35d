//! `factotum edi`: files on this machine; trading partners, and what came from them.

use super::edi_files::{self, FilesCommand};
use super::edi_interchanges::{self, InterchangesCommand};
use super::edi_partners::{self, PartnersCommand};
use super::exit::CommandError;
use super::output::Output;
use super::remote::Remote;

/// What to do with EDI.
#[derive(Debug, clap::Subcommand)]
pub enum EdiCommand {
    /// Do something with a file on this machine.
    #[command(flatten)]
    Files(FilesCommand),
    /// Set up with whom documents are exchanged
    #[command(subcommand)]
    Partners(PartnersCommand),
    /// Look at what came in, and at the quarantine
    #[command(subcommand)]
    Interchanges(InterchangesCommand),
}

/// Does it.
pub async fn run(command: EdiCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    match command {
        EdiCommand::Files(command) => edi_files::run(&command, output),
        EdiCommand::Partners(command) => edi_partners::run(command, remote, output).await,
        EdiCommand::Interchanges(command) => edi_interchanges::run(command, remote, output).await,
    }
}
