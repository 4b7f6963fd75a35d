//! What a mail says, as a workflow gets it. What must hold: it is read from bytes that are kept as they came, so nothing is lost where reading them
//! fails; names and texts are a stranger's; an attachment is a range of those bytes, so it is in memory once.

mod address;
mod attachment;
mod hidden;
mod json;
mod transfer;
mod transport;
mod verdict;

pub use address::{AddressError, MAX_ADDRESS_BYTES, check_address};
pub use attachment::{Attachment, Source};
pub use json::MAX_INLINE_BYTES;
pub use transfer::{Decoding, TransferEncoding};
pub use transport::Transport;
pub use verdict::{Mechanism, Verdict, Verdicts};

use serde::{Deserialize, Serialize};

/// A mail, read. Its bytes are the event's payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Email {
    /// `MAIL FROM`; empty is the null sender.
    pub envelope_from: String,
    /// `RCPT TO`: the trigger's address as it was written.
    pub envelope_to: String,
    /// The address in `From:`; empty if there is none.
    pub from: String,
    /// The name in `From:`, as its sender likes to be called: it proves nothing.
    pub from_name: Option<String>,
    /// The addresses in `To:`.
    pub to: Vec<String>,
    /// The addresses in `Cc:`.
    pub cc: Vec<String>,
    /// The address in `Reply-To:`.
    pub reply_to: Option<String>,
    /// `Subject:`, decoded.
    pub subject: String,
    /// `Message-ID:` with its angle brackets.
    pub message_id: Option<String>,
    /// `In-Reply-To:`, the first id.
    pub in_reply_to: Option<String>,
    /// The ids in `References:`, the oldest first.
    pub references: Vec<String>,
    /// `Date:` as RFC 3339, if it can be read.
    pub date: Option<String>,
    /// Lower-case names with their decoded values, in the order they came, within the bounds of what is decoded.
    pub headers: Vec<(String, String)>,
    /// The text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// What is attached, in the order it came.
    pub attachments: Vec<Attachment>,
    /// What is known of where it comes from.
    pub verdicts: Verdicts,
    /// How it came: what a `Received:` header of ours would say (RFC 5321 §4.4), as the bytes stay as they came.
    pub transport: Option<Transport>,
    /// Why mail of this kind is not to be answered by a machine: `null_sender`, `auto_submitted`, `precedence`, `received_loop`.
    pub automatic: Option<String>,
    /// What could not be read, if something could not.
    pub problem: Option<String>,
}

impl Email {
    /// Says what stood in the SMTP session. Mail from the null sender is automatic, whatever its headers say (RFC 5321 §4.5.5).
    #[must_use]
    pub fn with_envelope(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        (self.envelope_from, self.envelope_to) = (from.into(), to.into());
        if self.envelope_from.is_empty() {
            self.automatic = Some("null_sender".to_owned());
        }
        self
    }

    /// The first header of this lower-case name, decoded.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}
