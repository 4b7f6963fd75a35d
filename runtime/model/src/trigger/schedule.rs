//! A schedule trigger's configuration. What must hold: a configuration that was stored before a field was there reads as it did then.

use serde::{Deserialize, Serialize};

/// A schedule trigger's configuration: one of `cron`, `every` and `at` says when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Five, six or seven fields, or `@daily` and its like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// How often: `90s`, `1h30m`; counted from `start`, or from 1970-01-01T00:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// Once: an instant, or what the clock of the zone shows then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// How `cron` is read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dialect: Dialect,
    /// An IANA time zone; `UTC` unless given.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Not before this: a date, a time of the zone, or an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Not after this: a date with its whole day, a time of the zone, or an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// What the change of the zone's clock does to fixed times.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dst: Dst,
    /// What becomes of firings that were missed.
    #[serde(default)]
    pub missed: Missed,
    /// What happens when the firing before is still running.
    #[serde(default)]
    pub overlap: Overlap,
    /// The most that it fires late, in seconds, so that not all schedules of a minute fire at once; how much is a matter of the trigger's id.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jitter_s: u64,
}

fn utc() -> String {
    "UTC".into()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a cron expression is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// As the crate `croner` reads it: five to seven fields, `L W #`, day of month or day of week.
    #[default]
    Croner,
    /// As the crate `cron` reads it: six or seven fields, day of month and day of week, 1 is Sunday.
    Cron,
}

/// What the change of a clock does to fixed times. Intervals run through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dst {
    /// A time that the clock jumps over.
    pub gap: Gap,
    /// A time that the clock shows twice.
    pub overlap: Fold,
}

/// What becomes of a time that the clock jumps over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// It fires right after the jump.
    #[default]
    After,
    /// It is left out.
    Skip,
}

/// Which of two equal times fires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// The first.
    #[default]
    First,
    /// The second.
    Second,
    /// Both.
    Both,
}

/// What becomes of firings that were missed while the program was down or the schedule paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Missed {
    /// Which of them are made up for.
    pub policy: MissedPolicy,
    /// How far back they are made up for, in seconds.
    pub window_s: u64,
    /// How many at the most; the newest. 1 to [`MAX_MISSED_FIRINGS`].
    #[serde(skip_serializing_if = "is_most")]
    pub max: usize,
}

impl Default for Missed {
    fn default() -> Self {
        Self { policy: MissedPolicy::Last, window_s: 3_600, max: MAX_MISSED_FIRINGS }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it by reference")]
const fn is_most(max: &usize) -> bool {
    *max == MAX_MISSED_FIRINGS
}

/// The most missed firings that one catch-up makes up for; the newest are kept.
pub const MAX_MISSED_FIRINGS: usize = 1_000;
/// The most firings of one schedule that wait for the one before; more are left out.
pub const MAX_QUEUED_FIRINGS: usize = 1_000;
/// The most firings that one backfill makes up for.
pub const MAX_BACKFILL: usize = 10_000;
/// The most jitter, in seconds: a day.
pub const MAX_JITTER_S: u64 = 86_400;

/// Which missed firings are made up for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedPolicy {
    /// None.
    None,
    /// The newest.
    #[default]
    Last,
    /// Every one, at most [`Missed::max`].
    All,
}

/// What happens when a run of the trigger has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Both run.
    #[default]
    Allow,
    /// The new firing is left out, with an audit entry.
    Skip,
    /// The new firing waits until nothing of the trigger goes on; while one waits, others are left out, with an audit entry.
    QueueOne,
    /// The new firing waits for its turn, at most [`MAX_QUEUED_FIRINGS`] of them.
    QueueAll,
    /// What an attempt is under way for is cancelled, then the new one fires. Runs that wait stay.
    CancelRunning,
    /// All that has not ended is cancelled, what waits for a retry too, then the new one fires.
    Replace,
}

impl Overlap {
    /// Whether a firing waits for those before it.
    pub const fn queues(self) -> bool {
        matches!(self, Self::QueueOne | Self::QueueAll)
    }
}
