//! Test guest `postman`: reads the mail that started it, and sends the mails it is told to. From a mail it answers `{"from", "subject", "text", "automatic", "raw_bytes",
//! "authenticated_domain", "attachments": [{"name", "type", "size", "read", "pieces", "text"?}]}`, where `read` are the bytes that came through the stream in so many `pieces`; with
//! `ops` in its configuration it then sends those too. A call has `{"ops": [{"to", "cc"?, "subject"?, "text"?, "html"?, "file"?: {"name", "type", "bytes"?: text, "size"?: bytes of x,
//! "received"?: n}, "reply_to"?, "in_reply_to"?, "key"?}], "sleep_ms"?, "until"?}`; the answer's `sent` has, for each, `{"ok": id}` or `{"error": {"kind", "message"}}`. With `sleep_ms` it
//! sleeps after that, in its first attempt only; before attempt `until` it fails retryable then. To `"answer"` the mail is answered.

use std::io::Read as _;
use std::time::Duration;

use factotum_sdk::mail::{Error, Mail};
use factotum_sdk::{Email, Event, Failure, Outcome, config, email, run, workflow};
use serde::Deserialize;
use serde_json::{Value, json};

workflow!(handle);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wish {
    ops: Vec<Op>,
    sleep_ms: u64,
    until: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Op {
    to: Vec<String>,
    cc: Vec<String>,
    subject: String,
    text: Option<String>,
    html: Option<String>,
    file: Option<File>,
    reply_to: Option<String>,
    in_reply_to: Option<String>,
    key: Option<String>,
    repeat: Option<u32>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    bytes: Option<String>,
    size: Option<usize>,
    received: Option<usize>,
}

fn handle(event: Event) -> Result<Outcome, Failure> {
    let (mut answer, mail, wish) = match event {
        Event::Email(mail) => (read(&mail)?, Some(mail), config::all::<Wish>()?),
        event => (json!({}), None, event.json::<Wish>()?),
    };
    let attempt = run::current().attempt;
    let mut sent = Vec::new();
    for op in &wish.ops {
        for _ in 0..op.repeat.unwrap_or(1) {
            sent.push(match send(op, mail.as_deref()) {
                Ok(id) => json!({"ok": id}),
                Err(error) => json!({"error": {"kind": kind(&error), "message": error.to_string()}}),
            });
        }
    }
    if attempt == 1 && wish.sleep_ms > 0 {
        std::thread::sleep(Duration::from_millis(wish.sleep_ms));
    }
    if attempt < wish.until {
        return Err(Failure::retryable(format!("attempt {attempt} fails, as told: {}", json!(sent))));
    }
    answer["sent"] = json!(sent);
    Outcome::json(&answer)
}

fn read(mail: &Email) -> Result<Value, Failure> {
    let mut attachments = Vec::new();
    for file in &mail.attachments {
        let (mut reader, mut buffer) = (file.open()?, vec![0; 64 << 10]);
        let (mut read, mut pieces, mut begin) = (0, 0, Vec::new());
        loop {
            let size = reader.read(&mut buffer).map_err(Failure::permanent)?;
            if size == 0 {
                break;
            }
            (read, pieces) = (read + size, pieces + 1);
            if begin.len() < 100 {
                begin.extend_from_slice(&buffer[..size.min(100)]);
            }
        }
        let text = String::from_utf8(begin).ok();
        attachments.push(json!({
            "name": file.name, "type": file.media_type, "size": file.size, "read": read, "pieces": pieces, "text": text,
        }));
    }
    let raw = std::io::copy(&mut email::raw()?, &mut std::io::sink()).map_err(Failure::permanent)?;
    Ok(json!({
        "from": mail.from, "subject": mail.subject, "text": mail.text, "automatic": mail.automatic, "raw_bytes": raw,
        "authenticated_domain": mail.verdicts.authenticated_domain, "attachments": attachments,
    }))
}

fn send(op: &Op, answered: Option<&Email>) -> Result<String, Error> {
    let mut to = op.to.iter();
    let mut mail = match (to.next().map(String::as_str).unwrap_or_default(), answered) {
        ("answer", Some(answered)) => Mail::answer(answered),
        (to, _) => Mail::to(to).subject(&op.subject),
    };
    for address in to {
        mail = mail.also_to(address);
    }
    for address in &op.cc {
        mail = mail.cc(address);
    }
    if let Some(text) = &op.text {
        mail = mail.text(text);
    }
    if let Some(html) = &op.html {
        mail = mail.html(html);
    }
    if let Some(address) = &op.reply_to {
        mail = mail.reply_to(address);
    }
    if let Some(id) = &op.in_reply_to {
        mail = mail.in_reply_to(id);
    }
    if let Some(file) = &op.file {
        let received = file.received.and_then(|n| answered.and_then(|mail| mail.attachments.get(n)));
        mail = match received {
            Some(attachment) => mail.received(attachment),
            None => {
                let bytes = file.bytes.clone().map(String::into_bytes);
                mail.file(
                    &file.name,
                    &file.media_type,
                    bytes.unwrap_or_else(|| vec![b'x'; file.size.unwrap_or(0)]),
                )
            }
        };
    }
    match &op.key {
        Some(key) => mail.send_keyed(key),
        None => mail.send(),
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Denied(_) => "denied",
        Error::Invalid(_) => "invalid",
        Error::TooMany(_) => "too_many",
        Error::TooLarge(_) => "too_large",
        Error::Automatic(_) => "automatic",
        Error::Changed(_) => "changed",
        Error::Refused(_) => "refused",
        Error::Unavailable(_) => "unavailable",
        Error::Other(_) => "other",
    }
}
