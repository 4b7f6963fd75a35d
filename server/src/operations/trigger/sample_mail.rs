//! A mail to try an e-mail trigger with. What must hold: it goes to the trigger's own address by the path of every mail; what cannot be a mail is refused with the
//! field that says so.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factotum_host::OutgoingFile;
use factotum_model::{Redacted, RunId};
use factotum_webhook::Answer;
use lettre::Message;
use lettre::message::Mailbox;
use schemars::JsonSchema;
use serde::Deserialize;

use super::test::{Sample, Tested};
use crate::operations::{Caller, OperationError, Services};

/// What a mail says that says nothing else.
const USUAL_SUBJECT: &str = "A test";
const USUAL_TEXT: &str = "This mail was sent to try the address that it went to.\n";
/// Who writes it, at the domain of the addresses.
const USUAL_SENDER: &str = "test";
/// What is said of a mail that is only stored.
const KEPT: &str = "the mail is stored and started nothing, as mail of machines starts nothing here";

/// A mail to try an e-mail trigger with: in parts, or whole as `raw`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SampleMail {
    /// Who writes it: an address; `test` at the domain of the trigger's address unless given.
    from: Option<String>,
    /// What it is about.
    subject: Option<String>,
    /// Its text.
    text: Option<String>,
    /// Its text as HTML.
    html: Option<String>,
    /// Its files.
    attachments: Vec<SampleFile>,
    /// The whole message instead (RFC 5322): headers, an empty line, and the body.
    raw: Option<String>,
}

/// A file of a mail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleFile {
    /// Its name.
    name: String,
    /// Its media type; `application/octet-stream` unless given.
    #[serde(rename = "type", default = "any_type")]
    media_type: String,
    /// What is in it, in base64.
    data_base64: String,
}

fn any_type() -> String {
    "application/octet-stream".to_owned()
}

/// Sends one to this address, and says what became of it.
pub(super) async fn send(
    services: &Services,
    caller: &Caller,
    address: &Redacted,
    name: &str,
    sample: Sample,
) -> Result<Tested, OperationError> {
    let mail = match sample {
        Sample::Usual => SampleMail::default(),
        Sample::Text(text) if text.is_empty() => SampleMail::default(),
        Sample::Text(text) => SampleMail { text: Some(text), ..SampleMail::default() },
        Sample::Json(json) => serde_json::from_str(&json)
            .map_err(|e| OperationError::invalid("body", format!("no mail: {e}")))?,
    };
    let domain = services.mailboxes.domain();
    let from = mail.from.clone().unwrap_or_else(|| format!("{USUAL_SENDER}@{domain}"));
    let from: Mailbox = from.parse().map_err(|e| {
        OperationError::invalid("body.from", format!("an address is expected, such as jane@example.com: {e}"))
    })?;
    let sender = from.email.to_string();
    let message = match mail.raw {
        Some(raw) => {
            let parts = mail.subject.is_some()
                || mail.text.is_some()
                || mail.html.is_some()
                || !mail.attachments.is_empty();
            if parts {
                return Err(OperationError::invalid(
                    "body.raw",
                    "give the message whole as `raw`, or its parts, not both",
                ));
            }
            raw.into_bytes()
        }
        None => written(mail, from, address, name, services)?,
    };
    let origin = caller.stored_origin();
    let run = services
        .mailboxes
        .test(address.expose(), name, sender, &message, &origin)
        .await
        .map_err(|refusal| OperationError::Conflict(format!("the mail was refused: {refusal}")))?;
    Ok(Tested { answer: answer(run), run })
}

/// What a caller is told; who sends mail reads `250`.
fn answer(run: Option<RunId>) -> Answer {
    match run {
        Some(run) => Answer::accepted(run),
        None => Answer::text(KEPT.to_owned()),
    }
}

fn written(
    mail: SampleMail,
    from: Mailbox,
    address: &Redacted,
    name: &str,
    services: &Services,
) -> Result<Vec<u8>, OperationError> {
    let domain = services.mailboxes.domain();
    let to = address.expose().parse().map_err(|e| {
        OperationError::Conflict(format!(
            "no mail can be written to the domain {domain} of the trigger's address: {e}"
        ))
    })?;
    let sent = UNIX_EPOCH + Duration::from_micros(services.now().as_micros().unsigned_abs());
    let builder = Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(mail.subject.unwrap_or_else(|| USUAL_SUBJECT.to_owned()))
        .date(sent)
        .message_id(Some(format!("<{name}@{domain}>")));
    let mut files = Vec::with_capacity(mail.attachments.len());
    for (at, file) in mail.attachments.into_iter().enumerate() {
        let field = format!("body.attachments[{at}].data_base64");
        let bytes = STANDARD.decode(&file.data_base64).map_err(|e| OperationError::invalid(field, e))?;
        files.push(OutgoingFile { name: file.name, media_type: file.media_type, bytes });
    }
    let text = match (mail.text, &mail.html) {
        (None, None) => Some(USUAL_TEXT.to_owned()),
        (text, _) => text,
    };
    let message = crate::mail::outbound::written(builder, text, mail.html, files)
        .map_err(|e| OperationError::invalid("body", format!("no mail can be made of it: {e}")))?;
    Ok(message.formatted())
}
