//! The Rust SDK for Factotum workflows: one function, typed events, and what the host offers. What must hold: it
//! meets the host only at the contract (`plugins/wit`), it hides no failure, and everything that needs no host
//! also runs, and is tested, natively.
//!
//! A workflow is a crate of type `cdylib`, built for `wasm32-wasip2`:
//!
//! ```
//! use factotum_sdk::{Event, Failure, Outcome, log, workflow};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     order_id: String,
//!     cents: Vec<u64>,
//! }
//!
//! #[derive(Serialize)]
//! struct Receipt {
//!     order_id: String,
//!     total_cents: u64,
//! }
//!
//! workflow!(handle);
//!
//! fn handle(event: Event) -> Result<Outcome, Failure> {
//!     let order: Order = event.json()?;
//!     let total_cents = order.cents.iter().sum();
//!     log::info("order came in", &[("order", &order.order_id), ("total_cents", &total_cents)]);
//!     Outcome::json(&Receipt { order_id: order.order_id, total_cents })
//! }
//! # fn main() {}
//! ```
//!
//! `?` does the right thing on every error of this crate: what will go on failing becomes a
//! [permanent](Failure::Permanent) failure, what may pass becomes a [retryable](Failure::Retryable) one.
//!
//! | module | what |
//! |---|---|
//! | [`event`], [`outcome`] | what comes in and what goes out |
//! | [`run`] | who this run acts as, what started it, which attempt it is |
//! | [`log`] | the run's log |
//! | [`config`] | the workflow's configuration |
//! | [`kv`] | durable stores |
//! | [`workflows`] | starting other workflows, and waiting for them |
//! | [`http`] | outbound requests |
//! | [`email`] | a mail that came in, and its attachments as streams |
//! | [`mail`] | sending mail |
//! | [`json`] | JSON whose errors name the field |

#[doc(hidden)]
pub mod bindings;
pub mod config;
pub mod email;
pub mod event;
pub mod http;
pub mod json;
pub mod kv;
pub mod log;
pub mod mail;
pub mod outcome;
pub mod run;
pub mod workflows;

pub use email::Email;
pub use event::{Event, Schedule, Webhook};
pub use outcome::{Failure, Outcome};

/// Makes a function the workflow's entry: `fn handle(event: Event) -> Result<Outcome, Failure>`.
///
/// Each event is handled in a fresh instance: nothing in memory lasts from one call to the next.
#[macro_export]
macro_rules! workflow {
    ($handle:path) => {
        const _: () = {
            struct Workflow;

            impl $crate::bindings::Guest for Workflow {
                fn handle(
                    event: $crate::bindings::Event,
                ) -> ::core::result::Result<$crate::bindings::Outcome, $crate::bindings::Failure> {
                    $crate::bindings::invoke($handle, event)
                }
            }

    $crate::bindings::export_workflow!(Workflow with_types_in $crate::bindings);
        };
    };
}
