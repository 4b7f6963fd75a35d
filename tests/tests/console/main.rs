//! The console in a real browser: every page and every task on it. What must hold: what a person sees and can do is what the API would show and allow them; no
//! page keeps anybody out, runs a foreign script, or offers what would be refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics with the reason")]

mod account;
mod api_keys;
mod audit;
mod chromium;
mod dead_letters;
mod edi;
mod first_steps;
mod flows;
mod from_first_start;
mod hostile_pages;
mod log_in;
mod mail;
mod mail_addresses;
mod members;
mod notices;
mod overview;
mod plugins;
mod provider;
mod roles;
mod run_contents;
mod runs;
mod secrets;
mod security;
mod service_accounts;
mod settings;
mod triggers;
mod workflows;

use chromium::{Chromium, Look};
