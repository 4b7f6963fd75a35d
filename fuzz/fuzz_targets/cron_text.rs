//! A cron text and a zone: it is read or refused, soon, and its firings come in order.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&str, u8)| {
    const ZONES: [&str; 6] =
        ["UTC", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"];
    let (text, zone) = data;
    factotum_schedule::probe(text, ZONES[zone as usize % ZONES.len()]);
});
