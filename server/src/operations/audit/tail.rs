//! Following the audit trail as it grows, in the order in which it is sealed. What must hold: nothing is left out and nothing comes twice, also
//! after a break, as each place has a name; one entry per tail says who follows; it ends within a second of the end of the key, session or grant that
//! it began with, and with the server; no connection to the database is held while the reader reads.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use factotum_model::Action;
use factotum_model::audit::AuditEntry;
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::audit_sealed::{self, SealedEntry};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{record, still_may};
use crate::operations::{Caller, OperationError, Services};

/// Tails at a time on one server.
pub const MAX_TAILS: usize = 64;
/// How often a tail looks for new entries, and whether it may go on: twice within the second in which it has to end.
const ROUND: Duration = Duration::from_millis(400);
/// How many entries it reads at a time.
const CHUNK: u32 = 200;
/// How long it is silent at the most.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The tails of this server.
#[derive(Debug, Clone)]
pub struct Tails(Arc<Semaphore>);

impl Default for Tails {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_TAILS)))
    }
}

/// A place in the trail, after an entry: the log's epoch, and the index of the next. `0-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// A restored log is another.
    pub epoch: u64,
    /// The leaf index of what comes next.
    pub next: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.next)
    }
}

/// It is no place in a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("send the `id` of the last event that was received, as it came, such as `0-17`")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        // Digits alone: `+1` would be read as a number too.
        let number = |part: &str| {
            let digits = part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u64>().ok().filter(|n| digits && i64::try_from(*n).is_ok()).ok_or(NoPlace)
        };
        let (epoch, next) = text.split_once('-').ok_or(NoPlace)?;
        Ok(Self { epoch: number(epoch)?, next: number(next)? })
    }
}

/// What a tail has to say.
#[derive(Debug)]
pub enum News {
    /// Entries, each with the place after it; and the place after all that was looked at.
    Entries(Vec<(Place, AuditEntry)>, Place),
    /// Nothing for a while.
    Quiet(Place),
    /// It is over; why, for the reader.
    Over(&'static str),
}

/// A tail under way.
pub struct Tail {
    services: Arc<Services>,
    caller: Caller,
    filter: AuditFilter,
    place: Place,
    /// Whether it has said anything.
    begun: bool,
    told: Instant,
    over: bool,
    _one_of_so_many: OwnedSemaphorePermit,
}

/// Begins a tail: the caller may, and it is on the record. Without a place it begins with what is sealed from now on.
pub async fn begin(
    services: &Arc<Services>,
    caller: Caller,
    filter: AuditFilter,
    asked: Value,
    resume: Option<Place>,
) -> Result<Tail, OperationError> {
    caller.allowed(services, "audit.tail", Action::AUDIT_READ, None, None).await?;
    let permit = Arc::clone(&services.tails.0).try_acquire_owned().map_err(|_| {
        OperationError::Unavailable(format!(
            "{MAX_TAILS} readers follow audit trails of this server already; come again when one has ended"
        ))
    })?;
    let org = caller.org_id;
    let mut tx = services.storage.read().await?;
    // In this order: where there are leaves, their epoch is seen.
    let size = audit_sealed::size(&mut tx, org).await?;
    let (epoch, changed_from) = audit_sealed::epoch(&mut tx, org, resume.map_or(0, |r| r.epoch)).await?;
    drop(tx);
    let next = match resume {
        None => size,
        // After a restore the log goes on from a place that the reader may have passed in what was lost.
        Some(resume) => resume.next.min(changed_from.unwrap_or(u64::MAX)).min(size),
    };
    record(services, &caller, "audit.tail", asked).await?;
    Ok(Tail {
        services: Arc::clone(services),
        caller,
        filter,
        place: Place { epoch, next },
        begun: false,
        told: Instant::now(),
        over: false,
        _one_of_so_many: permit,
    })
}

impl Tail {
    /// Waits for what comes next; none after it is over. The first answer comes at once.
    pub async fn next(&mut self) -> Result<Option<News>, OperationError> {
        if self.over {
            return Ok(None);
        }
        let services = Arc::clone(&self.services);
        if !self.begun {
            self.begun = true;
            return Ok(Some(News::Quiet(self.place)));
        }
        loop {
            if services.stopping.is_cancelled() {
                return Ok(Some(self.end("the server stops; come again")));
            }
            let looked_at = self.place;
            let Some(found) = self.look(&services).await? else {
                return Ok(Some(self.end("the key or session has ended, or may no longer read the trail")));
            };
            if !found.is_empty() {
                self.told = Instant::now();
                return Ok(Some(News::Entries(found, self.place)));
            }
            if self.place != looked_at {
                // Others' entries: there may be more at once.
                continue;
            }
            if self.told.elapsed() >= HEARTBEAT {
                self.told = Instant::now();
                return Ok(Some(News::Quiet(self.place)));
            }
            tokio::select! {
                () = services.stopping.cancelled() => {}
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }

    fn end(&mut self, why: &'static str) -> News {
        self.over = true;
        News::Over(why)
    }

    /// What is new and matches; nothing at all, if the reader may no longer know.
    async fn look(
        &mut self,
        services: &Services,
    ) -> Result<Option<Vec<(Place, AuditEntry)>>, OperationError> {
        let org = self.caller.org_id;
        let mut tx = services.storage.read().await?;
        let range = audit_sealed::range(&mut tx, org, self.place.next, CHUNK).await?;
        if !still_may(&mut tx, services, &self.caller, Action::AUDIT_READ).await? {
            return Ok(None);
        }
        let (epoch, changed_from) = audit_sealed::epoch(&mut tx, org, self.place.epoch).await?;
        drop(tx);
        if epoch != self.place.epoch {
            // The log's first epoch begins with its first leaf, which may have come just now. Nothing was handed out yet: look again.
            self.place = Place { epoch, next: self.place.next.min(changed_from.unwrap_or(u64::MAX)) };
            return Ok(Some(Vec::new()));
        }
        self.place.next = range.next;
        let placed = |sealed: SealedEntry| (Place { epoch, next: sealed.index + 1 }, sealed.entry);
        let matching = range.entries.into_iter().filter(|sealed| self.filter.matches(&sealed.entry));
        Ok(Some(matching.map(placed).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is() {
        let place = Place { epoch: 3, next: 17 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "17", "-", "1-", "-1", "+1-2", "1-+2", "1-2-3", "a-b", "0-18446744073709551615"] {
            assert_eq!(wrong.parse::<Place>(), Err(NoPlace), "{wrong}");
        }
    }
}
