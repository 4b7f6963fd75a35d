//! Finding entries of the audit trail by any mix of filters, however long the trail is.
//!
//! Entries that have their leaf are indexed in **blocks** of [`BLOCK`], in the order of their leaves, beside the path of the action
//! that wrote them. A block keeps, for each **term** that occurs in it (`account:…`, `action:…`, a word of the text), which of its entries
//! have it: a posting. Blocks are written once and never added to, [`ERA`] of them lie together. What is newer than the last whole
//! block, the **tail**, is read directly.
//!
//! What must hold: the index only says which entries may match; each one that is given back was read from the trail and asked the filter
//! itself, so a damaged or hashed index can hide an entry but never show a wrong one. Nothing is missed: an entry is in a
//! block or in the tail. What was erased from the trail is [forgotten](forget) here, too.

mod bits;
mod blocks;
pub mod find;
pub mod forget;
pub mod index;
pub mod report;
pub mod tail;
pub mod terms;
pub mod words;

/// How many entries a block has. More make blocks quicker to go through and the tail slower.
pub const BLOCK: usize = 4096;
/// How many blocks lie together, with their postings of one term side by side.
pub const ERA: i64 = 64;
