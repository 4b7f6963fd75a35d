//! The mails of three public projects, read here and by mail-parser. What must hold: every mail is read without a panic, what is kept of it is in its bytes, and
//! each difference to mail-parser stands in the table of `differences.rs` with its reason.

#![expect(clippy::print_stderr, reason = "a skipped corpus and an unexplained difference must be seen")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use factotum_email::message;
use factotum_model::Digest;
use factotum_model::email::Email;
use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};

use crate::differences::DIFFERENCES;

/// How many mails there are.
const MAILS: usize = 258;

/// Name and bytes of each mail; `None` where the corpus is not there.
pub fn mails() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/mail");
    let mut mails = Vec::new();
    for project in std::fs::read_dir(&folder).ok()?.flatten() {
        let of = project.file_name().to_string_lossy().into_owned();
        for file in std::fs::read_dir(project.path()).ok()?.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if !name.starts_with('_') {
                mails.push((format!("{of}/{name}"), read(&file.path())));
            }
        }
    }
    mails.sort();
    Some(mails)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A mail as far as both can say it: field and value, each comparable.
type Said = Vec<(&'static str, String)>;

fn ours(raw: &[u8]) -> Said {
    let email = message::read(raw);
    let files = email.attachments.iter().map(|file| file.sha256.to_string()).collect::<BTreeSet<_>>();
    vec![
        ("from", email.from.to_lowercase()),
        ("to", list(email.to.iter())),
        ("cc", list(email.cc.iter())),
        ("subject", flat(&email.subject)),
        ("message-id", email.message_id.unwrap_or_default().trim_matches(['<', '>']).to_owned()),
        ("date", email.date.unwrap_or_default()),
        ("text", flat(&email.text.unwrap_or_default())),
        ("html", flat(&email.html.unwrap_or_default())),
        ("files", files.into_iter().collect::<Vec<_>>().join(" ")),
    ]
}

fn theirs(raw: &[u8]) -> Said {
    let Some(mail) = MessageParser::default().parse(raw) else { return ours_empty() };
    let all = |name: mail_parser::HeaderName<'static>| {
        let values = mail.header_values(name);
        values.flat_map(|value| addresses(value.as_address())).collect::<Vec<_>>()
    };
    let texts =
        mail.parts.iter().enumerate().filter(|(n, part)| {
            mail.text_body.contains(&(*n as u32)) && matches!(part.body, PartType::Text(_))
        });
    let text = texts
        .map(|(_, part)| part.text_contents().unwrap_or_default().to_owned())
        .collect::<Vec<_>>()
        .join("\n");
    let html = mail.html_bodies().find(|part| matches!(part.body, PartType::Html(_)));
    let mut files = BTreeSet::new();
    attached(&mail, raw, &mut files);
    let date = mail.date().filter(|date| date.is_valid());
    let date =
        date.map(|date| factotum_model::Timestamp::from_micros(date.to_timestamp() * 1_000_000).to_string());
    vec![
        ("from", addresses(mail.from()).first().map(|a| a.to_lowercase()).unwrap_or_default()),
        ("to", list(all(mail_parser::HeaderName::To).iter())),
        ("cc", list(all(mail_parser::HeaderName::Cc).iter())),
        ("subject", flat(mail.subject().unwrap_or_default())),
        ("message-id", mail.message_id().unwrap_or_default().to_owned()),
        ("date", date.unwrap_or_default()),
        ("text", flat(&text)),
        ("html", flat(html.and_then(|part| part.text_contents()).unwrap_or_default())),
        ("files", files.into_iter().collect::<Vec<_>>().join(" ")),
    ]
}

fn addresses(list: Option<&mail_parser::Address<'_>>) -> Vec<String> {
    let all = list.into_iter().flat_map(mail_parser::Address::iter);
    all.filter_map(|one| one.address.as_ref().map(ToString::to_string)).collect()
}

fn ours_empty() -> Said {
    ours(b"").into_iter().map(|(field, _)| (field, String::new())).collect()
}

/// The digests of what is attached, that of mails within the mail too.
fn attached(mail: &Message<'_>, raw: &[u8], files: &mut BTreeSet<String>) {
    for part in mail.attachments() {
        let bytes = match &part.body {
            PartType::Message(inner) => {
                attached(inner, raw, files);
                raw.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize).unwrap_or_default()
            }
            _ => part.contents(),
        };
        let _ = part.content_type();
        files.insert(Digest::of(bytes).to_string());
    }
}

fn list<S: AsRef<str>>(all: impl Iterator<Item = S>) -> String {
    all.map(|one| one.as_ref().trim().to_lowercase()).collect::<Vec<_>>().join(",")
}

/// In one line: where lines and blanks are is another question than what is said.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_mail_is_read_as_mail_parser_reads_it_or_for_a_reason() {
    let Some(mails) = mails() else {
        eprintln!("skipped: the corpus ../shared/corpora/mail is not here");
        return;
    };
    assert_eq!(mails.len(), MAILS);
    let mut found = BTreeSet::new();
    for (name, raw) in &mails {
        for ((field, ours), (_, theirs)) in ours(raw).into_iter().zip(theirs(raw)) {
            if ours != theirs {
                found.insert((name.as_str(), field));
                if !DIFFERENCES.iter().any(|known| (known.0, known.1) == (name.as_str(), field)) {
                    let at = ours
                        .chars()
                        .zip(theirs.chars())
                        .take_while(|(a, b)| a == b)
                        .count()
                        .saturating_sub(40);
                    let short = |text: &str| text.chars().skip(at).take(200).collect::<String>();
                    eprintln!("{name}: {field}\n  ours:   {}\n  theirs: {}", short(&ours), short(&theirs));
                }
            }
        }
    }
    let known: BTreeSet<_> = DIFFERENCES.iter().map(|(name, field, _)| (*name, *field)).collect();
    let new: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "differences not listed: {new:#?}\nlisted, and no difference: {gone:#?}"
    );
}

#[test]
fn what_is_kept_of_a_mail_is_in_its_bytes() {
    let Some(mails) = mails() else { return };
    for (name, raw) in &mails {
        let email: Email = message::read(raw);
        let mut names = BTreeSet::new();
        for file in &email.attachments {
            let bytes = file.source.decoded(raw);
            assert_eq!(
                (bytes.len() as u64, Digest::of(&bytes)),
                (file.size, file.sha256),
                "{name}: {}",
                file.name
            );
            assert!(names.insert(file.name.to_lowercase()), "{name}: {} twice", file.name);
        }
        let stored = serde_json::to_string(&email).unwrap();
        assert_eq!(serde_json::from_str::<Email>(&stored).unwrap(), email, "{name}");
        assert!(!stored.contains("\\u0000"), "{name}: PostgreSQL stores no U+0000");
    }
}
