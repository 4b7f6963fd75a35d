//! EDIFACT and TRADACOMS: whatever comes is read to its end or to an error with a place, is what it was when written back, and gets an acknowledgement
//! that is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if data.starts_with(b"UN") || data.starts_with(b"STX") {
        factotum_edi_codec::probe(data);
    } else {
        factotum_edi_codec::probe(&[b"UNB+UNOA:3+THEM+US+260101:1200+1'", data].concat());
    }
});
