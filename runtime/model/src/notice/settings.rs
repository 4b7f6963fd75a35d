//! When notices go out: of an organization, and what differs for one workflow. What must hold: every number is bounded, and a wrong one is named by its field.

use serde::{Deserialize, Serialize};

/// How many runs in a row may have to fail at the most.
pub const MAX_AFTER_FAILURES: u32 = 1_000;
/// How long what happened is gathered at the most: an hour.
pub const MAX_GATHER_S: u32 = 3_600;
/// How long a workflow may have to rest between two notices that it fails at the most: a day.
pub const MAX_INTERVAL_S: u32 = 86_400;
/// How long a reminder may be put off at the most: thirty days.
pub const MAX_REMINDER_H: u32 = 720;

/// When an organization's notices go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeSettings {
    /// Whether its Admins are told by mail.
    pub admins: bool,
    /// How many runs of a workflow fail in a row before it counts as failing.
    pub after_failures: u32,
    /// How long what happens is gathered into one message, in seconds.
    pub gather_s: u32,
    /// How long after a notice that a workflow fails the next one that it fails anew may come, in seconds.
    pub interval_s: u32,
    /// After how many hours one is reminded of a workflow that goes on failing; 0 for never.
    pub reminder_h: u32,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self { admins: true, after_failures: 1, gather_s: 60, interval_s: 900, reminder_h: 24 }
    }
}

/// A number that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is a whole number from {least} to {most}")]
pub struct NoticeError {
    /// Which.
    pub field: &'static str,
    /// At least.
    pub least: u32,
    /// At the most.
    pub most: u32,
}

fn within(field: &'static str, value: u32, least: u32, most: u32) -> Result<(), NoticeError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(NoticeError { field, least, most }) }
}

impl NoticeSettings {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), NoticeError> {
        within("after_failures", self.after_failures, 1, MAX_AFTER_FAILURES)?;
        within("gather_s", self.gather_s, 0, MAX_GATHER_S)?;
        within("interval_s", self.interval_s, 0, MAX_INTERVAL_S)?;
        within("reminder_h", self.reminder_h, 0, MAX_REMINDER_H)
    }
}

/// What differs for one workflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowNotices {
    /// Whether nobody is told of it.
    pub muted: bool,
    /// Its own number of failures in a row, instead of the organization's.
    pub after_failures: Option<u32>,
}

impl WorkflowNotices {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), NoticeError> {
        self.after_failures.map_or(Ok(()), |n| within("after_failures", n, 1, MAX_AFTER_FAILURES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_bounds_is_named() {
        let fine = NoticeSettings::default();
        assert_eq!(fine.check(), Ok(()));
        for (wrong, field) in [
            (NoticeSettings { after_failures: 0, ..fine }, "after_failures"),
            (NoticeSettings { after_failures: 1_001, ..fine }, "after_failures"),
            (NoticeSettings { gather_s: 3_601, ..fine }, "gather_s"),
            (NoticeSettings { interval_s: 86_401, ..fine }, "interval_s"),
            (NoticeSettings { reminder_h: 721, ..fine }, "reminder_h"),
        ] {
            assert_eq!(wrong.check().map_err(|e| e.field), Err(field));
        }
        assert!(WorkflowNotices { muted: true, after_failures: Some(0) }.check().is_err());
        assert!(WorkflowNotices::default().check().is_ok());
    }
}
