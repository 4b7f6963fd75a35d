//! The dispatcher with a real database, a real host and real guests. What must hold: each test runs on SQLite and on
//! PostgreSQL (`FACTOTUM_TEST_POSTGRES`, which `cargo xtask test` sets), and waits on conditions, never on time alone.

#![expect(clippy::unwrap_used, reason = "a test ends at the first fault")]

mod fixture;
mod retries;
mod stops;
mod takeover;
