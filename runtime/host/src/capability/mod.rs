//! What a guest can ask of the host, one file each. What must hold: each function passes the gate (`guest::Gate`) before it
//! does anything; `run`, `log`, `config` and `attachments` need no grant.

pub mod attachments;
mod config;
pub(crate) mod http;
mod kv;
mod log;
pub(crate) mod mail;
mod run;
mod workflows;

use wasmtime::component::{HasSelf, Linker};

use crate::guest::Guest;

/// The bindings of `plugins/wit`.
pub(crate) mod bindings {
    #![allow(missing_docs, clippy::all, clippy::pedantic, unused_qualifications, reason = "generated")]
    wasmtime::component::bindgen!({
        path: "../../plugins/wit",
        world: "factotum:workflow/workflow",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "factotum:workflow/attachments.reader": crate::capability::attachments::Reader },
    });
}

/// A linker with every interface that a component may import.
pub(crate) fn link(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    bindings::Workflow::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

/// The types have no functions.
impl bindings::factotum::workflow::types::Host for Guest {}
