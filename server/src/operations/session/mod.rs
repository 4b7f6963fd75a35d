//! Sessions: how people are logged in, whatever way they came, and what they do with their own.

mod begin;
mod end;
mod log_in;
mod own;
mod person;
mod read;
mod replace;
mod switch;

pub use begin::{Begun, begin, begin_until};
pub use end::{end, end_others, log_out};
pub use log_in::{FAILURES_EVERY, LogIn, LoggedIn, evenly, log_in};
pub use own::{Proven, own, proven};
pub use person::{Person, person};
pub use read::{current, list};
pub use replace::replace;
pub use switch::{Switch, switch};
