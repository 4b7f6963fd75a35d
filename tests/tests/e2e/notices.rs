//! Notices: who is told that a workflow fails, and that it works again. What must hold: once each, to each recipient, whatever fails how often and whichever node looks; nothing
//! is lost when the server dies or a recipient is away; each message is on the record; no secret is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factotum_tests::cli::Cli;
use factotum_tests::mail_relay::{ESCAPED_PASSWORD, MailRelay, Offer};
use factotum_tests::receiver::{Received, Receiver};
use factotum_tests::{Api, Backend, Server, on_both_backends, wait_until, wait_within};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::ledger::text;

/// How long a message may take: an end is sealed, digested and told of within seconds, and tried again after some.
const PATIENCE: Duration = Duration::from_mins(2);
/// What lets a webhook on this machine be told.
const EGRESS: &str = "\n[egress]\nallow = [\"127.0.0.1\"]\n";

/// Told at once, so that a test need not wait.
fn at_once(api: &Api, admins: bool) {
    let settings = json!({"admins": admins, "gather_s": 0, "interval_s": 0});
    api.patch("/api/v1/notices/settings", &settings).expect(200);
}

fn webhook(api: &Api, receiver: &Receiver) -> Value {
    let url = format!("{}/in?token=hunter2", receiver.base());
    api.post("/api/v1/notices/recipients", &json!({"kind": "webhook", "url": url})).expect(201)
}

fn fail(api: &Api, workflow: &str) -> String {
    let run = api.run(workflow, &json!({"until": 9, "permanent": true}));
    assert_eq!(run["state"], "failed", "{run}");
    text(&run)
}

fn succeed(api: &Api, workflow: &str) -> String {
    let run = api.run(workflow, &json!({"until": 0}));
    assert_eq!(run["state"], "succeeded", "{run}");
    text(&run)
}

fn bodies(receiver: &Receiver) -> Vec<Value> {
    receiver.received().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

fn came(receiver: &Receiver, count: usize) -> Vec<Value> {
    wait_within(PATIENCE, &format!("{count} messages"), || {
        let bodies = bodies(receiver);
        (bodies.len() >= count).then_some(bodies)
    })
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["workflow"].as_str().unwrap()).collect()
}

/// Checks a request by Standard Webhooks.
fn check_signature(request: &Received, secret: &str) {
    let header = |name: &str| request.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&request.body);
    assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
}

on_both_backends! {
    fn a_workflow_is_told_of_when_it_begins_to_fail_and_when_it_works_again(backend: Backend) {
        let relay = MailRelay::start(Offer::Tls, "localhost").unwrap();
        let receiver = Receiver::start().unwrap();
        let toml = relay.toml("smtps", ESCAPED_PASSWORD, Some(&relay.authority())) + EGRESS;
        let server = Server::start_with(backend, &toml);
        let api = server.api();
        api.deploy("flaky", &[]);
        at_once(api, true);
        let ops = api.post("/api/v1/notices/recipients", &json!({"kind": "mail", "address": "Ops@example.com"})).expect(201);
        assert_eq!((text(&ops["to"]).as_str(), &ops["secret"]), ("ops@example.com", &Value::Null));
        let hook = webhook(api, &receiver);
        assert_eq!(hook["to"], receiver.base());
        let secret = text(&hook["secret"]);

        succeed(api, "flaky");
        let first = fail(api, "flaky");
        came(&receiver, 1);
        for _ in 0..3 {
            fail(api, "flaky");
        }
        let state = wait_until("all failures to be noted", || {
            let state = api.get("/api/v1/workflows/flaky/notices").expect(200);
            (state["failures"]["in_a_row"] == 4).then_some(state)
        });
        assert_eq!((&state["failing"], &state["failures"]["first_run"]), (&json!(true), &json!(first)));
        let well = succeed(api, "flaky");
        came(&receiver, 2);
        succeed(api, "flaky");
        let letters = wait_until("the letters", || Some(relay.letters()).filter(|letters| letters.len() >= 4));

        // In the order of the trail: what comes after the recovery would have been told after it.
        let bodies = bodies(&receiver);
        assert_eq!((bodies.len(), letters.len()), (2, 4), "one when it began, one when it ended");
        let (began, ended) = (&bodies[0], &bodies[1]);
        assert_eq!((names(&began["data"]["failing"]), &began["data"]["failing"][0]["run"]), (vec!["flaky"], &json!(first)));
        assert_eq!(began["data"]["failing"][0]["last_error"]["code"], "failed");
        assert_eq!((names(&ended["data"]["recovered"]), &ended["data"]["recovered"][0]["run"]), (vec!["flaky"], &json!(well)));
        assert_eq!((&ended["data"]["recovered"][0]["failures"], &ended["data"]["failing"]), (&json!(4), &json!([])));
        assert!(text(&began["text"]).contains("flaky is failing"), "{began}");
        for request in receiver.received() {
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in?token=hunter2"));
            check_signature(&request, &secret);
        }
        for to in ["admin@example.com", "ops@example.com"] {
            let own: Vec<_> = letters.iter().filter(|letter| letter.contains(&format!("To: {to}\n"))).collect();
            assert_eq!(own.len(), 2, "{to}: {letters:?}");
            assert!(own[0].contains("Subject: [Test] flaky is failing\n") && own[0].contains(&first), "{}", own[0]);
            assert!(own[0].contains("attempt 1 fails, as told") && own[0].contains("Auto-Submitted: auto-generated"), "{}", own[0]);
            assert!(own[1].contains("Subject: [Test] flaky works again\n") && own[1].contains("4 runs"), "{}", own[1]);
        }

        // Each message is on the record, before and after, as the system's.
        let listed = wait_until("the ends", || {
            let all = api.all("/api/v1/notices");
            all.iter().all(|notice| notice["state"] == "sent").then_some(all)
        });
        assert_eq!(listed.len(), 6);
        for action in ["notice.intent", "notice.send"] {
            let entries = api.audit(&format!("action={action}"));
            assert_eq!(entries.len(), 6, "{action}");
            for entry in entries {
                assert_eq!((&entry["outcome"], &entry["actor"]["kind"], &entry["initiator"]["kind"]), (&json!("ok"), &json!("base"), &json!("system")));
                assert_eq!(entry["change"]["workflows"], json!(["flaky"]));
            }
        }
        let shown = [server.log(), Value::from(api.audit("")).to_string(), Value::from(listed).to_string(), api.get("/api/v1/notices/recipients").text()].concat();
        assert!(!shown.contains("hunter2") && !shown.contains(&secret[6..]), "neither the URL's token nor the secret");
    }

    fn what_fails_together_is_told_together_and_a_recipient_that_was_away_gets_one_message(backend: Backend) {
        let receiver = Receiver::start().unwrap();
        let server = Server::start_with(backend, EGRESS);
        let api = server.api();
        api.upload("flaky");
        let all = ["a", "b", "c", "d", "muted", "patient"];
        for name in all {
            api.workflow(name, "flaky", &json!({"grants": []}));
        }
        at_once(api, true);
        api.put("/api/v1/workflows/muted/notices", &json!({"muted": true})).expect(200);
        api.put("/api/v1/workflows/patient/notices", &json!({"after_failures": 2})).expect(200);
        for name in all {
            fail(api, name);
        }
        wait_until("all to be noted", || {
            let noted = |name: &&str| api.get(&format!("/api/v1/workflows/{name}/notices")).expect(200)["failures"]["in_a_row"] == 1;
            all.iter().all(noted).then_some(())
        });
        assert!(api.all("/api/v1/notices").is_empty(), "there is nobody whom it could be told: no mail, no webhook");

        // Whoever is named first is told of all of it, in one message; the one that is muted, and the one that may fail once, are not in it.
        receiver.answer(503);
        webhook(api, &receiver);
        let told = came(&receiver, 1);
        assert_eq!(names(&told[0]["data"]["failing"]), ["a", "b", "c", "d"]);
        let waiting = wait_until("the failure on the record", || {
            let notices = api.all("/api/v1/notices");
            notices.first().filter(|notice| notice["reason"] == "the receiver answered 503").cloned()
        });
        assert_eq!((&waiting["state"], &waiting["tries"]), (&json!("waiting"), &json!(1)));
        assert_eq!(api.audit("action=notice.send&outcome=error").len(), 1);
        // What comes meanwhile goes into the one that waits.
        succeed(api, "a");
        fail(api, "patient");
        wait_until("what came meanwhile", || {
            let notices = api.all("/api/v1/notices");
            let whole = notices[0]["recovered"] == json!(["a"]) && notices[0]["failing"] == json!(["b", "c", "d", "patient"]);
            assert_eq!(notices.len(), 1, "{notices:?}");
            whole.then_some(())
        });
        receiver.answer(204);
        wait_within(PATIENCE, "the message", || {
            let notices = api.all("/api/v1/notices");
            (notices[0]["state"] == "sent").then_some(())
        });
        let told = bodies(&receiver);
        let last = told.last().unwrap();
        assert_eq!((names(&last["data"]["failing"]), names(&last["data"]["recovered"])), (vec!["b", "c", "d", "patient"], vec!["a"]));
        assert!(told.iter().all(|body| !body.to_string().contains("muted")));
        let mut by_name: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for request in receiver.received() {
            by_name.entry(request.header("webhook-id").unwrap().to_owned()).or_default().insert(request.body);
        }
        assert!(by_name.len() >= 2 && by_name.values().all(|bodies| bodies.len() == 1), "what was added to has another name, a repetition the same");
    }

    fn a_recipient_is_tried_by_a_test_and_a_closed_address_stays_closed(backend: Backend) {
        let (receiver, closed) = (Receiver::start().unwrap(), Receiver::start().unwrap());
        let server = Server::start_with(backend, &format!("[egress]\nallow = [\"127.0.0.1:{}\"]\n", receiver.port()));
        let api = server.api();
        at_once(api, false);
        let cli = Cli::of(&server);
        let added = cli.run_with(&["notice", "add", "--webhook", "--json"], &format!("{}/x\n", receiver.base()));
        let open: Value = serde_json::from_str(&added.stdout).unwrap();
        assert!(text(&open["secret"]).starts_with("whsec_"));
        let shut = webhook(api, &closed);
        for recipient in [&open, &shut] {
            cli.json(&["notice", "test", &text(recipient)]);
        }
        let ended = wait_until("both to end", || {
            let notices = api.all("/api/v1/notices");
            notices.iter().all(|notice| notice["state"] != "waiting").then_some(notices)
        });
        let of = |recipient: &Value| ended.iter().find(|notice| notice["recipient"] == recipient["id"]).unwrap();
        assert_eq!((&of(&open)["state"], &of(&open)["test"]), (&json!("sent"), &json!(true)));
        assert_eq!(bodies(&receiver)[0]["type"], "notice.test");
        assert_eq!(of(&shut)["state"], "failed");
        assert!(text(&of(&shut)["reason"]).contains("`egress.allow` does not list it"), "{}", of(&shut));
        assert!(closed.received().is_empty());
        cli.json(&["notice", "remove", &text(&shut)]);
        assert!(cli.text(&["notice", "recipients"]).lines().count() == 2 && cli.text(&["notice", "list"]).contains("failed"));
        // What cannot be is named.
        for (body, field) in [
            (json!({"kind": "webhook", "url": "http://example.com/in"}), "url"),
            (json!({"kind": "mail", "address": "nobody"}), "address"),
        ] {
            let refused = api.post("/api/v1/notices/recipients", &body).expect(422);
            assert_eq!(refused["field"], field, "{refused}");
        }
        let refused = api.patch("/api/v1/notices/settings", &json!({"after_failures": 0})).expect(422);
        assert_eq!(refused["field"], "after_failures");
        assert_eq!(api.put("/api/v1/workflows/none/notices", &json!({})).status, 404);
    }
}

#[test]
fn a_message_that_was_being_sent_when_the_server_died_arrives() {
    // A relay that takes the connection and says nothing: the letter is under way when the program dies.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = format!("[mail]\nrelay = \"smtp://127.0.0.1:{}\"\n", silent.local_addr().unwrap().port());
    let mut server = Server::start_with(Backend::Sqlite, &toml);
    server.api().deploy("flaky", &[]);
    at_once(server.api(), true);
    fail(server.api(), "flaky");
    let intent = wait_until("the intent", || server.api().audit("action=notice.intent").pop());
    assert_eq!(intent["outcome"], "unknown", "it is under way");
    server.kill();
    let folder = tempfile::tempdir().unwrap();
    let toml = format!("[mail]\nrelay = \"file:{}\"\n", folder.path().display());
    std::fs::write(server.data().join("factotum.toml"), toml).unwrap();
    server.resume().unwrap();
    let sent = wait_until("the letter", || server.api().audit("action=notice.send").pop());
    assert_eq!(sent["outcome"], "ok");
    let letters: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let notice = text(&server.api().all("/api/v1/notices")[0]).replace("ntc_", "");
    assert_eq!(letters.len(), 1);
    assert!(letters[0].contains(&format!("Message-ID: <{notice}@localhost>")), "{}", letters[0]);
    let outcomes: Vec<_> =
        server.api().audit("action=notice.intent").iter().map(|e| text(&e["outcome"])).collect();
    assert_eq!(outcomes, ["ok", "unknown"], "what became of the first try is not known");
}

#[test]
fn two_nodes_tell_once() {
    let receiver = Receiver::start().unwrap();
    let one = Server::start_with(Backend::Postgres, EGRESS);
    let other = one.another_node().unwrap();
    let api = one.api();
    api.deploy("flaky", &[]);
    at_once(api, false);
    webhook(api, &receiver);
    for round in 0..2 {
        fail(other.api(), "flaky");
        came(&receiver, 2 * round + 1);
        succeed(api, "flaky");
        came(&receiver, 2 * round + 2);
    }
    let ids: BTreeSet<_> =
        receiver.received().iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!((receiver.received().len(), ids.len(), api.all("/api/v1/notices").len()), (4, 4, 4));
    assert_eq!(api.audit("action=notice.intent").len(), 4);
}
