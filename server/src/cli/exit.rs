//! How a command ends: 0 done, 1 failed, 2 usage, 3 denied, 4 not found.

use std::process::ExitCode;

use serde_json::{Value, json};

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
    pub problem: Option<Value>,
}

impl CommandError {
    /// A mistake in how the command was called.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), problem: None }
    }

    /// For `--json`: what the server said, or the same form for what went wrong on this side, where there is no status and no request.
    pub fn document(self) -> Value {
        let (code, title) = match self.exit {
            Exit::Failed => ("failed", "The command failed"),
            Exit::Usage => ("usage", "The command line or the configuration is at fault"),
            Exit::Denied => ("denied", "The key is missing, not valid, or may not do this"),
            Exit::NotFound => ("not_found", "There is no such thing"),
        };
        self.problem.filter(Value::is_object).unwrap_or_else(|| {
            json!({
                "type": format!("urn:factotum:problem:{code}"), "title": title, "detail": self.message, "code": code,
            })
        })
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
