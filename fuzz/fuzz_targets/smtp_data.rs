//! What follows DATA: whole or byte by byte it comes to the same, and ends at the first CRLF.CRLF and nowhere else.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| factotum_email::smtp::fuzz::data(data));
