//! Factotum's sandbox: the only crate that knows wasmtime. It takes WebAssembly components in ([`Host::inspect`]), keeps
//! them compiled ([`Host::prepare`]) and runs them ([`Host::invoke`]).
//!
//! What must hold:
//! - every attempt has a fresh instance and a slot ([`Host::reserve`]) of the pool;
//! - every capability call is counted, stopped if the run may no longer act, and authorized, in this order, before it
//!   does anything; a denial is recorded before the guest learns of it;
//! - the first limit that an attempt hits is what it failed with, whatever follows from it;
//! - native code is loaded only from files that this program wrote.

mod capability;
mod component;
mod config;
mod cpu;
mod egress;
mod engine;
mod error;
mod failure;
mod guest;
mod handler;
mod host;
mod interrupt;
mod invocation;
mod invoke;
mod live_log;
mod meter;
mod ports;
mod share;
mod slot;
mod stdio;
mod ticker;

pub use component::{Inspected, Prepared, World};
pub use config::HostConfig;
pub use egress::{EgressPolicy, EgressPolicyError, Outgoing, OutgoingError};
pub use error::{HostError, UploadError};
pub use host::Host;
pub use interrupt::{Interrupt, StopReason};
pub use invocation::{Invocation, LogLevel, LogLine, Output, Report, Usage};
pub use live_log::LiveLog;
pub use ports::{
    CallPlace, ChildCall, ChildEnd, ChildError, HttpAnswer, HttpCall, KvEntry, MailCall, MailError,
    OutgoingFile, OutgoingMail, PortError, Ports,
};
pub use slot::Slot;
