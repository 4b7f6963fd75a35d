//! Messages within messages, and words put into another's mouth: CVE-2023-51764, -51765, -51766, CVE-2011-0411.

use factotum_tests::{Backend, Smtp};

use super::{letter, orders, raw, runs, server};

/// What a program may take for the end of data that is none.
const ENDINGS: [&str; 13] = [
    "\n.\n",
    "\n.\r\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\n.\r",
    "\r.\n",
    "\r\n.\r\r\n",
    "\r\r\n.\r\n",
    "\n\n.\r\n",
    "\r\n.\r.\r\n",
    "\r\n\n.\r\n",
];

#[test]
fn no_ending_but_the_real_one_lets_a_second_message_in() {
    let server = server(Backend::Sqlite, "");
    let (trigger, address) = orders(server.api());
    for ending in ENDINGS {
        let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
        smtp.envelope("jane@example.com", &[&address]).unwrap();
        assert_eq!(smtp.say("DATA").unwrap().code, 354);
        let hidden = format!(
            "Subject: one\r\n\r\nhello{ending}MAIL FROM:<boss@example.com>\r\nRCPT TO:<{address}>\r\nDATA\r\nSubject: two\r\n\r\npay\r\n.\r\n"
        );
        smtp.send(hidden.as_bytes()).unwrap();
        assert_eq!(smtp.read().unwrap().short(), "550 5.5.2", "{ending:?}");
        assert!(smtp.is_closed(), "{ending:?}");
    }
    // A line end of another kind within a command ends the session as well.
    for command in ["NOOP\nNOOP\r\n", "NOOP\n"] {
        let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
        smtp.send(command.as_bytes()).unwrap();
        assert_eq!(smtp.read().unwrap().short(), "500 5.5.2", "{command:?}");
        assert!(smtp.is_closed());
    }
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    assert_eq!(smtp.deliver("jane@example.com", &address, &letter("Real", "one")).unwrap().code, 250);
    let all = runs(server.api(), &trigger, 1);
    assert_eq!(all.len(), 1, "nothing of the others was taken");
    assert_eq!(raw(server.api(), &all[0]), letter("Real", "one"));
}

#[test]
fn what_is_said_before_the_handshake_counts_for_nothing_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = factotum_tests::smtp::certificate(folder.path()).unwrap();
    let toml = format!(
        "[smtp]\ntls_cert = {:?}\ntls_key = {:?}\nrequire_tls = true\n",
        certificate.display().to_string(),
        key.display().to_string()
    );
    let server = server(Backend::Sqlite, &toml);
    let (trigger, address) = orders(server.api());
    let mut smtp = Smtp::open(server.smtp_port()).unwrap();
    assert_eq!(smtp.read().unwrap().code, 220);
    let offered = smtp.say("EHLO client.example.com").unwrap();
    assert!(offered.lines.contains(&"STARTTLS".to_owned()), "{offered:?}");
    assert_eq!(smtp.say("MAIL FROM:<jane@example.com>").unwrap().short(), "530 5.7.0");
    // An attacker's words in the same packet.
    smtp.send(b"STARTTLS\r\nEHLO evil.example.com\r\nMAIL FROM:<evil@example.com>\r\n").unwrap();
    assert_eq!(smtp.read().unwrap().short(), "220 2.0.0");
    let mut smtp = smtp.secure(&certificate).unwrap();
    assert_eq!(
        smtp.say("MAIL FROM:<jane@example.com>").unwrap().short(),
        "503 5.5.1",
        "nobody greeted within TLS"
    );
    let offered = smtp.say("EHLO client.example.com").unwrap();
    assert!(!offered.lines.contains(&"STARTTLS".to_owned()), "{offered:?}");
    assert_eq!(smtp.say("STARTTLS").unwrap().short(), "503 5.5.1");
    assert_eq!(
        smtp.deliver("jane@example.com", &address, &letter("Secret", "one")).unwrap().short(),
        "250 2.0.0"
    );
    assert_eq!(smtp.say("QUIT").unwrap().short(), "221 2.0.0");
    let run = runs(server.api(), &trigger, 1).remove(0);
    let event = server
        .api()
        .get(&format!("/api/v1/events/{}", crate::ledger::text(&run["event"])))
        .expect(200)
        .to_string();
    assert!(event.contains("ESMTPS") && !event.contains("evil"), "{event}");
}
