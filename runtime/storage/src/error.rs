//! What can go wrong in the database, sorted by what the caller does about it. What must hold: an error that means "the
//! database cannot be reached or has no room" is always [`StorageError::Unavailable`], so that a sender gets 503 and
//! tries again.

use crate::dialect;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// It cannot be reached, has no room, or stays locked: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Something else has that name or id.
    #[error("{what} exists already")]
    Exists {
        /// What collided, as far as the database says.
        what: String,
    },
    /// A guard or constraint of the database refused an illegal state.
    #[error("the database refuses this: {0}")]
    Refused(String),
    /// Two transactions collided: repeat it.
    #[error("two changes collided; repeat the request")]
    Conflict(#[source] sqlx::Error),
    /// A stored value cannot be read: damaged, or written by a newer version.
    #[error("a stored value in {place} cannot be read: {reason}")]
    Damaged {
        /// Table and column.
        place: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// More is waiting to be written than fits the queue.
    #[error("too much is waiting to be written; try again in a moment")]
    Saturated,
    /// The storage is shutting down.
    #[error("the storage is closed")]
    Closed,
    /// The master key cannot open what it must: another key, or damaged bytes.
    #[error("{0}")]
    Sealed(#[from] crate::vault::VaultError),
    /// The set-up is at fault: URL, folder, migration.
    #[error("{0}")]
    Setup(String),
    /// Anything else that the driver reports.
    #[error("the database failed: {0}")]
    Other(#[source] sqlx::Error),
}

impl StorageError {
    /// Whether trying again later can help.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_) | Self::Saturated | Self::Closed)
    }

    /// A stored value that cannot be read.
    pub(crate) fn damaged(place: &'static str, reason: impl ToString) -> Self {
        Self::Damaged { place, reason: reason.to_string() }
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        dialect::classify(error)
    }
}
