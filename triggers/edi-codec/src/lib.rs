//! X12 and EDIFACT as they come over the wire: read as a stream without copying, checked, acknowledged, written back byte for byte.
//!
//! - [`Reader`] and [`segments`] give one [`Segment`] after the other, with its place, its delimiters and its parts.
//! - [`read`] and [`Interchanges`] check envelopes, counts and control numbers, and say what is in an [`Interchange`]: groups, sets, the bytes of each,
//!   and every [`Finding`] with the code by which an acknowledgement names it.
//! - [`acknowledge`] makes TA1, 997, 999 and CONTRL of that.
//! - [`document`] makes JSON of a transaction set, its segments in the loops of its grammar, and a set of JSON.
//! - [`Writer`] writes: segments as they were read, and new ones, which never hold a delimiter unseen.
//!
//! What must hold: it depends on nothing of ours, does no input or output but through the `Read` and `Write` it is given, asks no clock, and panics on
//! no input.

mod acknowledge;
mod charset;
mod compose;
mod contrl;
mod detect;
pub mod document;
mod edifact;
mod elements;
mod error;
mod finding;
mod functional;
mod interchange;
mod interchanges;
mod open;
mod parts;
mod place;
mod probe;
mod reader;
mod scan;
mod seen;
mod segment;
mod stamp;
mod syntax;
mod tradacoms;
mod writer;
mod x12;

pub use acknowledge::{Kind, Numbers, Request, acknowledge, only_acknowledges};
pub use charset::Charset;
pub use compose::{Composer, GroupHeader, Header, SetHeader};
pub use error::ReadError;
pub use finding::{Code, Finding, Severity};
pub use interchange::{Group, Interchange, Party, Set, Status, Ta1};
pub use interchanges::{Interchanges, Keep, Options, Visit, is_blank, read, read_all};
pub use open::{MAX_FAILED_SETS, MAX_FINDINGS};
pub use parts::{Part, Parts};
pub use place::Place;
pub use probe::probe;
pub use reader::{BUFFER, MAX_SEGMENT, Reader, Segments, segments, segments_within};
pub use segment::{Elements, Field, Fields, Segment};
pub use stamp::Stamp;
pub use syntax::{Standard, Syntax, Terminator};
pub use writer::{Element, WriteError, Writer};
pub use x12::MAX_LOOPS;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
