//! The `factotum` program: parses its command line and dispatches.

fn main() -> std::process::ExitCode {
    factotum_server::cli::main()
}
