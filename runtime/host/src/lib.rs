//! Factotum's sandbox: the only crate that knows wasmtime
