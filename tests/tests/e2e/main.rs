//! End-to-end tests: the real program, real databases, real wasm, over HTTP. What must hold: every behaviour passes on SQLite and
//! on PostgreSQL, and a test waits on conditions, not on time. `cargo xtask test` builds what they need.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics with the reason")]

mod api_keys;
mod attacks;
mod audit;
mod audit_export;
mod audit_injection;
mod audit_intents;
mod audit_kill;
mod audit_log;
mod audit_streams;
mod audit_tail;
mod audit_witness;
mod bad_input;
mod child_runs;
mod cli;
mod crash;
mod data_access;
mod erasure;
mod first_start;
mod invitations;
mod key_cache;
mod key_report;
mod key_rotation;
mod ledger;
mod limits;
mod log_in;
mod mail_relay;
mod members;
mod members_cli;
mod oidc;
mod oidc_attacks;
mod oidc_invitations;
mod password;
mod promises;
mod restricted_role;
mod roles;
mod runs;
mod schedule;
mod second_factor;
mod smtp;
mod storage_outage;
mod two_nodes;
mod unrecorded;
mod webhooks;
mod workflow_mail;
