//! The storage contract: every behaviour that the rest of Factotum relies on, run on SQLite and on PostgreSQL alike. What must
//! hold: no test here knows which backend it is on, but for `attacks_*.rs`, which attack each in its own words, and
//! `revocations.rs` and `seal_postgres.rs`, since only PostgreSQL has several nodes and several writers; no test sleeps: the clock is turned by hand, and waits are for conditions.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure, and unwrap shows it")]

#[macro_use]
mod world;

mod accept;
mod accept_refusals;
mod attacks;
mod attacks_postgres;
mod attacks_sqlite;
mod audit;
mod audit_digest;
mod audit_search;
mod audit_streams;
mod cancel;
mod children;
mod claim;
mod concurrency;
mod dedup;
mod dump;
mod finish;
mod fixture;
mod handoff;
mod idempotency;
mod identities;
mod journal;
mod kv;
mod log_in;
mod members;
mod migrations;
mod notices;
mod organizations;
mod parking;
mod personal;
mod recover;
mod retention;
mod revocations;
mod revoke;
mod run_search;
mod schedules;
mod seal;
mod seal_postgres;
mod secrets;
mod sent_mails;
mod tenancy;
mod together;
mod verify;
