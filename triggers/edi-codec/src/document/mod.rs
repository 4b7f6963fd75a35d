//! A transaction set or message as JSON, and back: its segments in the loops of its grammar, named. What must hold: nothing of a set is lost on the way,
//! and what the grammar does not expect is reported, with the code of the acknowledgement, and stands where it stood.
//!
//! ```text
//! ST*850*0001~BEG*00*NE*4711**20261123~PO1*1*12*EA*9.95**VP*A-1~CTT*1~SE*5*0001~
//!
//! {"ST": {"ST01": "850", "ST02": "0001"},
//!  "BEG": {"BEG01": "00", "BEG02": "NE", "BEG03": "4711", "BEG05": "20261123"},
//!  "loop_PO1": [{"PO1": {"PO101": "1", "PO102": "12", "PO103": "EA", "PO104": "9.95", "PO106": "VP", "PO107": "A-1"}}],
//!  "loop_CTT": {"CTT": {"CTT01": "1"}},
//!  "SE": {"SE01": "5", "SE02": "0001"}}
//! ```
//!
//! - [`read_set`] reads the bytes of a set: the three below in one.
//! - [`grammar`] finds the grammar of a set, if one ships.
//! - [`Reader`] takes its segments and gives a [`Document`] and what is wrong by the grammar.
//! - [`rows`] makes segments of a document, and [`write_body`] writes them, for what is sent; [`faults`] says what is wrong with it before.
//! - [`check`] adds to what is wrong with an interchange what is wrong by the grammars of its sets.

mod body;
mod charset;
mod check;
mod finding;
mod free;
mod grammar;
mod layout;
mod place;
mod probe;
mod row;
mod rows;
mod set;
mod shape;
mod shipped;
mod table;
mod tree;
mod write;

pub use body::{BodyError, faults, write_body};
pub use charset::Charset;
pub use check::check;
pub use grammar::{Grammar, Loop, Place, UNBOUNDED};
pub use place::{MAX_DEPTH, Reader};
pub use probe::probe;
pub use row::Row;
pub use rows::{DocumentError, rows};
pub use set::read_set;
pub use shipped::{grammar, grammars};
pub use table::{TableError, read as read_table};
pub use tree::Document;
