//! Whether a machine wrote a mail, so that no machine answers it: RFC 3834 and what senders did before it. The null sender is the session's to tell
//! (`Email::with_envelope`).

use super::field::Head;

/// More `Received` fields than this and the mail goes in a circle (RFC 5321 §6.3).
pub(super) const MAX_RECEIVED: usize = 50;

/// Why a mail with this header is of a machine, if it is.
pub(super) fn automatic(head: &Head<'_>) -> Option<&'static str> {
    // A word before parameters and comments.
    let words = |name: &'static str| {
        head.fields.iter().filter(move |field| field.is(name)).map(|field| {
            let (value, _) = field.value();
            value
                .split([';', '(', ' ', '\t'])
                .find(|word| !word.is_empty())
                .unwrap_or_default()
                .to_ascii_lowercase()
        })
    };
    if head.received > MAX_RECEIVED {
        Some("received_loop")
    } else if words("auto-submitted").any(|word| word != "no") {
        Some("auto_submitted")
    } else if words("precedence").any(|word| matches!(word.as_str(), "bulk" | "list" | "junk")) {
        Some("precedence")
    } else {
        None
    }
}
