//! `factotum:workflow/log`: lines kept with the run, bounded by `limits.log_bytes`.

use super::bindings::factotum::workflow::log::{Host, Level};
use crate::guest::Guest;
use crate::invocation::LogLevel;

impl Host for Guest {
    async fn write(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.gate.enter()?;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        Ok(self.gate.meter.log(level, message, fields)?)
    }
}
