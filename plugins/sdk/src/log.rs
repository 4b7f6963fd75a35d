//! The run's log: kept with the run, bounded in size. What must hold: a line is a fixed message with named values beside
//! it, so that logs can be searched; beyond the run's log limit the run fails with `log_limit`.
//!
//! ```no_run
//! use factotum_sdk::log;
//!
//! let (order, total_cents) = ("A-1", 1250);
//! log::info("order stored", &[("order", &order), ("total_cents", &total_cents)]);
//! log::debug("nothing to do", &[]);
//! ```

use std::fmt::Display;

use crate::bindings::factotum::workflow::log as contract;

/// A named value beside a message.
pub type Field<'a> = (&'a str, &'a dyn Display);

macro_rules! levels {
    ($($(#[$doc:meta])* $name:ident = $level:ident;)*) => {
        $($(#[$doc])*
        pub fn $name(message: &str, fields: &[Field<'_>]) {
            write(contract::Level::$level, message, fields);
        })*
    };
}

levels! {
    /// For following a computation step by step.
    trace = Trace;
    /// For the workflow's author.
    debug = Debug;
    /// For whoever runs the workflow.
    info = Info;
    /// Something is odd, and the run goes on.
    warn = Warn;
    /// Something failed.
    error = Error;
}

fn write(level: contract::Level, message: &str, fields: &[Field<'_>]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    contract::write(level, message, &fields);
}
