//! How logs are written: text for people, JSON for machines.

use std::io::IsTerminal as _;

use super::ConfigError;
use super::source::Layers;

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The word of the setting.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl std::str::FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is not a log format; write `text` or `json`")),
        }
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggingConfig {
    /// The form of a line.
    pub format: LogFormat,
}

impl LoggingConfig {
    /// Checks the settings.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let set = layers.parse("log_format")?;
        let by_place = || if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        Ok(Self { format: set.unwrap_or_else(by_place) })
    }
}
