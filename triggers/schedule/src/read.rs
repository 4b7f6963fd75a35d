//! Stored configurations, read. What must hold: each text is read once for many firings, and again after a while, since a zone's rules may change under a
//! running program; the memory for it is bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use factotum_model::trigger::ScheduleConfig;
use tokio::time::Instant;

use crate::calendar::Schedule;

/// The most texts that are kept.
const MAX_KEPT: usize = 4_096;
/// For how long.
const KEPT: Duration = Duration::from_mins(5);

/// A configuration with the schedule that it says.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) config: ScheduleConfig,
    pub(crate) schedule: Schedule,
}

/// Reads a stored text.
pub(crate) fn read(text: &str) -> Result<Read, String> {
    let config: ScheduleConfig = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let schedule = Schedule::parse(&config).map_err(|e| e.to_string())?;
    Ok(Read { config, schedule })
}

/// What was read lately.
#[derive(Debug)]
pub(crate) struct Texts {
    known: HashMap<String, Arc<Read>>,
    since: Instant,
}

impl Default for Texts {
    fn default() -> Self {
        Self { known: HashMap::new(), since: Instant::now() }
    }
}

impl Texts {
    /// What a text says.
    pub(crate) fn read(&mut self, text: &str) -> Result<Arc<Read>, String> {
        if self.since.elapsed() > KEPT || self.known.len() >= MAX_KEPT {
            *self = Self::default();
        }
        if let Some(known) = self.known.get(text) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(read(text)?);
        self.known.insert(text.to_owned(), Arc::clone(&new));
        Ok(new)
    }
}
