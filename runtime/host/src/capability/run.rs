//! `factotum:workflow/run`: what a guest may know of its run. It comes from the host, not from the payload.

use super::bindings::factotum::workflow::run::{Account, Host, Info, Initiator};
use crate::guest::Guest;

impl Host for Guest {
    async fn current(&mut self) -> wasmtime::Result<Info> {
        self.gate.enter()?;
        let run = &self.run;
        Ok(Info {
            id: run.id.to_string(),
            attempt: run.attempt,
            workflow: run.workflow.clone(),
            principal: Account {
                id: run.principal.id.to_string(),
                kind: run.principal.kind.as_str().to_owned(),
                name: run.principal.name.clone(),
            },
            initiator: Initiator {
                kind: run.initiator.kind.as_str().to_owned(),
                id: run.initiator.id.clone(),
            },
        })
    }
}
