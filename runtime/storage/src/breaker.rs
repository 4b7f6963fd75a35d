//! Failing fast while the database is away: a pool that cannot connect makes every caller wait for its whole timeout, one after
//! another. What must hold: while the database is known to be away one caller at a time tries it, and all others are
//! told at once; the first success ends it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::StorageError;

/// Whether the database is known to be away.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    away: AtomicBool,
    trying: AtomicBool,
}

/// Lets the next caller try, also if this one is dropped on the way.
struct Trying<'a>(&'a Breaker);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        self.0.trying.store(false, Ordering::SeqCst);
    }
}

impl Breaker {
    /// Connects, or refuses at once because somebody else is finding out whether one can.
    pub(crate) async fn connect<T>(
        &self,
        connect: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StorageError> {
        let _trying = if self.away.load(Ordering::SeqCst) {
            if self.trying.swap(true, Ordering::SeqCst) {
                return Err(StorageError::Unavailable(sqlx::Error::PoolTimedOut));
            }
            Some(Trying(self))
        } else {
            None
        };
        let outcome = connect.await.map_err(StorageError::from);
        match &outcome {
            Ok(_) => self.away.store(false, Ordering::SeqCst),
            Err(StorageError::Unavailable(_)) => self.away.store(true, Ordering::SeqCst),
            Err(_) => {}
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_tries_while_the_others_are_told_at_once() {
        let breaker = Breaker::default();
        let lost = || async { Err::<(), _>(sqlx::Error::PoolTimedOut) };
        assert!(breaker.connect(lost()).await.is_err());
        let (found, back) = tokio::sync::oneshot::channel::<()>();
        let trying = breaker.connect(async { back.await.map_err(|_| sqlx::Error::PoolClosed) });
        let trying = std::pin::pin!(trying);
        let mut trying = trying;
        assert!(std::future::poll_fn(|c| std::task::Poll::Ready(trying.as_mut().poll(c))).await.is_pending());
        let never = breaker.connect(std::future::pending::<Result<(), sqlx::Error>>());
        assert!(matches!(never.await, Err(StorageError::Unavailable(_))), "told at once");
        found.send(()).unwrap();
        trying.await.unwrap();
        breaker.connect(async { Ok(()) }).await.unwrap();
        assert!(!breaker.away.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_try_that_is_dropped_lets_the_next_one_try() {
        let breaker = Breaker::default();
        assert!(breaker.connect(async { Err::<(), _>(sqlx::Error::PoolTimedOut) }).await.is_err());
        {
            let mut dropped = Box::pin(breaker.connect(std::future::pending::<Result<(), sqlx::Error>>()));
            assert!(
                std::future::poll_fn(|c| std::task::Poll::Ready(dropped.as_mut().poll(c))).await.is_pending()
            );
        }
        breaker.connect(async { Ok(()) }).await.unwrap();
    }
}
