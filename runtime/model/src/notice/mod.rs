//! Notices: when somebody is told that a workflow fails, and that it works again. What must hold: a workflow that goes on as it was told of is not told of
//! again, but for a reminder; one that fails now and then is told of no more often than set.

mod content;
mod health;
mod settings;

pub use content::{Content, Item, MAX_ITEMS};
pub use health::{Health, Tell};
pub use settings::{
    MAX_AFTER_FAILURES, MAX_GATHER_S, MAX_INTERVAL_S, MAX_REMINDER_H, NoticeError, NoticeSettings,
    WorkflowNotices,
};
