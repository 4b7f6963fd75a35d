//! Logs: to stderr, as text or as JSON lines. `FACTOTUM_LOG` chooses what is logged, in the syntax of `tracing_subscriber`'s `EnvFilter`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{Environment, LogFormat, LoggingConfig};

const DEFAULT_FILTER: &str = "info,sqlx=warn,wasmtime=warn,cranelift=warn,h2=warn,hyper=warn";

/// Sets logging up for the rest of the process.
pub fn begin(config: LoggingConfig, environment: &Environment) {
    let filter = environment.get("FACTOTUM_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Where the log's disk is full, a line is lost; to complain of that on stderr would panic in the middle of a request.
        .log_internal_errors(false);
    // A second call, in tests, leaves the first in place.
    let _ = match config.format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
