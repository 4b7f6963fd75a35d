//! Where mail goes: addresses made, shown, changed and gone.

use factotum_tests::{Smtp, on_both_backends, wait_until};
use serde_json::json;

use super::{letter, mailbox, orders, raw, runs, server};

on_both_backends! {
    fn a_mail_becomes_a_run_with_its_bytes_and_its_entry(backend: Backend) {
        let server = server(backend, "mail_domain = \"mail.example.com\"\n");
        let api = server.api();
        let (trigger, address) = mailbox(api, &json!({"name": "orders"}));
        let (local, domain) = address.split_once('@').unwrap();
        assert_eq!(domain, "mail.example.com");
        assert_eq!(local.len(), "orders+".len() + 32);
        let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
        let mail = letter("One", "two bolts");
        let said = smtp.deliver("jane@example.com", &address, &mail).unwrap();
        assert_eq!(said.short(), "250 2.0.0", "{said:?}");
        let run = runs(api, &trigger, 1).remove(0);
        assert_eq!(raw(api, &run), mail);
        assert_eq!((&run["initiator"]["kind"], &run["initiator"]["id"]), (&json!("email"), &json!(trigger)));
        assert_eq!(run["principal"]["kind"], "base");
        let run = api.wait_end(run["id"].as_str().unwrap());
        assert_eq!(run["state"], "succeeded", "{run}");
        let event = api.get(&format!("/api/v1/events/{}", crate::ledger::text(&run["event"]))).expect(200);
        let shown = event.to_string();
        assert!(shown.contains("jane@example.com") && shown.contains("ESMTP") && shown.contains("client.example.com"), "{shown}");
        let token = local.split('+').nth(1).unwrap();
        assert!(!shown.contains(token) && shown.contains("orders+…@mail.example.com"), "who may look may not start it: {shown}");
        let entry = api.audit(&format!("trigger={trigger}&action=event.accept")).remove(0);
        assert_eq!(entry["ip"], "127.0.0.1", "{entry}");
        assert!(entry["reason"].as_str().unwrap().contains("dkim"), "{entry}");
        let named = said.lines[0].split(' ').next_back().unwrap().to_owned();
        assert_eq!(entry["request_id"], named, "the sender can name it");
        assert!(!entry.to_string().contains("two bolts") && !server.log().contains(token), "no text and no token");

        // The same message again, an hour or a minute later: taken, and not run.
        let again = smtp.deliver("jane@example.com", &address.to_uppercase(), &mail).unwrap();
        assert_eq!(again.code, 250, "{again:?}");
        assert_eq!(smtp.deliver("joe@example.com", &address, &mail).unwrap().code, 250, "somebody else's is another");
        let counts = wait_until("the counts", || {
            let shown = api.get(&format!("/api/v1/triggers/{trigger}")).expect(200);
            (shown["counts"]["accepted"] == 2).then(|| shown["counts"].clone())
        });
        assert_eq!(counts["duplicates"], 1, "{counts}");
        assert_eq!(runs(api, &trigger, 2).len(), 2);
        assert_eq!(api.audit(&format!("trigger={trigger}&action=event.duplicate")).len(), 1);
    }

    fn an_address_that_is_none_is_refused_at_once(backend: Backend) {
        let server = server(backend, "");
        let api = server.api();
        let (trigger, address) = orders(api);
        let hook = api.webhook("echo", &json!({}));
        let token = hook.rsplit('/').next().unwrap();
        let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
        assert_eq!(smtp.say("MAIL FROM:<jane@example.com>").unwrap().short(), "250 2.1.0");
        let mut rcpt = |to: &str| smtp.say(&format!("RCPT TO:<{to}>")).unwrap().short();
        for (to, answer) in [
            (format!("orders+{token}@localhost"), "550 5.1.1"),
            (format!("orders+{}@localhost", "a".repeat(32)), "550 5.1.1"),
            (address.replace("orders+", "other+"), "550 5.1.1"),
            ("orders@localhost".to_owned(), "550 5.1.1"),
            ("postmaster@localhost".to_owned(), "550 5.1.1"),
            ("jane@example.com".to_owned(), "550 5.7.1"),
            (address.replace("localhost", "localhost.example.com"), "550 5.7.1"),
            (address.clone(), "250 2.1.5"),
        ] {
            assert_eq!(rcpt(&to), answer, "{to}");
        }
        assert_eq!(smtp.say("RSET").unwrap().code, 250);

        // Paused: the sender keeps it. Gone: it doesn't.
        let at = format!("/api/v1/triggers/{trigger}");
        let taken = |to: &str| {
            let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
            smtp.say("MAIL FROM:<jane@example.com>").unwrap();
            smtp.say(&format!("RCPT TO:<{to}>")).unwrap().short()
        };
        api.patch(&at, &json!({"paused": true})).expect(200);
        assert_eq!(taken(&address), "450 4.2.1");
        let rejected = api.audit(&format!("trigger={trigger}&action=event.reject")).remove(0);
        assert!(rejected["reason"].as_str().unwrap().starts_with("trigger_paused"), "{rejected}");
        api.patch(&at, &json!({"paused": false})).expect(200);
        assert_eq!(taken(&address), "250 2.1.5");
        let other = api.post(&format!("{at}/regenerate"), &json!({})).expect(200);
        let other = other["address"].as_str().unwrap();
        assert_ne!(other, address);
        assert_eq!((taken(&address), taken(other)), ("550 5.1.1".into(), "250 2.1.5".into()));
        let renamed = api.patch(&at, &json!({"config": {"name": "invoices"}})).expect(200);
        let renamed = renamed["address"].as_str().unwrap();
        assert_eq!(renamed, other.replace("orders+", "invoices+"));
        assert_eq!((taken(other), taken(renamed)), ("550 5.1.1".into(), "250 2.1.5".into()));
        api.delete(&at).expect(204);
        assert_eq!(taken(renamed), "550 5.1.1");
    }

    fn who_may_not_change_a_trigger_is_not_shown_its_address(backend: Backend) {
        let server = server(backend, "");
        let (trigger, address) = orders(server.api());
        let body = json!({"nickname": "reader", "grants": ["triggers:read"]});
        let key = server.api().post("/api/v1/api-keys", &body).expect(201);
        let reader = server.api().with_key(key["secret"].as_str().unwrap());
        for path in [format!("/api/v1/triggers/{trigger}"), "/api/v1/triggers".to_owned()] {
            let shown = reader.get(&path).expect(200).to_string();
            assert!(shown.contains(&trigger) && !shown.contains("address"), "{shown}");
        }
        let shown = server.api().get(&format!("/api/v1/triggers/{trigger}")).expect(200);
        assert_eq!(shown["address"], address);
        assert!(!server.api().audit("").iter().any(|entry| entry.to_string().contains(&address[..30])));
        for (config, field) in [(json!({}), "config.name"), (json!({"name": "a b"}), "config.name"), (json!({"name": "a", "require": ["x"]}), "config.require[0]")] {
            let asked = json!({"workflow": "echo", "kind": "email", "config": config});
            let problem = server.api().post("/api/v1/triggers", &asked).expect_problem(422, "invalid_field");
            assert_eq!(problem["field"], field, "{problem}");
        }
    }

    fn one_message_for_several_triggers_is_committed_for_all(backend: Backend) {
        let server = server(backend, "");
        let api = server.api();
        let boxes: Vec<_> = (0..5).map(|_| orders(api)).collect();
        let (_, strict) = mailbox(api, &json!({"name": "strict", "authentication": "require"}));
        let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
        smtp.say("MAIL FROM:<jane@example.com>").unwrap();
        for (_, address) in boxes.iter().chain(&boxes[..1]) {
            assert_eq!(smtp.say(&format!("RCPT TO:<{address}>")).unwrap().code, 250);
        }
        // One answer cannot speak for those that ask different things of a sender.
        assert_eq!(smtp.say(&format!("RCPT TO:<{strict}>")).unwrap().short(), "452 4.5.3");
        assert_eq!(smtp.say("RCPT TO:<nobody@localhost>").unwrap().short(), "550 5.1.1");
        assert_eq!(smtp.say("DATA").unwrap().code, 354);
        let mail = letter("All", "of you");
        smtp.send(&[&mail[..], b".\r\n"].concat()).unwrap();
        assert_eq!(smtp.read().unwrap().short(), "250 2.0.0");
        for (trigger, address) in &boxes {
            let run = runs(api, trigger, 1);
            assert_eq!(run.len(), 1);
            assert_eq!(raw(api, &run[0]), mail);
            let event = api.get(&format!("/api/v1/events/{}", crate::ledger::text(&run[0]["event"]))).expect(200);
            assert_eq!((&event["trigger"], &event["email"]["envelope_to"]), (&json!(trigger), &json!("orders+…@localhost")));
            assert!(!event.to_string().contains(&address[..30]), "nobody's address is shown");
        }
    }

    fn mail_of_machines_is_stored_and_starts_nothing(backend: Backend) {
        let server = server(backend, "");
        let api = server.api();
        let (trigger, address) = orders(api);
        let (eager, dispatched) = mailbox(api, &json!({"name": "all", "dispatch_automatic": true, "authentication": "ignore"}));
        let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
        for to in [&address, &dispatched] {
            assert_eq!(smtp.deliver("", to, &letter("Undelivered", "a bounce")).unwrap().short(), "250 2.0.0");
        }
        // It comes again, and is recognised.
        assert_eq!(smtp.deliver("", &address, &letter("Undelivered", "a bounce")).unwrap().short(), "250 2.0.0");
        assert_eq!(runs(api, &eager, 1).len(), 1);
        let kept = api.audit(&format!("trigger={trigger}&action=event.keep"));
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert!(kept[0]["reason"].as_str().unwrap().starts_with("null_sender"), "{kept:?}");
        let event = kept[0]["targets"][0]["id"].as_str().unwrap();
        assert_eq!(api.get(&format!("/api/v1/events/{event}/raw")).body, letter("Undelivered", "a bounce"));
        assert_eq!(api.all(&format!("/api/v1/runs?trigger={trigger}")).len(), 0);
    }
}
