//! Mail that workflows send. What must hold: it leaves once for each call, over retries, kills and a relay that is away; that it is about to leave and how that ended is
//! on the record, without what it says; nobody is written to without a grant.

use std::collections::BTreeMap;
use std::path::Path;

use factotum_tests::mail_relay::{ESCAPED_PASSWORD, MailRelay, Offer};
use factotum_tests::{Backend, Server, on_both_backends, wait_until};
use serde_json::{Value, json};

fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "[mail]\nrelay = \"file:{}\"\nfrom = \"Factotum <robot@factotum.example>\"\n",
        folder.path().display()
    );
    (folder, toml)
}

/// Name and text of each mail in the folder.
fn mails(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let whole = files.filter(|path| path.extension().is_some_and(|end| end == "eml"));
    whole
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn patient(grants: &[&str]) -> Value {
    json!({"grants": grants, "retry": {"attempts": 20, "backoff_ms": 200}, "limits": {"wall_ms": 600_000}})
}

fn mail(text: &str) -> Value {
    json!({"to": ["ann@example.com"], "subject": "Grüße", "text": text})
}

on_both_backends! {
    fn a_mail_leaves_with_its_files_and_is_on_the_record(backend: Backend) {
        let (folder, toml) = folder();
        let server = Server::start_with(backend, &toml);
        let api = server.api();
        api.deploy("postman", &["mail:send:@example.com"]);
        let mut whole = mail("the secret of the mail");
        whole["cc"] = json!(["bob@example.com"]);
        whole["html"] = json!("<p>Hi</p>");
        whole["reply_to"] = json!("desk@elsewhere.net");
        whole["in_reply_to"] = json!("<1@elsewhere.net>");
        whole["file"] = json!({"name": "März.txt", "type": "text/plain", "bytes": "in the file"});
        let run = api.run("postman", &json!({"ops": [whole, {"to": ["eve@evil.com"], "subject": "s", "text": "t"}]}));
        let sent = &run["outcome"]["output"]["sent"];
        let id = sent[0]["ok"].as_str().unwrap_or_else(|| panic!("{run}"));
        assert_eq!(sent[1]["error"]["kind"], "denied");
        let mails = mails(folder.path());
        assert_eq!(mails.len(), 1);
        let text = mails.values().next().unwrap();
        for line in [
            "From: Factotum <robot@factotum.example>", "To: ann@example.com", "Cc: bob@example.com", "Reply-To: desk@elsewhere.net",
            "In-Reply-To: <1@elsewhere.net>", "Auto-Submitted: auto-generated", "Subject: =?utf-8?b?R3LDvMOfZQ==?=", &format!("Message-ID: {id}"),
            "the secret of the mail", "<p>Hi</p>",
        ] {
            assert!(text.lines().any(|own| own == line), "no `{line}` in {text}");
        }
        let trail = api.audit("action=mail.*");
        let told: Vec<_> = trail.iter().map(|e| (e["action"].as_str().unwrap(), e["outcome"].as_str().unwrap())).collect();
        assert_eq!(told, [("mail.send", "denied"), ("mail.send", "ok"), ("mail.intent", "ok")], "newest first");
        assert_eq!(trail[1]["change"]["domains"], json!(["example.com"]));
        assert_eq!(trail[1]["run_id"], run["id"]);
        let trail = Value::from(api.audit("")).to_string();
        assert!(!trail.contains("secret of the mail") && !trail.contains("in the file"));
    }

    fn a_run_that_is_retried_sends_nothing_twice(backend: Backend) {
        let (folder, toml) = folder();
        let server = Server::start_with(backend, &toml);
        let api = server.api();
        api.deploy_with("postman", &patient(&["mail:send"]));
        let mut keyed = mail("by key");
        keyed["key"] = json!("order-7");
        let run = api.run("postman", &json!({"until": 4, "ops": [mail("one"), mail("one"), keyed]}));
        assert_eq!((run["state"].as_str(), run["attempt"].as_u64()), (Some("succeeded"), Some(4)), "{run}");
        assert_eq!(mails(folder.path()).len(), 3, "one per call, however often it was made");
        assert_eq!(api.audit("action=mail.send").len(), 3);
    }

    fn a_run_that_is_killed_sends_nothing_twice(backend: Backend) {
        let (folder, toml) = folder();
        let mut server = Server::start_with(backend, &toml);
        server.api().deploy_with("postman", &patient(&["mail:send"]));
        let run = server.api().begin("postman", &json!({"sleep_ms": 600_000, "ops": [mail("one"), mail("two")]}));
        let id = run["id"].as_str().unwrap();
        wait_until("both mails", || (server.api().audit("action=mail.send").len() == 2).then_some(()));
        let before = mails(folder.path());
        server.kill();
        server.resume().unwrap();
        let ended = server.api().wait_end(id);
        assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some("succeeded"), Some(2)), "{ended}");
        assert_eq!(mails(folder.path()), before);
        let sent = &ended["outcome"]["output"]["sent"];
        assert!(sent[0]["ok"].is_string() && sent[1]["ok"].is_string(), "{sent}");
    }

    fn a_mail_of_unknown_fate_is_sent_again_with_the_same_id(backend: Backend) {
        // A relay that takes the connection and says nothing: the mail is under way when the program dies.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let toml = format!("[mail]\nrelay = \"smtp://127.0.0.1:{}\"\n", silent.local_addr().unwrap().port());
        let mut server = Server::start_with(backend, &toml);
        server.api().deploy_with("postman", &patient(&["mail:send"]));
        let run = server.api().begin("postman", &json!({"ops": [mail("one")]}));
        let seen = wait_until("the intent", || server.api().audit("action=mail.intent").pop());
        assert_eq!(seen["outcome"], "unknown", "it is under way");
        let letter = seen["targets"][1]["id"].as_str().unwrap().replace('-', "");
        server.kill();
        let (folder, toml) = folder();
        std::fs::write(server.data().join("factotum.toml"), toml).unwrap();
        server.resume().unwrap();
        let ended = server.api().wait_end(run["id"].as_str().unwrap());
        let id = ended["outcome"]["output"]["sent"][0]["ok"].as_str().unwrap_or_else(|| panic!("{ended}"));
        assert_eq!(id, format!("<{letter}@factotum.example>"));
        assert_eq!(mails(folder.path()).len(), 1);
        let intents = server.api().audit("action=mail.intent");
        let outcomes: Vec<_> = intents.iter().map(|entry| entry["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["ok", "unknown"], "what became of the first try is not known");
    }

    fn a_relay_that_is_away_fails_the_run_until_it_is_back(backend: Backend) {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Server::start_with(backend, &format!("[mail]\nrelay = \"smtp://127.0.0.1:{gone}\"\n"));
        server.api().deploy("postman", &["mail:send"]);
        let run = server.api().run("postman", &json!({"ops": [mail("one")]}));
        assert_eq!(run["outcome"]["output"]["sent"][0]["error"]["kind"], "unavailable", "{run}");
        let failed = server.api().audit("action=mail.send");
        assert_eq!((failed.len(), &failed[0]["outcome"]), (1, &json!("error")));
        // Over TLS, to one that wants a password.
        let relay = MailRelay::start(Offer::Tls, "localhost").unwrap();
        server.stop().unwrap();
        std::fs::write(server.data().join("factotum.toml"), relay.toml("smtps", ESCAPED_PASSWORD, Some(&relay.authority()))).unwrap();
        server.resume().unwrap();
        let run = server.api().run("postman", &json!({"ops": [mail("two")]}));
        assert!(run["outcome"]["output"]["sent"][0]["ok"].is_string(), "{run}");
        assert_eq!(relay.letters().len(), 1);
    }
}

#[test]
fn without_a_relay_nothing_leaves() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("postman", &["mail:send"]);
    let run = server.api().run("postman", &json!({"ops": [mail("one")]}));
    let error = &run["outcome"]["output"]["sent"][0]["error"];
    assert!(error["message"].as_str().unwrap_or_default().contains("mail.relay"), "{run}");
}
