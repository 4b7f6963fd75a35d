//! Waiting for a run's end: a webhook with `reply: outcome`, an API call with `?wait=`. What must hold: who began to watch
//! before the run ended is told, once, after the commit; a watcher that goes away leaves nothing behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use factotum_model::{ErrorCode, RunId, RunState};
use tokio::sync::oneshot;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// A terminal state.
    pub state: RunState,
    /// The output as JSON text, if it succeeded.
    pub output: Option<String>,
    /// Whether that is an HTTP response (`factotum_model::HttpResponse`).
    pub is_http: bool,
    /// The error, if it did not.
    pub error: Option<(ErrorCode, String)>,
}

type Watchers = HashMap<RunId, Vec<oneshot::Sender<Arc<Settled>>>>;

/// Who waits for which run, in this process.
#[derive(Debug, Default, Clone)]
pub struct Watch(Arc<Mutex<Watchers>>);

/// A wait for one run.
#[derive(Debug)]
pub struct Watcher {
    watch: Watch,
    run: RunId,
    receiver: oneshot::Receiver<Arc<Settled>>,
}

impl Watch {
    /// Begins to watch; do so before the run can end.
    pub fn run(&self, run: RunId) -> Watcher {
        let (sender, receiver) = oneshot::channel();
        self.lock().entry(run).or_default().push(sender);
        Watcher { watch: self.clone(), run, receiver }
    }

    pub(crate) fn settled(&self, run: RunId, settled: impl FnOnce() -> Settled) {
        let senders = self.lock().remove(&run);
        if let Some(senders) = senders {
            let settled = Arc::new(settled());
            for sender in senders {
                // A watcher that went away needs no answer.
                let _ = sender.send(Arc::clone(&settled));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watchers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Which run it waits for.
    pub const fn run_id(&self) -> RunId {
        self.run
    }

    /// Waits until the run has ended. `None` if it ended where this process does not hear of it: then read the run.
    pub async fn settled(&mut self) -> Option<Arc<Settled>> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.receiver.close();
        let mut watchers = self.watch.lock();
        if let Some(senders) = watchers.get_mut(&self.run) {
            senders.retain(|s| !s.is_closed());
            if senders.is_empty() {
                watchers.remove(&self.run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_watcher_is_told_and_none_is_left_behind() {
        let watch = Watch::default();
        let run = RunId::random();
        let (mut a, mut b) = (watch.run(run), watch.run(run));
        drop(watch.run(run));
        let end =
            Settled { state: RunState::Succeeded, output: Some("1".into()), is_http: false, error: None };
        watch.settled(run, || end.clone());
        assert_eq!(a.settled().await.as_deref(), Some(&end));
        assert_eq!(b.settled().await.as_deref(), Some(&end));
        drop(watch.run(run));
        assert!(watch.lock().is_empty());
    }
}
