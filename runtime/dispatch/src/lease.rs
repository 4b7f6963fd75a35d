//! This node's right to run what it leased: kept by a heartbeat, lost by silence. What must hold: on PostgreSQL the node stops
//! its runs before another may take them over, whatever keeps its heartbeat from the database; on SQLite the lock on
//! the data folder is the right, and an outage ends nothing.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use factotum_storage::{Backend, Storage};

/// How often a node says that it lives.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long before the lease ends the node stops by itself: room for a slow timer and the time of an interrupt.
const MARGIN: Duration = Duration::from_secs(2);

/// How long a node may act after a heartbeat that the database took.
const fn acting() -> Duration {
    Storage::LEASE.saturating_sub(MARGIN)
}

/// Until when this node may act.
#[derive(Debug)]
pub(crate) struct Lease {
    /// `None`: without end.
    until: Mutex<Option<Instant>>,
}

impl Lease {
    /// A lease that begins now.
    pub(crate) fn begin(backend: Backend) -> Self {
        let until = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Instant::now() + acting()),
        };
        Self { until: Mutex::new(until) }
    }

    /// Whether this node may act now.
    pub(crate) fn holds(&self) -> bool {
        self.lock().is_none_or(|until| Instant::now() < until)
    }

    /// The database took a heartbeat that was sent at `sent`.
    pub(crate) fn renewed(&self, sent: Instant) {
        if let Some(until) = self.lock().as_mut() {
            *until = sent + acting();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_node_stops_before_its_lease_ends() {
        let lease = Lease::begin(Backend::Postgres);
        assert!(lease.holds());
        let long_ago = Instant::now().checked_sub(acting()).expect("the machine is up for longer");
        lease.renewed(long_ago);
        assert!(!lease.holds(), "silent since 8 s");
        lease.renewed(Instant::now());
        assert!(lease.holds());
    }

    #[test]
    fn on_sqlite_the_folder_lock_is_the_lease() {
        let lease = Lease::begin(Backend::Sqlite);
        lease.renewed(Instant::now());
        assert!(lease.holds());
    }
}
