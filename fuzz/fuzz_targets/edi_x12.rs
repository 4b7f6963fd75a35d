//! X12: whatever comes is read to its end or to an error with a place, is what it was when written back, and gets an acknowledgement that is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;

const ISA: &[u8] = b"ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *260101*1200*^*00501*000000001*1*P*:~";

fuzz_target!(|data: &[u8]| {
    if data.starts_with(b"ISA") {
        factotum_edi_codec::probe(data);
    } else {
        factotum_edi_codec::probe(&[ISA, data].concat());
    }
});
