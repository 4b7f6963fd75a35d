//! How far the audit trail is sealed, and how far it has come to other systems.

use std::time::Duration;

use factotum_model::Action;
use factotum_model::audit_log::Checkpoint;
use factotum_storage::audit_checkpoints;

use crate::operations::{Caller, OperationError, Services};
use crate::streams::lag::{self, OrgLag};

/// How long not all may be sealed before somebody should look.
const LATE: Duration = Duration::from_mins(1);

/// How far it is sealed.
#[derive(Debug, Clone)]
pub struct Seal {
    /// The newest checkpoint; none where nothing is sealed yet.
    pub checkpoint: Option<Checkpoint>,
    /// Entries that this node knows not to be sealed yet.
    pub waiting: u64,
    /// For how long not all that was there is sealed for sure.
    pub lag: Duration,
    /// Rounds of sealing that failed since this node started.
    pub failures: u64,
    /// The streams to other systems.
    pub streams: Vec<OrgLag>,
}

impl Seal {
    /// Whether it takes longer than it should.
    pub fn is_late(&self) -> bool {
        self.lag > LATE
    }
}

/// How far it is now.
pub async fn seal(services: &Services, caller: &Caller) -> Result<Seal, OperationError> {
    caller.allowed(services, "audit.read", Action::AUDIT_READ, None, None).await?;
    let mut tx = services.storage.read().await?;
    let newest = audit_checkpoints::newest(&mut tx, caller.org_id).await?;
    let streams = lag::of_org(&mut tx, &services.streams, caller.org_id).await?;
    let sealing = &services.metrics.sealing;
    Ok(Seal {
        checkpoint: newest.map(|stored| stored.checkpoint),
        waiting: u64::try_from(sealing.waiting.get()).unwrap_or(0),
        lag: sealing.lag(services.now()),
        failures: sealing.failures.get(),
        streams,
    })
}
