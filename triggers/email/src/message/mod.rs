//! A mail's bytes, read.

use factotum_model::email::Email;

/// Reads a mail; what cannot be read is said in `problem`.
pub fn read(raw: &[u8]) -> Email {
    let Some(message) = mail_parser::MessageParser::default().parse(raw) else {
        return Email { problem: Some("this is no mail (RFC 5322)".to_owned()), ..Email::default() };
    };
    let address = message.from().and_then(|from| from.first()?.address().map(ToOwned::to_owned));
    let auto = message.header_raw("Auto-Submitted").is_some_and(|value| !value.trim().eq_ignore_ascii_case("no"));
    Email {
        from: address.unwrap_or_default(),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: message.body_text(0).map(std::borrow::Cow::into_owned),
        automatic: auto.then(|| "auto_submitted".to_owned()),
        ..Email::default()
    }
}
