//! Letters through a relay with TLS: `mail.relay`, `mail.ca`. What must hold: user, password and letter go over the wire inside TLS only, to a
//! relay whose certificate fits; whatever else is refused with a reason, and the invitation says that it was not mailed.

use factotum_tests::mail_relay::{ESCAPED_PASSWORD, MailRelay, Offer, PASSWORD};
use factotum_tests::{Backend, Server, on_both_backends};
use serde_json::{Value, json};

use crate::ledger::text;

const OFFERS: [(Offer, &str); 2] = [(Offer::Tls, "smtps"), (Offer::StartTls, "smtp")];

fn invited(server: &Server) -> Value {
    let asked = json!({"email": "ann@example.com", "roles": ["Viewer"]});
    server.api().post("/api/v1/members/invitations", &asked).expect(201)
}

/// That a letter does not go out: the relay hears neither password nor letter, the trail says so, and the log says why.
fn refused(backend: Backend, relay: &MailRelay, toml: &str, why: &str) {
    let server = Server::start_with(backend, toml);
    assert_eq!(invited(&server)["mail_sent"], false);
    assert!(relay.letters().is_empty());
    let log = server.log();
    assert!(log.contains(why), "no `{why}`: {log}");
    let sent = server.api().audit("action=mail.send");
    assert_eq!((sent.len(), &sent[0]["outcome"]), (1, &json!("error")), "{sent:?}");
    let trail = Value::from(server.api().audit("")).to_string();
    for secret in [PASSWORD, ESCAPED_PASSWORD, "hunter2"] {
        assert!(!log.contains(secret) && !trail.contains(secret));
    }
}

fn told_nothing(relay: &MailRelay) {
    let heard = relay.heard();
    let secret = |line: &str| ["AUTH", "MAIL", "RCPT", "DATA"].iter().any(|verb| line.starts_with(verb));
    assert!(!heard.iter().any(|heard| secret(&heard.line)), "{heard:?}");
}

on_both_backends! {
    fn a_letter_goes_out_inside_tls(backend: Backend) {
        for (offer, scheme) in OFFERS {
            let relay = MailRelay::start(offer, "localhost").unwrap();
            let server = Server::start_with(backend, &relay.toml(scheme, ESCAPED_PASSWORD, Some(&relay.authority())));
            let invitation = invited(&server);
            assert_eq!(invitation["mail_sent"], true, "{}", server.log());
            let letters = relay.letters();
            assert_eq!(letters.len(), 1);
            assert!(letters[0].contains(&text(&invitation["url"])) && letters[0].contains("To: ann@example.com"));
            let heard = relay.heard();
            let plain: Vec<&str> = heard.iter().filter(|h| !h.in_tls).map(|h| h.line.split(' ').next().unwrap()).collect();
            let expected: &[&str] = if offer == Offer::Tls { &[] } else { &["EHLO", "STARTTLS"] };
            assert_eq!(plain, expected);
            let sent = server.api().audit("action=mail.send");
            assert_eq!((sent.len(), &sent[0]["outcome"]), (1, &json!("ok")));
            let (log, trail) = (server.log(), Value::from(server.api().audit("")).to_string());
            assert!(!log.contains("hunter2") && !trail.contains("hunter2") && !trail.contains("token="));
        }
    }

    fn a_certificate_that_does_not_fit_is_refused(backend: Backend) {
        const WHY: &str = "the relay's certificate is not believed";
        for (offer, scheme) in OFFERS {
            // Of another name, though the authority is the right one.
            let relay = MailRelay::start(offer, "relay.example.com").unwrap();
            refused(backend, &relay, &relay.toml(scheme, ESCAPED_PASSWORD, Some(&relay.authority())), WHY);
            told_nothing(&relay);
        }
        // Of an authority that was not named: another private one, or, where none is, the public ones.
        let (relay, other) = (MailRelay::start(Offer::Tls, "localhost").unwrap(), MailRelay::start(Offer::Tls, "localhost").unwrap());
        for authority in [Some(other.authority()), None] {
            refused(backend, &relay, &relay.toml("smtps", ESCAPED_PASSWORD, authority.as_deref()), WHY);
            told_nothing(&relay);
        }
    }

    fn nothing_is_said_to_a_relay_without_tls(backend: Backend) {
        let relay = MailRelay::start(Offer::Stripped, "localhost").unwrap();
        refused(backend, &relay, &relay.toml("smtp", ESCAPED_PASSWORD, Some(&relay.authority())), "STARTTLS is not supported");
        told_nothing(&relay);
        refused(backend, &relay, &relay.toml("smtps", ESCAPED_PASSWORD, Some(&relay.authority())), "a letter was not sent");
        told_nothing(&relay);
    }

    fn a_wrong_password_is_named_and_not_repeated(backend: Backend) {
        for (offer, scheme) in OFFERS {
            let relay = MailRelay::start(offer, "localhost").unwrap();
            let wrong = relay.toml(scheme, "hunter2wrong", Some(&relay.authority()));
            refused(backend, &relay, &wrong, "the relay refused user and password of `mail.relay` (535)");
            // As the relay was told, and said again.
            let auth = relay.heard().into_iter().find_map(|h| h.line.strip_prefix("AUTH PLAIN ").map(ToOwned::to_owned));
            assert!(auth.is_some());
        }
    }
}
