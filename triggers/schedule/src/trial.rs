//! A firing that somebody asks for to see what comes of it. What must hold: its event says that it is a test, and its dedup key is never that of a nominal time.

use std::time::Duration;

use factotum_model::{EventInput, Initiator, InitiatorKind, RunId, Timestamp};
use factotum_storage::accept::{DedupKey, EventSource, NewRun, Origin};
use factotum_storage::triggers::Trigger;

/// For how long the test's name is remembered: it is made up anew for each, so this is about a repeated attempt alone.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The run of a test of this name.
pub fn run(trigger: &Trigger, name: String, origin: Origin, now: Timestamp) -> NewRun {
    NewRun {
        run_id: RunId::random(),
        org_id: trigger.org_id,
        workflow_id: trigger.workflow_id,
        account_id: trigger.base_account,
        initiator: Initiator { kind: InitiatorKind::Schedule, id: Some(trigger.id.to_string()) },
        trigger_id: Some(trigger.id),
        parent: None,
        credential: None,
        dedup: Some(DedupKey { key: name, expires_at: now.plus(REMEMBERED) }),
        event: EventSource::New {
            input: EventInput::Schedule { nominal_time: now, test: true },
            payload: Vec::new(),
        },
        replay_of: None,
        due_at: None,
        origin,
    }
}
