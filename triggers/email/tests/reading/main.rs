//! Reading mail: any bytes, in bounded time, and the mails of others as others read them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod bounds;
mod corpus;
mod differences;
mod shapes;
