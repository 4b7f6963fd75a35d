//! One attempt: what goes into the sandbox and what comes out. What must hold: an invocation is complete in itself, and a
//! report is made for every one, however the guest ended.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::run::RunContext;
use factotum_model::workflow::Limits;
use factotum_model::{Authority, Event, Failure, HttpResponse};
use serde_json::Value;

use crate::interrupt::Interrupt;
use crate::live_log::LiveLog;
use crate::ports::Ports;

/// What one attempt is given.
#[derive(Clone)]
pub struct Invocation {
    /// What the guest may know of its run.
    pub run: RunContext,
    /// What came in.
    pub event: Arc<Event>,
    /// The workflow's configuration, a JSON object.
    pub config: Arc<Value>,
    /// What the run may do: principal ∩ workflow.
    pub authority: Authority,
    /// Its bounds.
    pub limits: Limits,
    /// Its connection to storage.
    pub ports: Arc<dyn Ports>,
    /// Stops it from outside.
    pub interrupt: Interrupt,
    /// Shows its log meanwhile.
    pub live: LiveLog,
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The answer, or why there is none.
    pub result: Result<Output, Failure>,
    /// What the guest logged, in order; also that of a failed attempt.
    pub logs: Vec<LogLine>,
    /// What it used.
    pub usage: Usage,
    /// How long its instance took to be made; zero if it came to none.
    pub instantiation: Duration,
}

/// A guest's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Any JSON.
    Json(Value),
    /// A text.
    Text(String),
    /// An HTTP response: of a component that handles HTTP requests.
    Http(HttpResponse),
    /// Nothing.
    None,
}

impl Output {
    /// As the `output` of a run's outcome: a text is a JSON string, nothing is `null`.
    pub fn into_value(self) -> Value {
        match self {
            Self::Json(value) => value,
            Self::Text(text) => Value::String(text),
            Self::Http(response) => response.to_json(),
            Self::None => Value::Null,
        }
    }
}

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Finer than debug.
    Trace,
    /// For the workflow's author.
    Debug,
    /// What happened.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// How grave.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// Named values beside it.
    pub fields: Vec<(String, String)>,
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// The most memory and tables it had, in bytes.
    pub memory_peak_bytes: u64,
    /// Host calls.
    pub host_calls: u64,
    /// Outbound HTTP requests.
    pub http_requests: u64,
    /// Bytes of outbound requests and their responses.
    pub http_bytes: u64,
}
