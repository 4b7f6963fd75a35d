//! The HTTP API. What must hold: every answer passes [`edge`], every route stands in the table of [`endpoint`], and handlers only
//! translate: what is done is done by operations.

pub mod body;
pub mod edge;
pub mod endpoint;
pub mod metrics;
pub mod openapi;
pub mod problem;

pub use problem::{Code, Problem};
