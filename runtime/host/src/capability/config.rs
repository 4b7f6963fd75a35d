//! `factotum:workflow/config`: the workflow's configuration as JSON texts.

use super::bindings::factotum::workflow::config::Host;
use crate::guest::Guest;

impl Host for Guest {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.gate.enter()?;
        Ok(self.config.get(&key).map(ToString::to_string))
    }

    async fn all(&mut self) -> wasmtime::Result<String> {
        self.gate.enter()?;
        Ok(self.config.to_string())
    }
}
