//! Factotum's schedule trigger: when a workflow is due, and one event for each time, exactly. What must hold: a firing is
//! named by its schedule and its nominal time, whichever node makes it; nothing here knows how a workflow is run.

pub mod arm;
pub mod calendar;
pub mod config;
pub mod cron;
pub mod field;
mod firing;
pub mod missed;
mod scheduler;
mod turn;
mod wheel;

pub use calendar::{DstEffect, Firing, Schedule, ScheduleError, zones};
pub use config::{ConfigError, check_config};
pub use scheduler::Scheduler;
