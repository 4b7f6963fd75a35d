//! How messages come: pipelined, in chunks, with bytes of any kind, large.

use factotum_tests::{Backend, Smtp};
use serde_json::json;

use super::{letter, mailbox, orders, raw, runs, server};

#[test]
fn a_whole_session_can_come_at_once() {
    let server = server(Backend::Sqlite, "");
    let (trigger, address) = orders(server.api());
    let mut smtp = Smtp::open(server.smtp_port()).unwrap();
    let once = format!(
        "EHLO a.example.com\r\nMAIL FROM:<jane@example.com>\r\nRCPT TO:<{address}>\r\nRCPT TO:<nobody@localhost>\r\nDATA\r\n..one\r\n.\r\n\
         MAIL FROM:<jane@example.com> BODY=8BITMIME\r\nRCPT TO:<{address}>\r\nBDAT 5\r\n.tw\r\nBDAT 0 LAST\r\nNOOP\r\nQUIT\r\nNOOP\r\n"
    );
    smtp.send(once.as_bytes()).unwrap();
    let codes: Vec<u16> = (0..13).map(|_| smtp.read().unwrap().code).collect();
    assert_eq!(codes, [220, 250, 250, 250, 550, 354, 250, 250, 250, 250, 250, 250, 221]);
    assert!(smtp.is_closed());
    let mut bodies: Vec<_> =
        runs(server.api(), &trigger, 2).iter().map(|run| raw(server.api(), run)).collect();
    bodies.sort();
    assert_eq!(
        bodies,
        [b".one\r\n".to_vec(), b".tw\r\n".to_vec()],
        "dots are unstuffed in DATA and left alone in BDAT"
    );
}

#[test]
fn chunks_have_their_rules() {
    let server = server(Backend::Sqlite, "");
    let (trigger, address) = orders(server.api());
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    // Any byte goes by BDAT.
    let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    assert_eq!(smtp.say("MAIL FROM:<jane@example.com> BODY=BINARYMIME").unwrap().code, 250);
    assert_eq!(smtp.say(&format!("RCPT TO:<{address}>")).unwrap().code, 250);
    assert_eq!(smtp.say("DATA").unwrap().short(), "503 5.5.1", "BINARYMIME comes by BDAT alone");
    for piece in every.chunks(30_000) {
        smtp.send(format!("BDAT {}\r\n", piece.len()).as_bytes()).unwrap();
        smtp.send(piece).unwrap();
        assert_eq!(smtp.read().unwrap().short(), "250 2.0.0");
    }
    assert_eq!(smtp.say("DATA").unwrap().short(), "503 5.5.1", "not after BDAT");
    assert_eq!(smtp.say(&format!("RCPT TO:<{address}>")).unwrap().short(), "503 5.5.1");
    assert_eq!(smtp.say("BDAT 0 LAST").unwrap().short(), "250 2.0.0");
    assert_eq!(raw(server.api(), &runs(server.api(), &trigger, 1)[0]), every);
    // A chunk that belongs to nothing is thrown away, and what follows it is read right.
    smtp.send(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n").unwrap();
    assert_eq!(smtp.read().unwrap().short(), "503 5.5.1");
    assert_eq!(smtp.read().unwrap().short(), "250 2.0.0", "NOOP");
    // RSET ends a message that was begun.
    smtp.envelope("jane@example.com", &[&address]).unwrap();
    smtp.send(b"BDAT 3\r\nabc").unwrap();
    assert_eq!(smtp.read().unwrap().code, 250);
    assert_eq!(smtp.say("RSET").unwrap().code, 250);
    assert_eq!(
        smtp.deliver_chunk("jane@example.com", &address, b"").unwrap().code,
        250,
        "an empty one is a message"
    );
    assert_eq!(runs(server.api(), &trigger, 2).len(), 2);
    // Chunks of a size that nobody has.
    smtp.send(b"BDAT 99999999999\r\n").unwrap();
    assert_eq!(smtp.read().unwrap().short(), "552 5.3.4");
    assert!(smtp.is_closed());
}

#[test]
fn commands_in_the_wrong_order_are_told_so() {
    let server = server(Backend::Sqlite, "");
    let (_, address) = orders(server.api());
    let mut smtp = Smtp::open(server.smtp_port()).unwrap();
    let greeting = smtp.read().unwrap();
    assert_eq!((greeting.code, greeting.lines[0].as_str()), (220, "localhost ESMTP Factotum"));
    for (command, answer) in [
        ("MAIL FROM:<jane@example.com>", "503 5.5.1"),
        ("HELO client.example.com", "250"),
        ("RCPT TO:<a@b.c>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<jane@example.com>", "250 2.1.0"),
        ("MAIL FROM:<jane@example.com>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        ("VRFY jane", "252 2.5.0"),
        ("HELP", "214 2.0.0"),
        ("AUTH PLAIN AGE=", "502 5.5.1"),
        ("RCPT TO:<jürgen@localhost>", "553 5.6.7"),
        ("BREW coffee", "500 5.5.1"),
        ("EHLO client.example.com", "250"),
        ("RCPT TO:<a@b.c>", "503 5.5.1"),
    ] {
        assert_eq!(smtp.say(command).unwrap().short(), answer, "{command}");
    }
    let offered = smtp.say("EHLO client.example.com").unwrap();
    for extension in [
        "PIPELINING",
        "SIZE 52428800",
        "8BITMIME",
        "BINARYMIME",
        "SMTPUTF8",
        "CHUNKING",
        "ENHANCEDSTATUSCODES",
    ] {
        assert!(offered.lines.contains(&extension.to_owned()), "{extension}: {offered:?}");
    }
    // LMTP: an answer for each recipient.
    let (_, other) = orders(server.api());
    assert_eq!(smtp.say("LHLO client.example.com").unwrap().code, 250);
    smtp.envelope("jane@example.com", &[&address, &other]).unwrap();
    smtp.say("DATA").unwrap();
    smtp.send(b"hi\r\n.\r\n").unwrap();
    assert_eq!((smtp.read().unwrap().code, smtp.read().unwrap().code), (250, 250));
}

#[test]
fn sizes_are_kept_to_when_said_and_when_grown() {
    let server = server(Backend::Sqlite, "[smtp]\nmessage_bytes = 200000\nmemory_bytes = 300000\n");
    let api = server.api();
    let (trigger, address) =
        mailbox(api, &json!({"name": "small", "max_message_bytes": 1000, "authentication": "ignore"}));
    let (_, large) = orders(api);
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    assert_eq!(smtp.say("MAIL FROM:<a@example.com> SIZE=200001").unwrap().short(), "552 5.3.4");
    assert_eq!(smtp.say("MAIL FROM:<a@example.com> SIZE=1001").unwrap().code, 250);
    assert_eq!(
        smtp.say(&format!("RCPT TO:<{address}>")).unwrap().short(),
        "552 5.3.4",
        "the trigger's own bound"
    );
    assert_eq!(smtp.say(&format!("RCPT TO:<{large}>")).unwrap().code, 250);
    assert_eq!(smtp.say("RSET").unwrap().code, 250);
    let long = letter("Long", &"x".repeat(2_000));
    assert_eq!(smtp.deliver("a@example.com", &address, &long).unwrap().short(), "552 5.3.4");
    assert_eq!(smtp.deliver_chunk("a@example.com", &address, &long).unwrap().short(), "552 5.3.4");
    assert_eq!(
        smtp.deliver("a@example.com", &address, &letter("Short", "x")).unwrap().code,
        250,
        "and the session goes on"
    );
    let rejected = api.audit(&format!("trigger={trigger}&action=event.reject"));
    assert!(
        rejected.iter().any(|entry| entry["reason"].as_str().unwrap().starts_with("too_large")),
        "{rejected:?}"
    );
    assert_eq!(runs(api, &trigger, 1).len(), 1);

    // Two that are on their way have not enough room together: the second is asked to come again.
    let mut first = Smtp::greeted(server.smtp_port()).unwrap();
    first.envelope("a@example.com", &[&large]).unwrap();
    let half = vec![b'x'; 190_000];
    first.send(format!("BDAT {}\r\n", half.len()).as_bytes()).unwrap();
    first.send(&half).unwrap();
    assert_eq!(first.read().unwrap().code, 250);
    assert_eq!(smtp.deliver_chunk("b@example.com", &large, &half).unwrap().short(), "452 4.3.1");
    assert_eq!(first.say("BDAT 0 LAST").unwrap().code, 250);
    assert_eq!(smtp.deliver_chunk("b@example.com", &large, &half).unwrap().code, 250, "now there is room");
    // Without an end.
    smtp.envelope("a@example.com", &[&large]).unwrap();
    smtp.say("DATA").unwrap();
    let piece = "y".repeat(998) + "\r\n";
    let mut sent = 0;
    while sent < 10_000_000 && smtp.send(piece.as_bytes()).is_ok() {
        sent += piece.len();
    }
    assert!(sent < 10_000_000, "it was cut off");
}
