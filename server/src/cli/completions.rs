//! `factotum completions SHELL`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::exit::CommandError;
use super::output::Output;

/// Which shell.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// Prints the completions.
pub fn run(args: &CompletionsArgs, output: Output) -> Result<(), CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "factotum", &mut text);
    output.bytes(&text)
}
