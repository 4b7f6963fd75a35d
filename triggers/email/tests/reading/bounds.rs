//! What a mail can cost. What must hold: whatever its bytes are, reading it does not panic, and takes a time in proportion to its size.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use factotum_email::message;
use factotum_model::email::Email;
use proptest::prelude::*;

/// Far more than any of these takes, on a slow and busy machine without optimization, and far less than a quadratic reader takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[track_caller]
fn soon(what: &str, raw: &[u8]) -> Email {
    let began = Instant::now();
    let email = message::read(raw);
    let took = began.elapsed();
    assert!(took < PATIENCE, "{what}: {} bytes took {took:?}", raw.len());
    email
}

#[test]
fn a_hostile_header_is_read_soon() {
    for (what, value) in [
        ("beginnings of words", "=?".repeat(200_000)),
        ("ends of words", format!("{}{}", "=? ".repeat(2_600), "?=x".repeat(2_600))),
        ("words that are none", "=?x?q?a?=b ".repeat(40_000)),
        ("words", "=?utf-8?q?=C3=A4?= ".repeat(20_000)),
        ("folds", "a\r\n ".repeat(100_000)),
        ("parentheses", "(".repeat(400_000)),
        ("quotes", "\"\\".repeat(200_000)),
        ("angles", "<".repeat(400_000)),
        ("parameters", "a*1*=x;".repeat(60_000)),
        ("groups", "g:a@b,".repeat(60_000)),
    ] {
        for name in ["Subject", "From", "To", "Content-Type", "Content-Disposition", "Date", "References"] {
            let raw = format!("{name}: {value}\r\n\r\nhi\r\n");
            let email = soon(&format!("{what} in {name}"), raw.as_bytes());
            let is_cut = raw.len() > 17 << 10;
            assert!(!is_cut || email.problem.is_some(), "{what} in {name}: it is said that not all was read");
        }
    }
}

#[test]
fn many_fields_are_read_soon_and_not_all() {
    let raw =
        format!("{}\r\nhi\r\n", "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n".repeat(400_000));
    let email = soon("fields", raw.as_bytes());
    assert!(email.headers.len() < 10_000, "{}", email.headers.len());
    assert_eq!(email.automatic.as_deref(), Some("received_loop"));
    assert_eq!(email.text.as_deref(), Some("hi\n"));
}

#[test]
fn many_parts_are_read_soon_and_not_all() {
    let part = "--b\r\n\r\n\r\n";
    let raw = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", part.repeat(500_000));
    let email = soon("parts", raw.as_bytes());
    assert!(email.problem.unwrap().contains("more than 1000 parts"));
    let part = "--b\r\nContent-Disposition: attachment; filename=a\r\n\r\nx\r\n";
    let raw = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", part.repeat(100_000));
    let email = soon("files", raw.as_bytes());
    assert_eq!(email.attachments.len(), 1_000);
    assert!(email.attachments.iter().all(|file| file.size == 1));
}

#[test]
fn deep_parts_are_read_soon_and_not_all() {
    let mut raw = String::new();
    for n in 0..5_000 {
        let _ = write!(raw, "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    }
    raw.push_str(&"--x\r\n".repeat(200_000));
    let email = soon("multiparts", raw.as_bytes());
    assert!(email.problem.unwrap().contains("more than 32 deep"));
    let raw = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let email = soon("mails", raw.as_bytes());
    assert!(email.problem.unwrap().contains("more than 32 deep"));
    assert!(email.attachments.len() <= 33);
}

#[test]
fn a_large_attachment_is_counted_piece_by_piece() {
    let line = format!("{}\r\n", "QUJD".repeat(19));
    let raw = format!(
        "Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        line.repeat(100_000)
    );
    let email = soon("attachment", raw.as_bytes());
    assert_eq!(email.attachments[0].size, 57 * 100_000);
}

#[test]
fn a_long_text_is_cut_and_that_is_said() {
    let raw = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}", "é".repeat(2 << 20));
    let email = soon("text", raw.as_bytes());
    let text = email.text.unwrap();
    assert!(text.len() <= 1 << 20 && text.chars().all(|c| c == 'é'), "{}", text.len());
    assert!(email.problem.unwrap().contains("more than 1024 KiB"));
}

/// Pieces that mails are made of, and of which broken ones are.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "From: a@b\r\n",
        "Subject: =?utf-8?q?=C3=A4?=\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: multipart/alternative; boundary=\"c d\"\r\n",
        "Content-Type: text/html; charset=iso-2022-jp\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%A4.pdf\r\n",
        "\r\n",
        "\n",
        "\r",
        "--b\r\n",
        "--b--\r\n",
        "--c d\r\n",
        "--b",
        " folded\r\n",
        "text\r\n",
        "=C3=\r\n=A4",
        "QUJD",
        "\0",
        ":",
        "=?",
        "?=",
    ];
    prop_oneof![
        8 => proptest::sample::select(pieces.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #[test]
    fn any_pieces_are_read(pieces in proptest::collection::vec(piece(), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn any_bytes_are_read(raw: Vec<u8>) {
        check(&raw);
    }
}

fn check(raw: &[u8]) {
    let email = message::read(raw);
    for file in &email.attachments {
        assert!(file.source.start <= file.source.end && file.source.end <= raw.len() as u64, "{file:?}");
        assert_eq!(file.source.decoded(raw).len() as u64, file.size);
    }
    for (name, value) in &email.headers {
        assert!(!name.contains(char::is_control) && !value.contains(char::is_control), "{name:?}: {value:?}");
    }
    assert!(!serde_json::to_string(&email).unwrap().contains("\\u0000"));
}
