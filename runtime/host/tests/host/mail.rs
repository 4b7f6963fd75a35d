//! Mail in and out of the sandbox: how a mail reaches a component and a command, that its files come in pieces, and that nothing leaves which may not.

use std::sync::Arc;

use factotum_host::{CallPlace, Report};
use factotum_model::email::{Attachment, Email, Source, TransferEncoding, Verdicts};
use factotum_model::{Digest, ErrorCode, EventInput};
use serde_json::{Value, json};

use crate::support::{Attempt, Fixture, TestPorts};

/// A mail with a file; only its bytes matter here.
pub const MAIL: &str = "From: ann@example.com\r\nSubject: Order\r\n\r\naGVsbG8=";

/// As the listener reads it.
pub fn a_mail() -> EventInput {
    let start = MAIL.len() as u64 - 8;
    let source = Source { start, end: MAIL.len() as u64, encoding: TransferEncoding::Base64 };
    let file = Attachment {
        name: "a.txt".into(),
        media_type: "text/plain".into(),
        size: 5,
        sha256: Digest::of(b"hello"),
        inline: false,
        content_id: None,
        source,
    };
    EventInput::Email(Box::new(Email {
        envelope_from: "ann@example.com".into(),
        from: "ann@example.com".into(),
        subject: "Order".into(),
        message_id: Some("<1@example.com>".into()),
        text: Some("see below".into()),
        attachments: vec![file],
        verdicts: Verdicts { authenticated_domain: Some("example.com".into()), ..Verdicts::default() },
        ..Email::default()
    }))
}

fn by_mail(grants: &'static [&'static str], ops: Value) -> Attempt {
    let config = json!({"ops": ops});
    Attempt { grants, config, input: a_mail(), raw: Some(MAIL.into()), ..Attempt::default() }
}

fn output(report: Report) -> Value {
    report.result.expect("the guest answers").into_value()
}

fn kinds(answer: &Value) -> Vec<String> {
    let sent = answer["sent"].as_array().expect("a list");
    let kind = |one: &Value| one["error"]["kind"].as_str().unwrap_or("ok").to_owned();
    sent.iter().map(kind).collect()
}

#[tokio::test]
async fn a_component_gets_a_mail_typed_and_its_files_as_streams() {
    let answer = output(Fixture::new().run("postman", Value::Null, by_mail(&[], json!([]))).await);
    assert_eq!((&answer["from"], &answer["subject"]), (&json!("ann@example.com"), &json!("Order")));
    assert_eq!(answer["authenticated_domain"], "example.com");
    assert_eq!(answer["raw_bytes"], MAIL.len());
    let file = &answer["attachments"][0];
    assert_eq!((&file["name"], &file["size"], &file["read"]), (&json!("a.txt"), &json!(5), &json!(5)));
    assert_eq!(file["text"], "hello");
}

#[tokio::test]
async fn a_large_file_comes_in_pieces_and_is_never_in_the_guest_at_once() {
    let large = "QUJD".repeat(10 << 20);
    let EventInput::Email(mut email) = a_mail() else { unreachable!() };
    let size = 30 << 20;
    email.attachments[0].source.start = 0;
    email.attachments[0].source.end = large.len() as u64;
    email.attachments[0].size = size;
    let mut attempt = by_mail(&[], json!([]));
    attempt.input = EventInput::Email(email);
    attempt.raw = Some(large.into_bytes());
    // Of 40 MiB of mail and 30 of its file the guest never has more than some pieces.
    attempt.limits.memory_bytes = 4 << 20;
    let answer = output(Fixture::new().run("postman", Value::Null, attempt).await);
    let file = &answer["attachments"][0];
    assert_eq!(file["read"], size);
    assert!(file["pieces"].as_u64() > Some(100), "{file}");
}

#[tokio::test]
async fn a_command_reads_small_files_within_its_json() {
    let answer = output(Fixture::new().run("parrot", Value::Null, by_mail(&[], json!([]))).await);
    let email = &answer["event"]["email"];
    assert_eq!((&answer["event"]["kind"], &email["subject"]), (&json!("email"), &json!("Order")));
    assert_eq!(email["attachments"][0]["data_base64"], "aGVsbG8=");
    assert_eq!(email["attachments"][0].get("source"), None);
}

#[tokio::test]
async fn each_recipient_needs_a_grant() {
    let attempt = Attempt::granted(&["mail:send:ann@example.com", "mail:send:@example.org"]);
    let mail = |to: Value| json!({"to": to, "subject": "s", "text": "t"});
    let ops = json!({"ops": [
        mail(json!(["ann@example.com"])),
        mail(json!(["Bob@Example.ORG", "ann@example.com"])),
        mail(json!(["eve@example.com"])),
        mail(json!(["ann@example.com", "eve@sub.example.org"])),
        {"to": ["ann@example.com"], "cc": ["eve@evil.com"], "subject": "s", "text": "t"},
    ]});
    let answer = output(Fixture::new().run("postman", ops, attempt.clone()).await);
    assert_eq!(kinds(&answer), ["ok", "ok", "denied", "denied", "denied"]);
    let mails = attempt.ports.mails.lock().unwrap();
    assert_eq!(mails.len(), 2, "of a mail that may not go to all nothing leaves");
    assert_eq!(mails[1].mail.to, ["bob@example.org", "ann@example.com"]);
    assert_eq!((&mails[0].place, &mails[1].place), (&CallPlace::Number(1), &CallPlace::Number(2)));
    assert_eq!(attempt.ports.denials().len(), 3);
}

#[tokio::test]
async fn no_header_or_recipient_can_be_smuggled_in() {
    let attempt = Attempt::granted(&["*:*"]);
    let with = |field: &str, value: &str| {
        let mut mail = json!({"to": ["ann@example.com"], "subject": "s", "text": "t"});
        mail[field] = json!(value);
        mail
    };
    let file = |name: &str, kind: &str| json!({"to": ["ann@example.com"], "subject": "s", "text": "t", "file": {"name": name, "type": kind, "bytes": "x"}});
    let ops = json!({"ops": [
        with("subject", "s\r\nBcc: eve@evil.com"),
        with("subject", "s\nX: y"),
        with("subject", "s\u{0}"),
        with("reply_to", "ann@example.com\r\nBcc: eve@evil.com"),
        with("reply_to", "ann@example.com, eve@evil.com"),
        with("in_reply_to", "<a@b>\r\nBcc: eve@evil.com"),
        {"to": ["ann@example.com\r\nRCPT TO:<eve@evil.com>"], "subject": "s", "text": "t"},
        {"to": ["Ann <ann@example.com>"], "subject": "s", "text": "t"},
        {"to": ["ann@example.com,eve@evil.com"], "subject": "s", "text": "t"},
        {"to": [""], "subject": "s", "text": "t"},
        {"to": ["ann@example.com"], "subject": "nothing is said"},
        file("a\r\nX: y", "text/plain"),
        file("../a", "text/plain"),
        file("a", "text/plain\r\nX: y"),
        file("a", "multipart/mixed"),
        with("key", ""),
    ]});
    let answer = output(Fixture::new().run("postman", ops, attempt.clone()).await);
    assert!(kinds(&answer).iter().all(|kind| kind == "invalid"), "{answer}");
    assert!(attempt.ports.mails.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_machines_mail_is_not_answered_and_a_persons_is() {
    let answer_it = json!([{"to": ["answer"], "text": "thanks"}, {"to": ["office@example.org"], "subject": "s", "text": "t",
        "file": {"name": "a", "type": "text/plain", "received": 0}}]);
    let attempt = by_mail(&["mail:send"], answer_it.clone());
    let ports: Arc<TestPorts> = Arc::clone(&attempt.ports);
    let answer = output(Fixture::new().run("postman", Value::Null, attempt).await);
    assert_eq!(kinds(&answer), ["ok", "ok"]);
    {
        let mails = ports.mails.lock().unwrap();
        let first = &mails[0].mail;
        assert_eq!(
            (first.to.as_slice(), first.subject.as_str()),
            (&["ann@example.com".to_owned()][..], "Re: Order")
        );
        assert_eq!(first.in_reply_to.as_deref(), Some("<1@example.com>"));
        assert_eq!(mails[1].mail.files[0].bytes, b"hello", "the host took it from the mail");
    }
    let mut attempt = by_mail(&["mail:send"], answer_it);
    let EventInput::Email(email) = &mut attempt.input else { unreachable!() };
    email.automatic = Some("auto_submitted".into());
    let ports = Arc::clone(&attempt.ports);
    let answer = output(Fixture::new().run("postman", Value::Null, attempt).await);
    assert_eq!(kinds(&answer), ["automatic", "ok"], "others may be written to");
    assert_eq!(ports.mails.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_attempt_sends_so_many_and_so_much() {
    let attempt = Attempt::granted(&["mail:send"]);
    let mail = |n: u32| json!({"to": ["ann@example.com"], "subject": "s", "text": "t", "repeat": n});
    let big = json!({"to": ["ann@example.com"], "subject": "s", "text": "t", "file": {"name": "a", "type": "a/b", "size": (10 << 20) + 1}});
    let many: Vec<_> = (0..51).map(|n| format!("a{n}@example.com")).collect();
    let crowd = json!({"to": many, "subject": "s", "text": "t"});
    let answer =
        output(Fixture::new().run("postman", json!({"ops": [big, crowd, mail(51)]}), attempt.clone()).await);
    let kinds = kinds(&answer);
    assert_eq!(kinds[..3], ["too_large", "invalid", "ok"]);
    assert_eq!((kinds[51].as_str(), kinds[52].as_str()), ("ok", "too_many"));
    assert_eq!(attempt.ports.mails.lock().unwrap().len(), 50);
}

#[tokio::test]
async fn what_the_relay_says_reaches_the_guest_and_keeps_the_number() {
    let attempt = Attempt::granted(&["mail:send"]);
    let mail = |subject: &str| json!({"to": ["ann@example.com"], "subject": subject, "text": "t"});
    let keyed = json!({"to": ["ann@example.com"], "subject": "k", "text": "t", "key": "order-7"});
    let ops = json!({"ops": [mail("refused"), mail("away"), keyed, mail("s")]});
    let answer = output(Fixture::new().run("postman", ops, attempt.clone()).await);
    assert_eq!(kinds(&answer), ["refused", "unavailable", "ok", "ok"]);
    let mails = attempt.ports.mails.lock().unwrap();
    let places: Vec<_> = mails.iter().map(|call| call.place.clone()).collect();
    assert_eq!(places, [CallPlace::Key("order-7".into()), CallPlace::Number(2)]);
}

#[tokio::test]
async fn readers_are_bounded_and_calls_are_counted() {
    let mut attempt = by_mail(&[], json!([]));
    attempt.limits.host_calls = 3;
    let report = Fixture::new().run("postman", Value::Null, attempt).await;
    assert_eq!(report.result.expect_err("it reads on").code, ErrorCode::HostCallLimit);
}
