//! What a mail says, as a workflow gets it. What must hold: it is read from bytes that are kept as they came, so nothing is lost where reading them
//! fails; names and texts are a stranger's.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

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
    /// `In-Reply-To:`.
    pub in_reply_to: Option<String>,
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
    /// Why mail of this kind is not to be answered by a machine: `null_sender`, `auto_submitted`, `precedence`, `received_loop`.
    pub automatic: Option<String>,
    /// What could not be read, if something could not.
    pub problem: Option<String>,
}

/// A file in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// A file's name without folders, control characters and what systems read into names; `attachment-1` where it has none.
    pub name: String,
    /// Its media type, lower-case: `application/pdf`.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Decoded, in bytes.
    pub size: u64,
    /// Of the decoded bytes.
    pub sha256: Digest,
}

/// What SPF (RFC 7208), DKIM (RFC 6376) and DMARC (RFC 7489) say of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdicts {
    /// Of the connection and `MAIL FROM`.
    pub spf: Verdict,
    /// The best of the signatures.
    pub dkim: Verdict,
    /// Of the domain in `From:`.
    pub dmarc: Verdict,
    /// The domain in `From:`, where SPF or DKIM proves it (aligned); none otherwise.
    pub authenticated_domain: Option<String>,
}

/// The words of RFC 8601 §2.7.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is published, signed, or looked up.
    #[default]
    None,
    /// It is as it says.
    Pass,
    /// It is not.
    Fail,
    /// Probably not.
    SoftFail,
    /// Its domain does not say.
    Neutral,
    /// A name server did not answer in time.
    TempError,
    /// What is published or signed can't be read.
    PermError,
}

/// What can be required of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// RFC 7208.
    Spf,
    /// RFC 6376.
    Dkim,
    /// RFC 7489.
    Dmarc,
}
