//! What can go wrong in the host itself, as opposed to in a guest: a guest's failures are `factotum_model::Failure`s in a
//! report. What must hold: every refusal of an upload says what was found, what was expected and what to do.

use std::path::PathBuf;

use factotum_model::Digest;

/// The host could not do its work; the component is not to blame.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// wasmtime could not be set up.
    #[error("the WebAssembly engine could not be started: {0}")]
    Engine(String),
    /// The cache folder cannot be used.
    #[error("the component cache {path} cannot be used: {reason}")]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The component's bytes could not be loaded.
    #[error("the component {digest} could not be loaded")]
    Load {
        /// Which.
        digest: Digest,
        /// What the loader said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was loaded is not what the digest says.
    #[error("the stored component {expected} is damaged: its bytes have the digest {found}; upload it again")]
    Damaged {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// A stored component no longer passes the checks of an upload.
    #[error("the component {digest} cannot be run: {source}")]
    Component {
        /// Which.
        digest: Digest,
        /// Why not.
        #[source]
        source: UploadError,
    },
}

/// An upload is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// Nothing that begins like wasm.
    #[error(
        "not WebAssembly: the upload begins with {found}; send a component (or a core module for WASI preview 1) in binary form"
    )]
    NotWasm {
        /// The first bytes, in words.
        found: String,
    },
    /// Begins like wasm, but does not hold together.
    #[error("not valid WebAssembly: {0}")]
    Invalid(String),
    /// Over the limit.
    #[error("the upload has {size} bytes; at most {max} are allowed (`limits.component_bytes`)")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// A core module that cannot be made a component.
    #[error(
        "this core module cannot be made a command: {0}; it must be a WASI preview 1 program that exports `_start` and imports nothing but `wasi_snapshot_preview1`"
    )]
    Adapt(String),
    /// A component without an entry point known here.
    #[error(
        "the component exports {exports}; expected is `handle` of the world `factotum:workflow/workflow`, `wasi:http/incoming-handler@0.2` (a handler of HTTP requests), or `wasi:cli/run` (a command)"
    )]
    UnknownWorld {
        /// What it exports, in words.
        exports: String,
    },
    /// A component that wants something the host does not have.
    #[error("the component imports `{import}`, which this host does not offer: {reason}")]
    UnknownImport {
        /// The import.
        import: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Compiling took too long.
    #[error("compiling the component took longer than {limit_s} s (`limits.compile_timeout`)")]
    CompileTimeout {
        /// The limit in seconds.
        limit_s: u64,
    },
}
