//! A mail of any bytes: nothing panics, what is shown of it stays within its bounds, and each file is cut out of the bytes that came.
#![no_main]

use factotum_email::message;
use libfuzzer_sys::fuzz_target;

/// Text, HTML and header, each within its own bound, and what is said of them.
const SHOWN_BYTES: usize = 8 << 20;

fuzz_target!(|data: &[u8]| {
    let mail = message::read(data);
    let shown = mail.subject.len()
        + mail.text.as_deref().map_or(0, str::len)
        + mail.html.as_deref().map_or(0, str::len)
        + mail.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    assert!(shown <= SHOWN_BYTES, "{shown} bytes are shown of {}", data.len());
    for file in &mail.attachments {
        assert!(!file.name.is_empty() && file.name.len() <= 255, "{:?}", file.name);
        assert!(!file.name.contains(['/', '\\']) && !file.name.chars().any(char::is_control), "{:?}", file.name);
        assert!(file.size <= data.len() as u64 * 3 + 64, "a file of {} from {} bytes", file.size, data.len());
    }
});
