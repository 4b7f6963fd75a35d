//! The factotum program: HTTP API, CLI, configuration
