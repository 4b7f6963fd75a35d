//! The `factotum` program: parses its command line and dispatches.
fn main() {}
