//! How a command ends: 0 done, 1 failed, 2 usage, 3 denied, 4 not found.

use std::process::ExitCode;

/// The published exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It was tried, and failed.
    Failed = 1,
    /// The command line or the configuration is at fault.
    Usage = 2,
    /// The key is missing, not valid, or may not do this.
    Denied = 3,
    /// There is no such thing.
    NotFound = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct CommandError {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong and what to do, for stderr.
    pub message: String,
    /// The server's problem document, if it sent one, for `--json`.
    pub problem: Option<serde_json::Value>,
}

impl CommandError {
    /// A mistake in how the command was called.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), problem: None }
    }

    /// It was tried, and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), problem: None }
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"))
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<crate::config::ConfigError> for CommandError {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}
