//! `factotum plugin`: upload and list plugins.

use std::path::PathBuf;

use bytes::Bytes;
use http::Method;

use super::exit::CommandError;
use super::output::{Column, Output};
use super::remote::{Remote, query, segment};

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("NAME", "/name"), ("VERSION", "/version"), ("WORLD", "/world"), ("DIGEST", "/digest")];

/// What to do with plugins.
#[derive(Debug, clap::Subcommand)]
pub enum PluginCommand {
    /// Upload a component
    Push {
        /// The .wasm file
        file: PathBuf,
        /// Its name; the file's unless given
        #[arg(long)]
        name: Option<String>,
        /// Its version; versions never change
        #[arg(long)]
        version: String,
    },
    /// List plugins
    List {
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one plugin
    Show {
        /// Its id, or NAME@VERSION
        plugin: String,
    },
}

/// Does it.
pub async fn run(command: PluginCommand, remote: &Remote, output: Output) -> Result<(), CommandError> {
    match command {
        PluginCommand::Push { file, name, version } => {
            let stem = || file.file_stem().map(|s| s.to_string_lossy().replace('_', "-"));
            let name = name.or_else(stem).unwrap_or_default();
            let wasm = tokio::fs::read(&file).await;
            let wasm = wasm.map_err(|e| CommandError::usage(format!("{}: {e}", file.display())))?;
            let path = format!("/plugins{}", query(&[("name", Some(&name)), ("version", Some(&version))]));
            let plugin =
                remote.bytes(Method::POST, &path, Some(("application/wasm", Bytes::from(wasm)))).await?;
            output.thing(&plugin)
        }
        PluginCommand::List { limit } => output.list(&remote.list("/plugins", &[], limit).await?, COLUMNS),
        PluginCommand::Show { plugin } => {
            output.thing(&remote.get(&format!("/plugins/{}", segment(&plugin))).await?)
        }
    }
}
