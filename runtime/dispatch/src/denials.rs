//! What a running guest was denied, on its way to the audit trail. What must hold: the first denials of a kind are committed before the guest learns
//! of them; a flood of them is counted and told in one entry at the attempt's end (audit.md, A3), so that no guest fills the disk with its refusals.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use factotum_model::Action;
use factotum_model::audit::AuditEntry;
use factotum_storage::{Storage, StorageError};

/// How many of a kind an attempt has stored one by one.
pub(crate) const WRITTEN_PER_ATTEMPT: u32 = 20;

/// What was denied of one kind.
#[derive(Default)]
struct Kind {
    written: u32,
    left_out: u64,
    last: Option<AuditEntry>,
}

/// One attempt's denials, by what was tried: as many kinds as there are actions.
#[derive(Default)]
pub(crate) struct Denials(Mutex<HashMap<Action, Kind>>);

impl Denials {
    /// Stores a denial, or counts it if many like it were stored.
    pub(crate) async fn record(
        &self,
        storage: &Storage,
        action: Action,
        entry: AuditEntry,
    ) -> Result<(), StorageError> {
        match self.uncounted(action, entry) {
            Some(entry) => storage.journal().record(entry).await,
            None => Ok(()),
        }
    }

    /// The entry, if it is to be stored by itself.
    fn uncounted(&self, action: Action, entry: AuditEntry) -> Option<AuditEntry> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(action).or_default();
        if kind.written < WRITTEN_PER_ATTEMPT {
            kind.written += 1;
            return Some(entry);
        }
        kind.left_out += 1;
        kind.last = Some(entry);
        None
    }

    /// Stores what was counted, an entry for each kind; what cannot be stored stays counted.
    pub(crate) async fn flush(&self, storage: &Storage) -> Result<(), StorageError> {
        while let Some((action, entry)) = self.next_counted() {
            storage.journal().record(entry).await?;
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&action);
        }
        Ok(())
    }

    fn next_counted(&self) -> Option<(Action, AuditEntry)> {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().find_map(|(action, kind)| {
            let mut entry = kind.last.clone()?;
            if kind.left_out > 1 {
                let reason = entry.reason.take().unwrap_or_default();
                entry.reason = Some(format!("{reason} (and {} more like this)", kind.left_out - 1));
            }
            Some((*action, entry))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factotum_model::audit::{AuditInitiator, AuditOutcome};
    use factotum_model::{AccountId, AccountKind, InitiatorKind, OrgId, Principal, Timestamp};

    #[test]
    fn a_flood_is_told_in_one_entry_for_each_kind() {
        let denials = Denials::default();
        let actor = Principal { id: AccountId::random(), kind: AccountKind::Base, name: "base".into() };
        let denied = |action| {
            let initiator = AuditInitiator::of(InitiatorKind::Webhook);
            let (org, at) = (OrgId::random(), Timestamp::from_micros(0));
            let mut entry =
                AuditEntry::new(org, at, "kv.read", AuditOutcome::Denied, actor.clone(), initiator);
            entry.reason = Some("denied".into());
            denials.uncounted(action, entry).is_some()
        };
        let stored = (0..100_000).filter(|_| denied(Action::KV_READ)).count();
        assert_eq!(stored, WRITTEN_PER_ATTEMPT as usize);
        assert!(denied(Action::KV_WRITE), "another kind");
        let (action, entry) = denials.next_counted().unwrap();
        assert_eq!(action, Action::KV_READ);
        let reason = entry.reason.unwrap();
        assert_eq!(reason, format!("denied (and {} more like this)", 100_000 - WRITTEN_PER_ATTEMPT - 1));
    }
}
