//! Logs: to stderr, as text or as JSON lines. `FACTOTUM_LOG` chooses what is logged, in the syntax of `tracing_subscriber`'s `EnvFilter`. What must
//! hold: an event is one line, and nothing that came from elsewhere and stands in it can end the line or move a terminal.

use std::fmt;
use std::io::{IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{FormatFields, Writer, debug_fn};

use crate::config::{Environment, LogFormat, LoggingConfig};
use crate::view::harmless::{document, shown};

const DEFAULT_FILTER: &str = "info,sqlx=warn,wasmtime=warn,cranelift=warn,h2=warn,hyper=warn";

/// Sets logging up for the rest of the process.
pub fn begin(config: LoggingConfig, environment: &Environment) {
    let filter = environment.get("FACTOTUM_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Where the log's disk is full, a line is lost; to complain of that on stderr would panic in the middle of a request.
        .log_internal_errors(false);
    // A second call, in tests, leaves the first in place.
    let _ = match config.format {
        LogFormat::Text => builder
            .with_writer(std::io::stderr)
            .fmt_fields(fields())
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => {
            builder.with_writer(|| OneLine(std::io::stderr())).json().flatten_event(true).try_init()
        }
    };
}

/// Fields as text: the message as it is, the others as `name=value`, each with its control characters shown.
fn fields() -> impl for<'w> FormatFields<'w> + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn fmt::Debug| {
        let text = format!("{value:?}");
        match field.name() {
            "message" => write!(writer, "{}", shown(&text)),
            name => write!(writer, "{name}={}", shown(&text)),
        }
    })
    .delimited(" ")
}

/// Escapes in JSON what JSON leaves as it is. An event comes in one piece.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.0.write_all(document(text).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: &str = "a\r\n2027-01-01 INFO forged\u{1b}[2J\u{202e}\u{9b}x";

    fn logged(log: impl FnOnce(Kept)) -> String {
        let kept = Kept::default();
        log(kept.clone());
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn say() {
        let span = tracing::info_span!("request", path = %HOSTILE);
        let _entered = span.enter();
        let error = std::io::Error::other(HOSTILE);
        tracing::warn!(name = %HOSTILE, debug = ?HOSTILE, error = &error as &dyn std::error::Error, "said {HOSTILE}");
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let text = logged(|kept| {
            let subscriber = tracing_subscriber::fmt()
                .with_writer(move || kept.clone())
                .fmt_fields(fields())
                .with_ansi(false);
            tracing::subscriber::with_default(subscriber.finish(), say);
        });
        let json = logged(|kept| {
            let subscriber = tracing_subscriber::fmt().with_writer(move || OneLine(kept.clone())).json();
            tracing::subscriber::with_default(subscriber.finish(), say);
        });
        for line in [&text, &json] {
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(line.ends_with('\n'));
            assert!(!line.trim_end().contains(factotum_model::nickname::is_invisible), "{line:?}");
        }
        assert!(text.contains("said a\\r\\n2027") && text.contains("name=a\\r\\n2027"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["fields"]["name"], HOSTILE);
    }
}
