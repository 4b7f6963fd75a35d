//! A mail's published JSON form (docs/triggers.md). What must hold: where an attachment stands in the raw bytes stays inside; a command gets the
//! bytes of small attachments in it, since it has no other way to them, and their sum is bounded.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Attachment, Email};

/// How many bytes of attachments, decoded, a command gets within its JSON: the first ones that fit together. The raw bytes of a mail that could not be
/// read count too.
pub const MAX_INLINE_BYTES: u64 = 1 << 20;

impl Email {
    /// The form without any attachment's bytes: for components, which read them as streams, and for the API.
    pub fn to_json(&self) -> Value {
        json!({
            "envelope_from": self.envelope_from,
            "envelope_to": self.envelope_to,
            "from": self.from,
            "from_name": self.from_name,
            "to": self.to,
            "cc": self.cc,
            "reply_to": self.reply_to,
            "subject": self.subject,
            "message_id": self.message_id,
            "in_reply_to": self.in_reply_to,
            "references": self.references,
            "date": self.date,
            "headers": by_name(&self.headers),
            "text": self.text,
            "html": self.html,
            "attachments": self.attachments.iter().map(attachment).collect::<Vec<_>>(),
            "verdicts": self.verdicts,
            "transport": self.transport,
            "automatic": self.automatic,
            "problem": self.problem,
        })
    }

    /// The form that a command reads: with the bytes of attachments in `data_base64`, as far as [`MAX_INLINE_BYTES`] goes, and with `raw_base64`
    /// where something could not be read.
    pub fn to_command_json(&self, mail: &[u8]) -> Value {
        let mut form = self.to_json();
        let mut left = MAX_INLINE_BYTES;
        let mut fits = |size: u64| {
            let rest = left.checked_sub(size);
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        if self.problem.is_some() && fits(mail.len() as u64) {
            form["raw_base64"] = STANDARD.encode(mail).into();
        }
        for (n, attachment) in self.attachments.iter().enumerate() {
            if fits(attachment.size) {
                form["attachments"][n]["data_base64"] =
                    STANDARD.encode(attachment.source.decoded(mail)).into();
            }
        }
        form
    }
}

/// Names with their values, as those of a webhook.
fn by_name(headers: &[(String, String)]) -> BTreeMap<&str, Vec<&str>> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in headers {
        by_name.entry(name).or_default().push(value);
    }
    by_name
}

fn attachment(attachment: &Attachment) -> Value {
    json!({
        "name": attachment.name,
        "type": attachment.media_type,
        "size": attachment.size,
        "sha256": attachment.sha256,
        "inline": attachment.inline,
        "content_id": attachment.content_id,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Source, TransferEncoding};
    use super::*;
    use crate::digest::Digest;

    fn attached(mail: &[u8], start: u64, end: u64) -> Attachment {
        let source = Source { start, end, encoding: TransferEncoding::Identity };
        Attachment {
            name: "a.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            size: end - start,
            sha256: Digest::of(source.encoded(mail)),
            inline: false,
            content_id: None,
            source,
        }
    }

    #[test]
    fn a_command_gets_the_attachments_that_fit_together() {
        let mut mail = vec![b'x'; 1 << 20];
        mail.extend(b"hi");
        let all = 1 << 20;
        let attachments = vec![attached(&mail, 0, 1), attached(&mail, 0, all), attached(&mail, all, all + 2)];
        let email = Email { attachments, ..Email::default() };
        let form = email.to_command_json(&mail);
        let data = |n: usize| form["attachments"][n].get("data_base64").and_then(Value::as_str);
        assert_eq!((data(0), data(1), data(2)), (Some("eA=="), None, Some("aGk=")));
        assert_eq!(form.get("raw_base64"), None);
        assert!(!form.to_string().contains("source"), "where it stands is nobody's business");
        assert!(email.to_json()["attachments"][0].get("data_base64").is_none());
    }

    #[test]
    fn a_command_gets_the_raw_bytes_of_what_could_not_be_read() {
        let email = Email { problem: Some("broken".to_owned()), ..Email::default() };
        assert_eq!(email.to_command_json(b"hi")["raw_base64"], "aGk=");
        assert_eq!(email.to_command_json(&vec![0; 2 << 20]).get("raw_base64"), None);
    }
}
