//! What `wit-bindgen` makes of the contract, and the translation to this crate's own types. What must hold: nothing
//! here is public API; [`crate::workflow`] alone names it.

#![expect(clippy::pedantic, clippy::too_many_arguments, reason = "wit-bindgen's code")]

wit_bindgen::generate!({
    path: "../wit",
    world: "factotum:workflow/workflow",
    pub_export_macro: true,
    export_macro_name: "export_workflow",
    default_bindings_module: "factotum_sdk::bindings",
});

use crate::{event, outcome};

/// Calls a workflow's function with the event and hands its answer back.
pub fn invoke(
    handle: fn(event::Event) -> Result<outcome::Outcome, outcome::Failure>,
    event: Event,
) -> Result<Outcome, Failure> {
    let event = event::Event::from_contract(event).map_err(outcome::Failure::into_contract)?;
    handle(event).map(outcome::Outcome::into_contract).map_err(outcome::Failure::into_contract)
}
