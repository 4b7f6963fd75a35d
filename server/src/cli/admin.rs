//! `factotum admin`: what is done on the server's own machine, with its database.

use super::exit::CommandError;
use super::output::Output;
use super::serve::DataArgs;

/// Which of them.
#[derive(Debug, clap::Args)]
pub struct AdminArgs {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AdminCommand {
    /// Make an organization and its first Admin; may be repeated for another organization
    Bootstrap {
        #[command(flatten)]
        data: DataArgs,
        /// The organization's name
        #[arg(long, value_name = "NAME")]
        org: String,
        /// The Admin's e-mail address
        #[arg(long)]
        email: String,
        /// Read the Admin's password from stdin
        #[arg(long, required = true)]
        password_stdin: bool,
        /// Make a key with full access under this nickname, and print it, alone
        #[arg(long, value_name = "NICKNAME")]
        api_key: Option<String>,
    },
}

/// Does it.
pub fn run(args: AdminArgs, _output: Output) -> Result<(), CommandError> {
    let AdminCommand::Bootstrap { .. } = args.command;
    Ok(())
}
