//! An answer: a code of three digits, an enhanced code (RFC 3463), text. What must hold: whatever it says, it is lines of printable ASCII, so that nothing a client
//! sent can end a line of ours.

/// The longest text in one line of an answer, in bytes: the line is at most 512 (RFC 5321 §4.5.3.1.5).
const MAX_TEXT_BYTES: usize = 400;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: &'static str,
    lines: Vec<String>,
}

impl Reply {
    /// An answer of one line.
    pub fn new(code: u16, enhanced: &'static str, text: impl Into<String>) -> Self {
        Self { code, enhanced, lines: vec![text.into()] }
    }

    /// One without enhanced code, of several lines: greeting and EHLO (RFC 2034 §4).
    pub(crate) fn plain(code: u16, lines: Vec<String>) -> Self {
        Self { code, enhanced: "", lines }
    }

    /// The three digits.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Whether it refuses.
    pub const fn is_refusal(&self) -> bool {
        self.code >= 400
    }

    /// As it goes over the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (at, line) in self.lines.iter().enumerate() {
            let last = at + 1 == self.lines.len();
            out.extend_from_slice(self.code.to_string().as_bytes());
            out.push(if last { b' ' } else { b'-' });
            if !self.enhanced.is_empty() {
                out.extend_from_slice(self.enhanced.as_bytes());
                out.push(b' ');
            }
            let text = line.bytes().map(|b| if (b' '..=b'~').contains(&b) { b } else { b'?' });
            out.extend(text.take(MAX_TEXT_BYTES));
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn several_lines_are_joined_and_nothing_ends_one_early() {
        assert_eq!(written(&Reply::new(250, "2.0.0", "fine")), "250 2.0.0 fine\r\n");
        let lines = vec!["mx".into(), "SIZE 5".into()];
        assert_eq!(written(&Reply::plain(250, lines)), "250-mx\r\n250 SIZE 5\r\n");
        assert_eq!(written(&Reply::new(550, "5.1.1", "no\r\n250 é")), "550 5.1.1 no??250 ??\r\n");
        assert_eq!(written(&Reply::new(550, "5.1.1", "x".repeat(1_000))).len(), 400 + "550 5.1.1 \r\n".len());
    }
}
