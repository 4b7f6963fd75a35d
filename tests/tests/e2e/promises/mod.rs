//! The promises of the design's identity page, one test each, named by its number: what an administrator can rely on, seen from outside. The database's
//! half of I1–I4, I6, I11 and I12 is attacked in raw SQL by the storage's contract suite.

mod accounts;
mod audit;
mod keys;
mod members;
