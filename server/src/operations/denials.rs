//! Denials on their way to the audit trail. What must hold: the first denials of a kind commit before their answer, and a flood of
//! equal ones is counted, not stored one by one, so that nobody can fill the disk with refusals.

use std::collections::{HashMap, hash_map};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use factotum_model::audit::{AuditEntry, AuditOutcome};
use factotum_model::{AccountId, Timestamp};
use factotum_storage::{Storage, StorageError};

use super::{OperationError, Services};

/// How long denials of one kind are counted together.
pub const WINDOW: Duration = Duration::from_mins(1);
/// How many of a kind are stored one by one within the window.
pub const WRITTEN_PER_WINDOW: u32 = 20;

struct Window {
    since: Timestamp,
    written: u32,
    left_out: u64,
    last: AuditEntry,
}

/// What was counted: per account and action. Both are closed sets, so this is bounded by the number of accounts.
#[derive(Default)]
pub struct Denials(Mutex<HashMap<(AccountId, String), Window>>);

impl Denials {
    /// Records a refusal, and gives it back; or the reason why it could not be recorded.
    pub async fn settle(
        &self,
        services: &Services,
        mut entry: AuditEntry,
        error: OperationError,
    ) -> OperationError {
        entry.outcome = AuditOutcome::Denied;
        entry.reason = Some(error.audit_reason());
        if let OperationError::Denied { permission, .. } = &error {
            entry.permission = Some(permission.clone());
        }
        match self.record(&services.storage, entry).await {
            Ok(()) => error,
            Err(failed) => failed.into(),
        }
    }

    /// Stores a denial, or counts it if many like it were stored.
    pub async fn record(&self, storage: &Storage, entry: AuditEntry) -> Result<(), StorageError> {
        if self.counted(&entry) { Ok(()) } else { storage.journal().record(entry).await }
    }

    fn counted(&self, entry: &AuditEntry) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry((entry.actor.id, entry.action.clone())).or_insert_with(|| Window {
            since: entry.at,
            written: 0,
            left_out: 0,
            last: entry.clone(),
        });
        if window.written < WRITTEN_PER_WINDOW {
            window.written += 1;
            return false;
        }
        window.left_out += 1;
        window.last = entry.clone();
        true
    }

    /// Stores what was counted in windows that have ended; in all of them, if `all`. What cannot be stored stays counted.
    pub async fn flush(&self, storage: &Storage, now: Timestamp, all: bool) -> Result<(), StorageError> {
        let mut ended: Vec<Window> = {
            let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let over = |w: &Window| all || now.since(w.since) >= WINDOW;
            windows.extract_if(|_, window| over(window)).map(|(_, window)| window).collect()
        };
        ended.retain(|window| window.left_out > 0);
        while let Some(window) = ended.pop() {
            if let Err(error) = storage.journal().record(window.entry()).await {
                ended.push(window);
                self.take_back(ended);
                return Err(error);
            }
        }
        Ok(())
    }

    fn take_back(&self, ended: Vec<Window>) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for window in ended {
            let kind = (window.last.actor.id, window.last.action.clone());
            // Another window of the kind may have begun since: it tells of both.
            match windows.entry(kind) {
                hash_map::Entry::Occupied(mut since) => since.get_mut().left_out += window.left_out,
                hash_map::Entry::Vacant(place) => {
                    place.insert(window);
                }
            }
        }
    }
}

impl Window {
    /// What stands on the record for all that were counted: the last of them.
    fn entry(&self) -> AuditEntry {
        let mut entry = self.last.clone();
        let more = self.left_out.saturating_sub(1);
        if more > 0 {
            let reason = entry.reason.take().unwrap_or_default();
            entry.reason = Some(format!("{reason} (and {more} more like this)"));
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::audit::AuditInitiator;
    use factotum_model::{AccountKind, InitiatorKind, OrgId, Principal};

    #[test]
    fn a_flood_is_counted_after_the_first_of_its_kind() {
        let denials = Denials::default();
        let actor = Principal { id: AccountId::random(), kind: AccountKind::ApiKey, name: "ci".into() };
        let entry = |action: &str| {
            let initiator = AuditInitiator::of(InitiatorKind::Api);
            let at = Timestamp::from_micros(0);
            AuditEntry::new(OrgId::random(), at, action, AuditOutcome::Denied, actor.clone(), initiator)
        };
        let stored = (0..100).filter(|_| !denials.counted(&entry("run.list"))).count();
        assert_eq!(stored, WRITTEN_PER_WINDOW as usize);
        assert!(!denials.counted(&entry("run.read")), "another kind");
    }

    #[test]
    fn what_could_not_be_stored_stays_counted() {
        let denials = Denials::default();
        let actor = Principal { id: AccountId::random(), kind: AccountKind::ApiKey, name: "ci".into() };
        let initiator = AuditInitiator::of(InitiatorKind::Api);
        let at = Timestamp::from_micros(0);
        let entry =
            AuditEntry::new(OrgId::random(), at, "run.list", AuditOutcome::Denied, actor.clone(), initiator);
        let kind = (actor.id, entry.action.clone());
        let ended =
            |left_out| Window { since: at, written: WRITTEN_PER_WINDOW, left_out, last: entry.clone() };
        denials.take_back(vec![ended(3)]);
        denials.take_back(vec![ended(4)]);
        let windows = denials.0.lock().unwrap();
        assert!(windows[&kind].entry().reason.unwrap().ends_with("(and 6 more like this)"));
    }
}
