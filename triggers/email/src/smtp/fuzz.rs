//! What fuzz targets and property tests call: plain functions over any bytes, which panic where something does not hold.

use super::command::{self, Command};
use super::data::{DataReader, Progress};
use super::path;

/// Any line gives a command or a refusal; an address that is taken is one.
pub fn command(line: &[u8]) {
    match command::parse(line) {
        Ok(Command::Mail(mail)) => {
            assert!(mail.from.is_empty() || path::is_address(&mail.from), "{mail:?}");
            assert!(mail.utf8 || mail.from.is_ascii(), "{mail:?}");
        }
        Ok(Command::Rcpt(to)) => {
            assert!(to.eq_ignore_ascii_case("postmaster") || path::is_address(&to), "{to:?}");
        }
        Ok(_) => {}
        Err(refusal) => {
            let mut written = Vec::new();
            refusal.reply().write(&mut written);
            let first = written.iter().position(|b| *b == b'\n');
            assert_eq!(first, Some(written.len() - 1), "an answer is one line");
        }
    }
}

/// Any data, whole or byte by byte, comes to the same; it ends where the first CRLF.CRLF is, unless a CR or LF stands alone before.
pub fn data(input: &[u8]) {
    let mut whole = Vec::new();
    let progress = DataReader::default().read(input, |run| whole.extend_from_slice(run));
    let (mut reader, mut pieces) = (DataReader::default(), Vec::new());
    let mut piecewise = Progress::More;
    for (at, byte) in input.iter().enumerate() {
        piecewise = match reader.read(std::slice::from_ref(byte), |run| pieces.extend_from_slice(run)) {
            Progress::End(_) => Progress::End(at + 1),
            other => other,
        };
        if piecewise != Progress::More {
            break;
        }
    }
    assert_eq!(progress, piecewise);
    assert_eq!(whole, pieces);
    let end = if input.starts_with(b".\r\n") { Some(3) } else { find(input, b"\r\n.\r\n").map(|at| at + 5) };
    match progress {
        Progress::End(at) => assert_eq!(Some(at), end),
        Progress::Bare => {
            let read = end.map_or(input, |end| &input[..end]);
            assert!(has_bare(read), "it was refused without a reason");
        }
        Progress::More => assert_eq!(end, None),
    }
    assert!(!has_bare(&whole) || whole.ends_with(b"\r"), "a bare CR or LF was taken");
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Whether a CR or LF stands alone; a CR at the very end does not count, as it may go on.
fn has_bare(text: &[u8]) -> bool {
    text.iter().enumerate().any(|(at, byte)| match byte {
        b'\n' => at == 0 || text[at - 1] != b'\r',
        b'\r' => text.get(at + 1).is_some_and(|next| *next != b'\n'),
        _ => false,
    })
}
