//! The command line: one file per noun. What must hold: client commands speak only the published HTTP API, `--json` works everywhere, and
//! the exit codes are those of [`exit`].

pub mod admin;
pub mod audit;
mod audit_tail;
pub mod audit_verify;
pub mod completions;
pub mod edi;
mod edi_files;
mod edi_interchanges;
mod edi_partners;
mod edi_report;
pub mod exit;
pub mod input;
pub mod key;
mod key_report;
pub mod member;
pub mod notice;
pub mod output;
pub mod plugin;
pub mod remote;
pub mod run;
pub mod secret;
pub mod serve;
pub mod trigger;
pub mod workflow;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::CommandError;
use output::Output;
use remote::{Remote, RemoteArgs};

use crate::view::harmless;

/// A self-hosted host for automated workflows: every action has a known actor, a limited authority, and a record.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 not found.
#[derive(Debug, Parser)]
#[command(name = "factotum", version, max_term_width = 100)]
pub struct Cli {
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: API, hooks, schedules, dispatch
    Serve(Box<serve::ServeArgs>),
    /// Set up and look after a server, on its own machine
    Admin(Box<admin::AdminArgs>),
    /// Upload and list plugins
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Set up, run and pause workflows
    #[command(subcommand)]
    Workflow(workflow::WorkflowCommand),
    /// Set up what starts workflows
    #[command(subcommand)]
    Trigger(trigger::TriggerCommand),
    /// Look at runs, cancel and replay them
    #[command(subcommand)]
    Run(run::RunCommand),
    /// Make and revoke API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// See who is in the organization, invite people, give and shape roles
    #[command(subcommand)]
    Member(member::MemberCommand),
    /// Say who is told that workflows fail, and how often
    #[command(subcommand)]
    Notice(notice::NoticeCommand),
    /// Set secrets that workflows use
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Set up trading partners, look at what came from them; read, check and acknowledge X12 and EDIFACT files
    #[command(subcommand)]
    Edi(edi::EdiCommand),
    /// Read the audit trail, prove and verify it
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
}

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let (json, done) = match Cli::try_parse() {
        Ok(cli) => (cli.json, run(cli)),
        // The command line could not be read, so it is looked through for the flag.
        Err(e) if e.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            (true, Err(CommandError::usage(e.to_string().trim_end())))
        }
        Err(e) => e.exit(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let exit = error.exit;
            let text = if json {
                harmless::json(&error.document()) + "\n"
            } else {
                let lines: Vec<_> = error.message.lines().map(harmless::shown).collect();
                format!("error: {}\n", lines.join("\n"))
            };
            // Without stderr there is nobody to tell.
            let _ = std::io::stderr().write_all(text.as_bytes());
            exit.into()
        }
    }
}

fn run(cli: Cli) -> Result<(), CommandError> {
    let output = Output { json: cli.json };
    match cli.command {
        Command::Serve(args) => serve::run(*args, output),
        Command::Admin(args) => admin::run(*args, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Edi(edi::EdiCommand::Files(command)) => edi_files::run(&command, output),
        Command::Audit(audit::AuditCommand::Verify(args)) => audit_verify::run(&args, output),
        client => {
            let remote = Remote::from_args(&cli.remote)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                match client {
                    Command::Plugin(command) => plugin::run(command, &remote, output).await,
                    Command::Workflow(command) => workflow::run(command, &remote, output).await,
                    Command::Trigger(command) => trigger::run(command, &remote, output).await,
                    Command::Run(command) => run::run(command, &remote, output).await,
                    Command::Key(command) => key::run(command, &remote, output).await,
                    Command::Member(command) => member::run(command, &remote, output).await,
                    Command::Notice(command) => notice::run(command, &remote, output).await,
                    Command::Secret(command) => secret::run(command, &remote, output).await,
                    Command::Edi(command) => edi::run(command, &remote, output).await,
                    Command::Audit(command) => audit::run(command, &remote, output).await,
                    Command::Serve(_) | Command::Admin(_) | Command::Completions(_) => Ok(()),
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_help_text_is_as_published() {
        let mut cli = Cli::command();
        cli.build();
        let mut all = String::new();
        helps(&mut cli, &mut all);
        insta::assert_snapshot!(all);
    }

    fn helps(command: &mut clap::Command, all: &mut String) {
        let help = command.render_long_help();
        let name = command.get_bin_name().unwrap_or("factotum");
        all.extend(["$ ", name, " --help\n", &help.to_string(), "\n\n"]);
        for inner in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            helps(inner, all);
        }
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }
}
