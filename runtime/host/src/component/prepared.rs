//! A component that is ready to run, and what an upload turned out to be.

use factotum_model::{Digest, http_response};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::capability::bindings::WorkflowPre;
use crate::error::UploadError;
use crate::guest::Guest;

/// The function of `factotum:workflow/workflow`.
const WORKFLOW_EXPORT: &str = "handle";
/// The interface of a handler of HTTP requests, without its version.
const HANDLER_EXPORT: &str = "wasi:http/incoming-handler@";
/// The interface of a command, without its version.
const COMMAND_EXPORT: &str = "wasi:cli/run@";
/// How many exports an error message names.
const EXPORTS_SHOWN: usize = 8;

/// Which contract a component fulfils; of several, the first one in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    /// `factotum:workflow/workflow`: exports `handle`.
    Workflow,
    /// `wasi:http/proxy`: exports `wasi:http/incoming-handler`.
    Handler,
    /// `wasi:cli/command`: exports `wasi:cli/run`.
    Command,
}

impl World {
    /// The stored and published word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "factotum:workflow",
            Self::Handler => http_response::WORLD,
            Self::Command => "wasi:cli",
        }
    }
}

/// What an upload turned out to be. Store the bytes as they were uploaded: adapting a core module is deterministic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The SHA-256 of the bytes as uploaded.
    pub digest: Digest,
    /// Its world.
    pub world: World,
    /// What it imports, sorted.
    pub imports: Vec<String>,
    /// What it exports, sorted.
    pub exports: Vec<String>,
    /// Its size as uploaded, in bytes.
    pub size: u64,
}

/// A component ready to run.
pub struct Prepared {
    digest: Digest,
    imports: Vec<String>,
    exports: Vec<String>,
    pub(crate) entry: Entry,
}

/// Linked, with its entry point found: what is left per run is an instance.
pub(crate) enum Entry {
    Workflow(WorkflowPre<Guest>),
    Handler(ProxyPre<Guest>),
    Command(CommandPre<Guest>),
}

impl Prepared {
    /// Which component this is.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Which contract it fulfils.
    pub fn world(&self) -> World {
        match self.entry {
            Entry::Workflow(_) => World::Workflow,
            Entry::Handler(_) => World::Handler,
            Entry::Command(_) => World::Command,
        }
    }

    /// What it imports, sorted.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// What it exports, sorted.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// Links a compiled component, or says why it cannot be run here.
    pub(super) fn link(
        engine: &Engine,
        linker: &Linker<Guest>,
        digest: Digest,
        component: &Component,
    ) -> Result<Self, UploadError> {
        let shape = component.component_type();
        let mut imports: Vec<String> = shape.imports(engine).map(|(name, _)| name.to_owned()).collect();
        imports.sort_unstable();
        let mut exports: Vec<String> = shape.exports(engine).map(|(name, _)| name.to_owned()).collect();
        exports.sort_unstable();
        let worlds = shape.exports(engine).filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentFunc(_) if name == WORKFLOW_EXPORT => Some(World::Workflow),
            ComponentItem::ComponentInstance(_) if name.starts_with(HANDLER_EXPORT) => Some(World::Handler),
            ComponentItem::ComponentInstance(_) if name.starts_with(COMMAND_EXPORT) => Some(World::Command),
            _ => None,
        });
        // A program may export several: what toolchains make of a handler of HTTP has a `main` that does nothing beside it.
        let Some(world) = worlds.min() else {
            let exports: Vec<String> = exports.iter().map(|name| format!("`{name}`")).collect();
            return Err(UploadError::UnknownWorld { exports: in_words(&exports) });
        };
        let linked = linker
            .instantiate_pre(component)
            .map_err(|error| unknown_import(&imports, &format!("{error:#}")))?;
        // The entry point has the right name by now; what can still be wrong is its type or version.
        let mistyped = |error: wasmtime::Error| UploadError::UnknownWorld {
            exports: format!(
                "the entry point of `{}`, but of another version or type ({error:#})",
                world.as_str()
            ),
        };
        let entry = match world {
            World::Workflow => Entry::Workflow(WorkflowPre::new(linked).map_err(mistyped)?),
            World::Handler => Entry::Handler(ProxyPre::new(linked).map_err(mistyped)?),
            World::Command => Entry::Command(CommandPre::new(linked).map_err(mistyped)?),
        };
        Ok(Self { digest, imports, exports, entry })
    }
}

fn in_words(exports: &[String]) -> String {
    match exports.len() {
        0 => "nothing".to_owned(),
        n if n <= EXPORTS_SHOWN => exports.join(", "),
        n => format!("{} and {} more", exports[..EXPORTS_SHOWN].join(", "), n - EXPORTS_SHOWN),
    }
}

fn unknown_import(imports: &[String], error: &str) -> UploadError {
    let import = imports.iter().find(|name| error.contains(&format!("`{name}`")));
    UploadError::UnknownImport {
        import: import.cloned().unwrap_or_else(|| "?".to_owned()),
        reason: error.to_owned(),
    }
}
