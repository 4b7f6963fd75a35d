//! A mail's bytes, read. What must hold: any bytes give an [`Email`], without a panic, in time linear to their number; what could not be read is said in
//! `problem`, and the raw bytes have it still.
//!
//! `mailparse` decodes headers and character sets, within bounds (`field.rs`); where `mail-parser` does it better, that is taken
//! (tests/differential). The parts are found here, in one pass (`walk.rs`): neither library bounds what that costs.

mod address;
mod automatic;
mod content;
mod field;
mod name;
mod text;
mod walk;

use factotum_model::email::{Attachment, Decoding, Email, Source};
use factotum_model::{Digest, Timestamp};
use sha2::{Digest as _, Sha256};

use address::addresses;
use field::{Head, MAX_FIELD_BYTES, MAX_HEADER_BYTES};
use name::Names;
use walk::{Leaf, Parts};

/// How many different problems are told.
const MAX_PROBLEMS: usize = 8;
/// How much of an attachment is decoded at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;
/// The longest id of a message that is taken, in bytes.
const MAX_ID_BYTES: usize = 998;

/// What could not be read.
#[derive(Debug, Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: impl Into<String>) {
        let problem = problem.into();
        if self.0.len() < MAX_PROBLEMS && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }
}

/// Reads a mail. Envelope and verdicts are for the caller to fill in.
pub fn read(raw: &[u8]) -> Email {
    let mut problems = Problems::default();
    let Parts { head, leaves } = walk::parts(raw, &mut problems);
    let mut email = header(&head, &mut problems);
    body(raw, &leaves, &mut email, &mut problems);
    email.automatic = automatic::automatic(&head).map(str::to_owned);
    email.problem = (!problems.0.is_empty()).then(|| problems.0.join("; "));
    email
}

fn header(head: &Head<'_>, problems: &mut Problems) -> Email {
    if head.is_cut {
        problems
            .add(format!("its header has more than {} KiB; the rest was not read", MAX_HEADER_BYTES >> 10));
    }
    if head.is_broken {
        problems.add("its header does not end with an empty line");
    }
    let mut headers = Vec::with_capacity(head.fields.len());
    for field in &head.fields {
        let (value, whole) = field.value();
        if !whole {
            problems.add(format!("a field of its header has more than {} KiB", MAX_FIELD_BYTES >> 10));
        }
        headers.push((field::one_line(&String::from_utf8_lossy(field.name)).to_lowercase(), value));
    }
    let email = Email { headers, ..Email::default() };
    let value = |name: &str| email.header(name).map(str::to_owned);
    let senders = addresses(head, "from");
    if senders.len() > 1 {
        problems.add("it has more than one sender in `From:`; the first is taken");
    }
    let sender = senders.into_iter().next().unwrap_or_default();
    let list = |name: &str| addresses(head, name).into_iter().map(|one| one.address).collect();
    let date = value("date").and_then(|date| self::date(&date));
    let subject = value("subject").unwrap_or_default();
    let (message_id, in_reply_to) = (value("message-id"), value("in-reply-to"));
    Email {
        from: sender.address,
        from_name: sender.name,
        to: list("to"),
        cc: list("cc"),
        reply_to: addresses(head, "reply-to").into_iter().next().map(|one| one.address),
        subject,
        message_id: message_id.and_then(|ids| ids_in(&ids).next()),
        in_reply_to: in_reply_to.and_then(|ids| ids_in(&ids).next()),
        references: value("references").map(|ids| ids_in(&ids).collect()).unwrap_or_default(),
        date,
        ..email
    }
}

/// The ids in a value, `<left@right>` each.
fn ids_in(value: &str) -> impl Iterator<Item = String> {
    let ids = value.split('<').skip(1).filter_map(|id| id.split_once('>').map(|(id, _)| id));
    ids.filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES && !id.contains(char::is_whitespace))
        .map(|id| format!("<{id}>"))
}

/// As mailparse reads it, or else mail-parser.
fn date(value: &str) -> Option<String> {
    let seconds = mailparse::dateparse(value).ok().or_else(|| {
        let ended = format!("{value}\n");
        let mut stream = mail_parser::parsers::MessageStream::new(ended.as_bytes());
        stream
            .parse_date()
            .into_datetime()
            .filter(mail_parser::DateTime::is_valid)
            .map(|date| date.to_timestamp())
    })?;
    let text = Timestamp::from_micros(seconds.checked_mul(1_000_000)?).to_string();
    // What lies outside the calendar has no such text.
    text.ends_with('Z').then_some(text)
}

fn body(raw: &[u8], leaves: &[Leaf], email: &mut Email, problems: &mut Problems) {
    let mut names = Names::default();
    for leaf in leaves {
        let content = &leaf.content;
        if !content.is_known_encoding {
            problems.add("a part has a transfer encoding that is not known; its bytes are as they came");
        }
        let is_text = !leaf.is_within && !content.is_attachment && content.name.is_none();
        let place = match content.media_type.as_str() {
            "text/plain" if is_text => Some(&mut email.text),
            "text/html" if is_text => Some(&mut email.html),
            _ => None,
        };
        match place {
            Some(place) if place.is_none() => {
                let (text, whole) = text::text(raw, leaf);
                *place = Some(text);
                if !whole {
                    problems.add(format!(
                        "its text has more than {} KiB; that is its beginning",
                        text::MAX_TEXT_BYTES >> 10
                    ));
                }
            }
            // A list adds its foot as a text of its own.
            Some(Some(before)) if content.media_type == "text/plain" && !leaf.is_alternative => {
                let (text, whole) = text::text(raw, leaf);
                if whole && before.len() + text.len() < text::MAX_TEXT_BYTES {
                    if !before.ends_with('\n') {
                        before.push('\n');
                    }
                    before.push_str(&text);
                } else {
                    email.attachments.push(attachment(raw, leaf, email.attachments.len(), &mut names));
                }
            }
            // The texts of a mail within the mail are in that one's bytes.
            None if leaf.is_within && content.name.is_none() && content.media_type.starts_with("text/") => {}
            _ => email.attachments.push(attachment(raw, leaf, email.attachments.len(), &mut names)),
        }
    }
}

/// Size and digest of what the part decodes to, a piece at a time.
fn attachment(raw: &[u8], leaf: &Leaf, before: usize, names: &mut Names) -> Attachment {
    let content = &leaf.content;
    let source = Source { start: leaf.start as u64, end: leaf.end as u64, encoding: content.encoding };
    let (mut decoding, mut size, mut digest) = (Decoding::new(content.encoding), 0, Sha256::new());
    loop {
        let piece = decoding.read(source.encoded(raw), PIECE_BYTES);
        if piece.is_empty() {
            break;
        }
        size += piece.len() as u64;
        digest.update(&piece);
    }
    let ending = match content.media_type.as_str() {
        "message/rfc822" | "message/global" => ".eml",
        "text/plain" => ".txt",
        "text/html" => ".html",
        "text/calendar" => ".ics",
        "application/pdf" => ".pdf",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        _ => "",
    };
    let subject =
        leaf.subject.as_deref().filter(|subject| !subject.is_empty()).map(|subject| format!("{subject}.eml"));
    Attachment {
        name: names.give(content.name.as_deref().or(subject.as_deref()), before + 1, ending),
        media_type: content.media_type.clone(),
        size,
        sha256: Digest(digest.finalize().into()),
        inline: !content.is_attachment && (leaf.is_related || content.id.is_some()),
        content_id: content.id.clone(),
        source,
    }
}
