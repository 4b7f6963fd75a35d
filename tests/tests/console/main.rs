//! The console in a real browser: every page and every task on it. What must hold: what a person sees and can do is what the API would show and allow them; no
//! page keeps anybody out, runs a foreign script, or offers what would be refused.

mod chromium;
mod dead_letters;
mod log_in;
mod run_contents;
mod runs;

use chromium::{Chromium, Look};
