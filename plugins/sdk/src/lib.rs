//! Rust guest SDK for Factotum workflows
