//! What a mail becomes: the program takes it by SMTP, looks its sender up, and a workflow reads it. What must hold: what is proven is on the record and in the event; a
//! file comes to the guest as a stream and to a person as a download, byte by byte; a mail of a machine gets no answer.

use factotum_tests::smtp::Smtp;
use factotum_tests::{Api, Backend, NameServer, Server, Settings, on_both_backends, wait_until};
use serde_json::{Value, json};

/// Signed by example.com with the key in `signed.key`; with a PDF of five bytes.
const SIGNED: &[u8] = include_bytes!("../../mail/signed.eml");
const KEY: &str = include_str!("../../mail/signed.key");

struct World {
    server: Server,
    dns: NameServer,
}

impl World {
    fn start(backend: Backend, more: &str) -> Self {
        let dns = NameServer::start().unwrap();
        dns.txt("rsa._domainkey.example.com", &format!("v=DKIM1; k=rsa; p={KEY}"));
        let toml = format!("[smtp]\ndns = \"{}\"\n{more}", dns.address());
        let settings = Settings::on(backend).and_then(Settings::with_smtp).unwrap();
        Self { server: Server::launch(settings.toml(&toml)).unwrap(), dns }
    }

    fn api(&self) -> &Api {
        self.server.api()
    }

    fn mailbox(&self, workflow: &str, config: &Value) -> (String, String) {
        let trigger = self.api().trigger(workflow, "email", config);
        let text = |name: &str| trigger[name].as_str().unwrap().to_owned();
        (text("id"), text("address"))
    }

    fn deliver(&self, to: &str, from: &str, mail: &[u8]) -> String {
        let mut smtp = Smtp::greeted(self.server.smtp_port()).unwrap();
        smtp.deliver(from, to, mail).unwrap().short()
    }

    /// The only run of the trigger, at its end.
    fn run(&self, trigger: &str) -> Value {
        let run = wait_until("the run", || self.api().all(&format!("/api/v1/runs?trigger={trigger}")).pop());
        self.api().wait_end(run["id"].as_str().unwrap())
    }
}

fn changed(from: &str, to: &str) -> Vec<u8> {
    String::from_utf8(SIGNED.to_vec()).unwrap().replacen(from, to, 1).into_bytes()
}

on_both_backends! {
    fn a_signed_mail_reaches_the_workflow_proven_and_with_its_file(backend: Backend) {
        let world = World::start(backend, "");
        let api = world.api();
        api.deploy("postman", &[]);
        let (trigger, address) = world.mailbox("postman", &json!({"name": "orders", "require": ["dkim"], "allow_senders": ["example.com"]}));
        assert_eq!(world.deliver(&address, "ann@example.com", SIGNED), "250 2.0.0", "{}", world.server.log());
        let run = world.run(&trigger);
        let answer = &run["outcome"]["output"];
        assert_eq!((&answer["from"], &answer["subject"]), (&json!("ann@example.com"), &json!("Rechnung März")), "{run}");
        assert_eq!((&answer["text"], &answer["authenticated_domain"]), (&json!("see below"), &json!("example.com")));
        assert_eq!(answer["raw_bytes"], SIGNED.len());
        let file = &answer["attachments"][0];
        assert_eq!((&file["name"], &file["type"], &file["text"]), (&json!("März.pdf"), &json!("application/pdf"), &json!("hello")));
        // The event says the same, and has the bytes.
        let event = run["event"].as_str().unwrap();
        let email = api.get(&format!("/api/v1/events/{event}")).expect(200)["email"].clone();
        assert_eq!((&email["verdicts"]["dkim"], &email["verdicts"]["spf"]), (&json!("pass"), &json!("none")));
        assert_eq!(email["verdicts"]["dkim_domains"], json!(["example.com"]));
        assert!(email["attachments"][0].get("data_base64").is_none() && email["attachments"][0].get("source").is_none(), "{email}");
        assert_eq!(api.get(&format!("/api/v1/events/{event}/raw")).body, SIGNED);
        let file = api.get(&format!("/api/v1/events/{event}/attachments/0"));
        assert_eq!((file.status, file.body.as_slice()), (200, &b"hello"[..]));
        for (name, value) in [
            ("content-disposition", "attachment; filename*=UTF-8''M%C3%A4rz.pdf"), ("content-type", "application/octet-stream"),
            ("x-content-type-options", "nosniff"), ("content-security-policy", "sandbox"),
        ] {
            assert_eq!(file.header(name), Some(value));
        }
        for number in ["1", "-1", "x", "99999999999999999999"] {
            api.get(&format!("/api/v1/events/{event}/attachments/{number}")).expect_problem(404, "not_found");
        }
        let (stranger, _) = api.mint("reader", &["runs:read"]);
        api.with_key(&stranger).get(&format!("/api/v1/events/{event}/attachments/0")).expect_problem(403, "denied");
        // A run of the same event reads the same.
        let again = api.post(&format!("/api/v1/runs/{}/replay", run["id"].as_str().unwrap()), &json!({})).expect(202);
        let again = api.wait_end(again["run"]["id"].as_str().unwrap_or_else(|| panic!("{again}")));
        assert_eq!(again["outcome"]["output"]["attachments"], answer["attachments"]);
    }

    fn who_is_not_proven_is_not_taken(backend: Backend) {
        let world = World::start(backend, "");
        world.api().deploy("postman", &[]);
        let (trigger, address) = world.mailbox("postman", &json!({"name": "orders", "require": ["dkim"], "allow_senders": ["example.com"]}));
        let forged = changed("From: Ann <ann@example.com>", "From: Boss <boss@example.com>");
        assert_eq!(world.deliver(&address, "ann@example.com", &forged), "550 5.7.1");
        let doubled = [b"From: boss@example.com\r\n", SIGNED].concat();
        assert_eq!(world.deliver(&address, "ann@example.com", &doubled), "550 5.7.1");
        // The name server does not answer: nobody knows, so it is to come again.
        world.dns.silence("slow.example");
        let slow = changed("d=example.com", "d=slow.example");
        assert_eq!(world.deliver(&address, "ann@example.com", &slow), "451 4.4.3");
        assert!(world.api().all(&format!("/api/v1/runs?trigger={trigger}")).is_empty());
        let rejected = wait_until("the refusals", || {
            let entries = world.api().audit(&format!("action=event.reject&trigger={trigger}"));
            (entries.len() >= 2).then_some(entries)
        });
        assert!(rejected.iter().any(|entry| entry["reason"].as_str().unwrap_or_default().contains("dkim_required")), "{rejected:?}");
    }

    fn an_invoice_is_kept_forwarded_and_answered_once(backend: Backend) {
        let folder = tempfile::tempdir().unwrap();
        let world = World::start(backend, &format!("[mail]\nrelay = \"file:{}\"\n", folder.path().display()));
        let api = world.api();
        let grants = ["kv:read:invoice-mailbox", "kv:write:invoice-mailbox", "mail:send"];
        api.deploy_with("invoice-mailbox", &json!({"grants": grants, "config": {"office": "office@example.org"}}));
        let (trigger, address) = world.mailbox("invoice-mailbox", &json!({"name": "invoices", "dispatch_automatic": true}));
        assert_eq!(world.deliver(&address, "ann@example.com", SIGNED), "250 2.0.0");
        let run = world.run(&trigger);
        assert_eq!(run["outcome"]["output"]["invoices"], json!([{"name": "März.pdf", "kept": "received"}]), "{run}");
        let letters = || {
            let files = std::fs::read_dir(folder.path()).unwrap().flatten();
            let mut all: Vec<String> = files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
            all.sort_by_key(|letter| !letter.contains("To: ann@example.com"));
            all
        };
        let sent = letters();
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(sent[0].contains("In-Reply-To: <1@example.com>") && sent[0].contains("Auto-Submitted: auto-generated"), "{}", sent[0]);
        assert!(sent[1].contains("To: office@example.org") && sent[1].contains("aGVsbG8="), "{}", sent[1]);
        // A machine's mail with the same invoice: known, and not answered.
        let machine = [b"Auto-Submitted: auto-replied\r\n", SIGNED].concat();
        assert_eq!(world.deliver(&address, "ann@example.com", &machine), "250 2.0.0");
        wait_until("the second run", || {
            let runs = api.all(&format!("/api/v1/runs?trigger={trigger}"));
            (runs.len() == 2 && runs.iter().all(|run| run["state"] == "succeeded")).then_some(())
        });
        assert_eq!(letters(), sent);
    }
}

#[test]
fn a_command_reads_a_mail_on_its_standard_input() {
    let world = World::start(Backend::Sqlite, "");
    world.api().deploy("parrot", &[]);
    let (trigger, address) = world.mailbox("parrot", &json!({"name": "orders"}));
    assert_eq!(world.deliver(&address, "ann@example.com", SIGNED), "250 2.0.0");
    let run = world.run(&trigger);
    let event = &run["outcome"]["output"]["event"];
    assert_eq!((&event["kind"], &event["email"]["subject"]), (&json!("email"), &json!("Rechnung März")));
    assert_eq!(event["email"]["attachments"][0]["data_base64"], "aGVsbG8=");
    assert_eq!(event["email"]["headers"]["message-id"], json!(["<1@example.com>"]));
}
