//! Factotum's schedule trigger: when a workflow is due, and one event for each time, exactly. What must hold: a firing is
//! named by its schedule and its nominal time, whichever node makes it; nothing here knows how a workflow is run.

pub mod arm;
pub mod backfill;
pub mod calendar;
pub mod config;
pub mod cron;
pub mod every;
pub mod field;
mod firing;
pub mod jitter;
pub mod lag;
pub mod missed;
pub mod moment;
mod plain;
mod plan;
mod queue;
mod read;
mod scheduler;
pub mod trial;
mod turn;
mod wall;
mod wheel;

pub use calendar::{DstEffect, Firing, Schedule, ScheduleError, probe, zones};
pub use config::{ConfigError, check_config};
pub use scheduler::Scheduler;
