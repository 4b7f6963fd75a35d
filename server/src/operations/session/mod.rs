//! Sessions: how people are logged in, whatever way they came.

mod begin;

pub use begin::{Begun, begin};
