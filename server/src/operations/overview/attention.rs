//! What needs somebody: things that stand still, fail again and again, or end soon. What must hold: each is told to who may read it, and to nobody else; none is
//! counted further than anybody would read.

use std::time::Duration;

use factotum_model::{Action, KeyId, Timestamp, authorize};
use factotum_storage::api_keys::{self, KeyFilter};
use factotum_storage::audit_digest::{self, Failing};
use factotum_storage::{organizations, workflows};

use crate::operations::{Caller, OperationError, Services};

/// How many of a kind are named.
pub const NAMED: u32 = 5;
/// Up to where is counted.
const MOST: u32 = 100;
/// How many runs of a trigger fail, one after another, before it is told of.
const FAILURES: u64 = 3;
/// How soon a key ends that is told of.
const SOON: Duration = Duration::from_hours(14 * 24);
/// For how long a key was not used that is told of.
const UNUSED: Duration = Duration::from_hours(90 * 24);

/// What needs somebody; empty where nothing does, or where the caller may not know.
#[derive(Debug, Default)]
pub struct Attention {
    /// Since when the organization is suspended.
    pub suspended_since: Option<Timestamp>,
    /// Paused workflows, by name: one more than [`NAMED`] where there are more.
    pub paused: Vec<String>,
    /// Triggers whose last runs all failed.
    pub failing: Vec<Failing>,
    /// Keys that end soon.
    pub expiring: Vec<(KeyId, String, Timestamp)>,
    /// How many keys are not used, counted up to a hundred.
    pub unused_keys: usize,
    /// How many effects have an intent and no outcome on the record, counted up to a hundred, and when the newest was begun.
    pub unknown: (u64, Option<Timestamp>),
}

impl Attention {
    /// Whether nothing does.
    pub fn is_empty(&self) -> bool {
        self.suspended_since.is_none()
            && self.paused.is_empty()
            && self.failing.is_empty()
            && self.expiring.is_empty()
            && self.unused_keys == 0
            && self.unknown.0 == 0
    }
}

/// What needs somebody now, as far as the caller may read it.
pub async fn attention(services: &Services, caller: &Caller) -> Result<Attention, OperationError> {
    let may = |action| authorize(&caller.authority, action, None).is_ok();
    let (org, now) = (caller.org_id, services.now());
    let mut found = Attention::default();
    let mut tx = services.storage.read().await?;
    if may(Action::ORG_READ) {
        found.suspended_since = organizations::get(&mut tx, org).await?.and_then(|org| org.suspended_at);
    }
    if may(Action::WORKFLOWS_READ) {
        found.paused = workflows::paused(&mut tx, org, NAMED + 1).await?;
    }
    if may(Action::TRIGGERS_READ) && may(Action::RUNS_READ) {
        found.failing = audit_digest::failing(&mut tx, org, FAILURES, NAMED + 1).await?;
    }
    if may(Action::API_KEYS_READ) {
        found.expiring = api_keys::expiring(&mut tx, org, now.plus(SOON), NAMED + 1).await?;
        let unused = KeyFilter { unused_since: Some(now.minus(UNUSED)), ..KeyFilter::default() };
        let unused = api_keys::list(&mut tx, org, unused, None, MOST + 1).await?;
        // What this node knows and has not written yet counts.
        let since = now.minus(UNUSED);
        let in_use = |id| services.key_uses.newest(id).is_some_and(|(at, _)| at >= since);
        found.unused_keys = unused.iter().filter(|key| !in_use(key.id)).count();
    }
    if may(Action::AUDIT_READ) {
        found.unknown = audit_digest::unknown_intents(&mut tx, org, now, MOST + 1).await?;
    }
    Ok(found)
}
