//! What follows `DATA`, to the end that is CRLF, a dot, CRLF and nothing else (RFC 5321 §4.1.1.4, §2.3.8). What must hold: a CR or an LF that stands alone ends it
//! with a refusal: programs that take such for a line's end see other messages in the same bytes (CVE-2023-51764, -51765, -51766); dots are unstuffed (§4.5.2).

/// Where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the beginning of a line.
    LineStart,
    /// Within one.
    Line,
    /// After a CR within a line.
    Cr,
    /// After a dot at the beginning of a line.
    Dot,
    /// After that and a CR.
    DotCr,
}

/// What a piece of input came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All of it was read, and there is more to come.
    More,
    /// The end was there; so many bytes of the piece belong to it.
    End(usize),
    /// A CR or an LF stood alone. Nothing more is to be read.
    Bare,
}

/// Reads a message's data piece by piece.
#[derive(Debug)]
pub struct DataReader {
    at: At,
}

impl Default for DataReader {
    fn default() -> Self {
        Self { at: At::LineStart }
    }
}

impl DataReader {
    /// Reads a piece; `take` gets the message's bytes in runs.
    pub fn read(&mut self, piece: &[u8], mut take: impl FnMut(&[u8])) -> Progress {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            match (self.at, byte) {
                (At::Line, _) => {
                    // Most of a message is this: up to the next line's end at once.
                    let rest = &piece[at..];
                    let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
                    take(&rest[..end]);
                    at += end;
                    match piece.get(at) {
                        Some(b'\r') => self.at = At::Cr,
                        Some(_) => return Progress::Bare,
                        None => return Progress::More,
                    }
                }
                (At::LineStart, b'\r') => self.at = At::Cr,
                (At::LineStart, b'.') => self.at = At::Dot,
                (At::Dot, b'\r') => self.at = At::DotCr,
                (At::Cr, b'\n') => {
                    take(b"\r\n");
                    self.at = At::LineStart;
                }
                (At::DotCr, b'\n') => return Progress::End(at + 1),
                (At::LineStart | At::Dot, b'\n') | (At::Cr | At::DotCr, _) => return Progress::Bare,
                (At::LineStart | At::Dot, _) => {
                    self.at = At::Line;
                    continue;
                }
            }
            at += 1;
        }
        Progress::More
    }
}

/// A message's bytes as `DATA` sends them: dots stuffed, and the end. `None` where a CR or LF stands alone: such a message goes by BDAT.
pub fn stuffed(message: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut before = b'\n';
    for (at, &byte) in message.iter().enumerate() {
        let next = message.get(at + 1);
        if (byte == b'\r' && next != Some(&b'\n')) || (byte == b'\n' && (at == 0 || before != b'\r')) {
            return None;
        }
        if byte == b'.' && before == b'\n' {
            out.push(b'.');
        }
        out.push(byte);
        before = byte;
    }
    if before != b'\n' {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What becomes of input, whole, and how many of its bytes were read.
    fn read(input: &[u8]) -> (Vec<u8>, Progress) {
        let mut message = Vec::new();
        let progress = DataReader::default().read(input, |run| message.extend_from_slice(run));
        (message, progress)
    }

    #[test]
    fn only_crlf_dot_crlf_ends_data() {
        for (input, message, left) in [
            ("hi\r\n.\r\nNOOP", "hi\r\n", "NOOP"),
            (".\r\n", "", ""),
            ("\r\n.\r\n", "\r\n", ""),
            ("..\r\n.\r\n", ".\r\n", ""),
            (".a\r\n...\r\n.\r\n", "a\r\n..\r\n", ""),
            ("a.\r\n.\r\n.", "a.\r\n", "."),
        ] {
            let (read, progress) = read(input.as_bytes());
            assert_eq!(
                (read.as_slice(), progress),
                (message.as_bytes(), Progress::End(input.len() - left.len())),
                "{input:?}"
            );
        }
    }

    /// Each ending that has been used to hide a second message in a first.
    #[test]
    fn all_smuggling_endings_are_refused() {
        for ending in [
            "\n.\n",
            "\n.\r\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\n",
            "\r\n.\r",
            "\n.\r",
            "\r.\n",
            "\r\n.\r\r\n",
            "\r\r\n.\r\n",
            "\n\n.\r\n",
            "\r\n.\r.\r\n",
            "\r\n\n.\r\n",
            "\n",
            "\r",
            "\r\n.\r\n\r\n.\r\n\n",
        ] {
            let smuggled = format!("one{ending}MAIL FROM:<evil@example.com>\r\n");
            let (message, progress) = read(smuggled.as_bytes());
            if ending.starts_with("\r\n.\r\n") {
                assert_eq!(progress, Progress::End("one\r\n.\r\n".len()), "the real end comes first");
                assert_eq!(message, b"one\r\n");
            } else {
                assert_eq!(progress, Progress::Bare, "{ending:?}");
            }
        }
        assert_eq!(read("a\0b\r\n.\r\n".as_bytes()).0, b"a\0b\r\n", "a NUL is a byte like others");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter_and_any_message_survives(
            message in prop::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b'.'), 1 => Just(b'\r'), 1 => Just(b'\n')], 0..200),
            cut in 0_usize..200,
        ) {
            super::super::fuzz::data(&message);
            // With every line's end made whole, it survives.
            let mut plain = Vec::new();
            for &byte in &message {
                match byte {
                    b'\r' => {}
                    b'\n' => plain.extend_from_slice(b"\r\n"),
                    other => plain.push(other),
                }
            }
            let sent = stuffed(&plain).unwrap();
            if !plain.is_empty() && !plain.ends_with(b"\n") {
                plain.extend_from_slice(b"\r\n");
            }
            let cut = cut.min(sent.len());
            let (mut reader, mut got) = (DataReader::default(), Vec::new());
            let first = reader.read(&sent[..cut], |run| got.extend_from_slice(run));
            if first == Progress::More {
                let second = reader.read(&sent[cut..], |run| got.extend_from_slice(run));
                prop_assert_eq!(second, Progress::End(sent.len() - cut));
            } else {
                prop_assert_eq!(first, Progress::End(sent.len()));
            }
            prop_assert_eq!(got, plain);
        }
    }
}
