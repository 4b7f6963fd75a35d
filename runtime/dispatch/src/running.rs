//! The attempts that this node has under way. What must hold: whatever is to be stopped is found here from before its guest
//! starts until after its finish is committed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use factotum_host::{Interrupt, LiveLog, StopReason};
use factotum_model::{AccountId, RunId};
use factotum_storage::claim::Claimed;

/// All attempts under way.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashMap<RunId, Entry>>);

#[derive(Debug)]
struct Entry {
    account: AccountId,
    interrupt: Interrupt,
    attempt: u32,
    log: LiveLog,
}

/// One attempt's place in the table; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    table: Arc<Running>,
    run: RunId,
}

impl Running {
    /// Enters an attempt. `None` if the run is under way here already: then this claim must not run.
    pub(crate) fn enter(
        self: &Arc<Self>,
        run: &Claimed,
        interrupt: &Interrupt,
        log: &LiveLog,
    ) -> Option<Place> {
        match self.lock().entry(run.run_id) {
            std::collections::hash_map::Entry::Occupied(_) => None,
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Entry {
                    account: run.principal.id,
                    interrupt: interrupt.clone(),
                    attempt: run.attempt,
                    log: log.clone(),
                });
                Some(Place { table: Arc::clone(self), run: run.run_id })
            }
        }
    }

    /// Stops one run; whether it was under way here.
    pub(crate) fn stop_run(&self, run: RunId, reason: StopReason) -> bool {
        let table = self.lock();
        let entry = table.get(&run);
        if let Some(entry) = entry {
            entry.interrupt.stop(reason);
        }
        entry.is_some()
    }

    /// Stops all that runs as an account.
    pub(crate) fn stop_account(&self, account: AccountId, reason: StopReason) {
        self.lock().values().filter(|e| e.account == account).for_each(|e| e.interrupt.stop(reason));
    }

    /// Stops everything.
    pub(crate) fn stop_all(&self, reason: StopReason) {
        self.lock().values().for_each(|e| e.interrupt.stop(reason));
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The attempt of a run that is under way here, with its log.
    pub(crate) fn log(&self, run: RunId) -> Option<(u32, LiveLog)> {
        self.lock().get(&run).map(|entry| (entry.attempt, entry.log.clone()))
    }

    /// Whether a run is under way here.
    pub(crate) fn contains(&self, run: RunId) -> bool {
        self.lock().contains_key(&run)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().remove(&self.run);
    }
}
