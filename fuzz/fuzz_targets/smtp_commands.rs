//! A line of a client's: what is no command is refused with one line, and an address that is taken is one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| factotum_email::smtp::fuzz::command(data));
