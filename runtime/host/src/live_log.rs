//! A look at the log of an attempt while it goes on. What must hold: looking keeps nothing of the attempt alive, and changes nothing of it.

use std::sync::{Arc, OnceLock, Weak};

use crate::invocation::LogLine;
use crate::meter::Meter;

/// The log of an attempt under way; without lines before its guest starts and after its end.
#[derive(Debug, Clone, Default)]
pub struct LiveLog(Arc<OnceLock<Weak<Meter>>>);

impl LiveLog {
    pub(crate) fn follow(&self, meter: &Arc<Meter>) {
        // An invocation is one attempt: this is set once.
        let _ = self.0.set(Arc::downgrade(meter));
    }

    /// At most `most` lines from the one with this number on, counted from 0.
    pub fn lines(&self, from: usize, most: usize) -> Vec<LogLine> {
        let meter = self.0.get().and_then(Weak::upgrade);
        meter.map(|meter| meter.log_from(from, most)).unwrap_or_default()
    }
}
