//! Accepting within a transaction that holds more than events and runs: an EDI interchange with its numbers and its acknowledgement. What must hold: the runs
//! are committed with all that, or not at all; none is begun before the commit, so whoever commits tells [`Storage::runs_are_due`] afterwards.

use factotum_model::audit::AuditEntry;

use crate::accept::{self, AcceptError, Accepted, NewRun};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::storage::{Shared, Storage};

impl Storage {
    /// Writes events with their runs into this transaction, and hands on the audit entries that belong to them, to be appended before the commit. A
    /// run that is refused was not written: whoever wants all or none rolls back.
    pub async fn accept_within(
        &self,
        tx: &mut Tx,
        runs: &[NewRun],
        entries: &mut Vec<AuditEntry>,
    ) -> Result<Vec<Result<Accepted, AcceptError>>, StorageError> {
        let shared: &Shared = self.shared();
        let runs: Vec<&NewRun> = runs.iter().collect();
        // Without seats: a lease for an instance that never hears of it would hold the run up.
        Ok(accept::write(tx, shared, None, &runs, entries).await?.answers)
    }

    /// Tells the dispatcher of this process that runs are due.
    pub fn runs_are_due(&self) {
        self.journal().wake();
    }
}
