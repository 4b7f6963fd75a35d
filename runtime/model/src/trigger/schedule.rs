//! A schedule trigger's configuration.

use serde::{Deserialize, Serialize};

/// A schedule trigger's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Five, six or seven fields, or `@daily` and its like.
    pub cron: String,
    /// An IANA time zone; `UTC` unless given.
    #[serde(default = "utc")]
    pub timezone: String,
    /// What becomes of firings that were missed.
    #[serde(default)]
    pub missed: Missed,
    /// What happens when the firing before is still running.
    #[serde(default)]
    pub overlap: Overlap,
}

fn utc() -> String {
    "UTC".into()
}

/// What becomes of firings that were missed while the program was down or the schedule paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Missed {
    /// Which of them are made up for.
    pub policy: MissedPolicy,
    /// How far back they are made up for, in seconds.
    pub window_s: u64,
}

impl Default for Missed {
    fn default() -> Self {
        Self { policy: MissedPolicy::Last, window_s: 3_600 }
    }
}

/// The most missed firings that one catch-up makes up for; the newest are kept.
pub const MAX_MISSED_FIRINGS: usize = 1_000;

/// Which missed firings are made up for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedPolicy {
    /// None.
    None,
    /// The newest.
    #[default]
    Last,
    /// Every one, at most [`MAX_MISSED_FIRINGS`].
    All,
}

/// What happens when the firing before is still going on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Both run.
    #[default]
    Allow,
    /// The new firing is left out, with an audit entry.
    Skip,
}
