//! What the sender is told.

use std::fmt;

/// What became of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Now,
    /// It was kept before.
    Before,
    /// It is too large.
    TooLarge,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now => "received",
            Self::Before => "received before",
            Self::TooLarge => "too large: at most 1 MiB",
        })
    }
}

/// The answer's text.
pub fn text(all: &[(String, Kept)]) -> String {
    if all.is_empty() {
        return "There was no PDF in your mail. Please attach the invoice as one.\n".to_owned();
    }
    let lines: String = all.iter().map(|(name, kept)| format!("- {name}: {kept}\n")).collect();
    format!("Thank you for your invoices:\n\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_learns_of_each_invoice() {
        let all = [("a.pdf".to_owned(), Kept::Now), ("b.pdf".to_owned(), Kept::TooLarge)];
        assert!(text(&all).ends_with("- a.pdf: received\n- b.pdf: too large: at most 1 MiB\n"));
        assert!(text(&[]).contains("no PDF"));
    }
}
