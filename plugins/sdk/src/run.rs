//! What the host knows of this run. What must hold: it comes from the host, so a payload cannot forge it.
//!
//! ```no_run
//! let run = factotum_sdk::run::current();
//! if run.attempt > 1 {
//!     factotum_sdk::log::info("trying again", &[("attempt", &run.attempt), ("as", &run.principal.name)]);
//! }
//! ```

use serde::Serialize;

use crate::bindings::factotum::workflow::run as contract;

/// This run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Stable over retries: use it as an idempotency key.
    pub id: String,
    /// 1 for the first execution.
    pub attempt: u32,
    /// The workflow's name.
    pub workflow: String,
    /// Whom it runs as.
    pub principal: Account,
    /// What started it.
    pub initiator: Initiator,
}

/// An account, as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Opaque id.
    pub id: String,
    /// `member`, `base` or `api_key`.
    pub kind: String,
    /// For display.
    pub name: String,
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Initiator {
    /// `webhook`, `schedule`, `api`, `member`, `run`, `system`, …
    pub kind: String,
    /// The trigger's, key's or parent run's id.
    pub id: Option<String>,
}

/// Tells about this run. Needs no grant.
pub fn current() -> Run {
    let info = contract::current();
    Run {
        id: info.id,
        attempt: info.attempt,
        workflow: info.workflow,
        principal: Account { id: info.principal.id, kind: info.principal.kind, name: info.principal.name },
        initiator: Initiator { kind: info.initiator.kind, id: info.initiator.id },
    }
}
