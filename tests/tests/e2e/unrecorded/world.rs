//! What is there for each request to succeed on: a thing of its own for whatever takes it away.

use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use factotum_tests::browser::PASSWORD;
use factotum_tests::identity_provider::Script;
use factotum_tests::smtp::Smtp;
use factotum_tests::{
    Api, Backend, Browser, IdentityProvider, Server, Settings, in_seconds, wait_until, wait_within,
};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::invitations::{joined, token};
use crate::ledger::text;

const METHODS: [&str; 7] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"];
/// How long after the world is made its schedule fires and its key expires: later than the table is closed, on a slow machine too.
const CLOCK_S: i64 = 30;
/// How long to wait for the clock, in a debug build on a busy machine.
const CLOCK_PATIENCE: std::time::Duration = std::time::Duration::from_mins(3);

/// A server with all that requests need.
pub struct World {
    pub server: Server,
    pub provider: IdentityProvider,
    /// Names for ids, tokens and codes.
    pub things: HashMap<&'static str, String>,
    /// Browsers by what their person is there for.
    pub people: HashMap<&'static str, Browser>,
    /// A key that may hardly anything.
    pub narrow: (String, Api),
    pub letters_at_the_start: usize,
    folder: tempfile::TempDir,
}

impl World {
    pub fn new(backend: Backend) -> Self {
        let mut provider = IdentityProvider::start(Script::Certified, &json!({})).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::on(backend).and_then(Settings::with_smtp).unwrap();
        let settings = Settings { port: Some(provider.server_port()), ..settings };
        let toml = provider.toml("allowed_domains = [\"example.com\"]\norganization = \"Test\"")
            + &format!("\n[mail]\nrelay = \"file:{}\"\n", folder.path().display());
        let server = Server::launch(settings.toml(&toml)).unwrap();
        for subject in ["ann", "ann-2", "ann-3", "guest", "joiner"] {
            provider.account(subject, &format!("{subject}@example.com"), true).unwrap();
        }
        let (secret, made) = server.api().mint("narrow", &["runs:read"]);
        let narrow = (text(&made["id"]), server.api().with_key(&secret));
        let mut world = Self {
            server,
            provider,
            things: HashMap::new(),
            people: HashMap::new(),
            narrow,
            letters_at_the_start: 0,
            folder,
        };
        world.workflows();
        world.mailbox();
        world.access();
        world.members();
        world.sessions();
        world.second_factors();
        world.identities();
        world.sealed();
        world.letters_at_the_start = world.letters().len();
        world.clock();
        world
    }

    /// A thing's id, token or code.
    #[track_caller]
    pub fn the(&self, name: &str) -> &str {
        self.things.get(name).unwrap_or_else(|| panic!("there is no `{name}`"))
    }

    pub fn browser(&self) -> Browser {
        Browser::at(self.server.base())
    }

    /// The letters that went out.
    pub fn letters(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten().map(|f| f.path());
        let letter =
            |path: &Path| std::fs::read_to_string(path).unwrap().replace("=\r\n", "").replace("=3D", "=");
        files.filter(|path| path.extension().is_some_and(|e| e == "eml")).map(|path| letter(&path)).collect()
    }

    /// A partner with an address, an interchange that was taken, and two in quarantine that belong to somebody now.
    fn partners(&mut self) {
        let api = self.server.api();
        for (name, id) in [("acme", "ZZ:ACME"), ("spare", "ZZ:SPARE")] {
            api.post("/api/v1/edi/partners", &json!({"name": name, "x12": [id]})).expect(201);
        }
        let url = text(&api.trigger("echo", "edi", &json!({"partner": "*"}))["url"]);
        let path = url[url.find("/edi/").unwrap()..].to_owned();
        let stranger = self.server.stranger();
        let send = |sender, control| {
            let order = crate::edi::order(sender, control);
            stranger.post_bytes(&path, "application/edi-x12", order.as_bytes())
        };
        send("ACME", 1).expect(200);
        let taken = text(&api.all("/api/v1/edi/interchanges")[0]["id"]);
        let [kept, spare] =
            [1, 2].map(|control| text(&send("LATER", control).expect(202)["interchanges"][0]["id"]));
        api.post("/api/v1/edi/partners", &json!({"name": "later", "x12": ["ZZ:LATER"]})).expect(201);
        self.things.extend([
            ("EDI address", path),
            ("taken interchange", taken),
            ("kept interchange", kept),
            ("spare interchange", spare),
        ]);
    }

    fn workflows(&mut self) {
        let api = self.server.api();
        // The letters are counted: nobody is told of the run that fails below.
        api.patch("/api/v1/notices/settings", &json!({"admins": false})).expect(200);
        for name in ["echo", "hello"] {
            api.deploy(name, &[]);
        }
        for name in ["spare", "held"] {
            api.workflow(name, "echo", &json!({"grants": []}));
        }
        let hook = api.trigger("echo", "webhook", &json!({"methods": METHODS}));
        let url = text(&hook["url"]);
        let path = url[url.find("/hooks/").unwrap()..].to_owned();
        let [spare, regenerated] = [(); 2].map(|()| text(&api.trigger("echo", "webhook", &json!({}))));
        let daily = json!({"cron": "0 0 * * *", "missed": {"policy": "none"}});
        let backfilled = text(&api.trigger("echo", "schedule", &daily));
        self.partners();
        let api = self.server.api();
        let delivered = self.server.stranger().post(&path, &json!({"n": 1})).expect(202);
        let run = api.wait_end(&text(&delivered["run"]));
        api.patch("/api/v1/workflows/held", &json!({"paused": true})).expect(200);
        let held = text(&api.begin("held", &json!({})));
        let plugin = text(&api.all("/api/v1/plugins")[0]);
        api.deploy_with("flaky", &json!({"retry": {"attempts": 2, "backoff_ms": 1}}));
        let dead = text(&api.run("flaky", &json!({"until": 9})));
        self.things.extend([
            ("hooks", path),
            ("triggers", text(&hook)),
            ("spare trigger", spare),
            ("regenerated trigger", regenerated),
            ("backfilled schedule", backfilled),
            ("runs", text(&run)),
            ("events", text(&run["event"])),
            ("held run", held),
            ("dead run", dead),
            ("workflows", "echo".to_owned()),
            ("plugins", plugin),
        ]);
    }

    /// An address, and a mail with a file that came there.
    fn mailbox(&mut self) {
        let config = json!({"name": "intake", "authentication": "ignore"});
        let trigger = self.server.api().trigger("echo", "email", &config);
        self.things.insert("address", text(&trigger["address"]));
        assert_eq!(self.mail("the first"), "250 2.0.0");
        let of_it = format!("/api/v1/runs?trigger={}", text(&trigger));
        let run = wait_until("the mail's run", || self.server.api().all(&of_it).pop());
        self.things.insert("mail's event", text(&run["event"]));
    }

    /// Sends a mail to the address; what the server says to it.
    pub fn mail(&self, subject: &str) -> String {
        let mail = format!(
            "From: ann@example.com\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; name=note.txt\r\n\
             Content-Disposition: attachment; filename=note.txt\r\n\r\nhello\r\n"
        );
        let mut smtp = Smtp::greeted(self.server.smtp_port()).unwrap();
        smtp.deliver("ann@example.com", self.the("address"), mail.as_bytes()).unwrap().short()
    }

    fn access(&mut self) {
        let api = self.server.api();
        for name in ["kept", "gone"] {
            api.put(&format!("/api/v1/secrets/{name}"), &json!({"value": "s3cret"})).expect(201);
        }
        let key = |nickname: &str| {
            let (secret, made) = api.mint(nickname, &["runs:read"]);
            (secret, text(&made["id"]), text(&made["service_account"]))
        };
        let (kept, revoked, rotated, lazy) = (key("kept"), key("revoked"), key("rotated"), key("lazy"));
        api.post(&format!("/api/v1/accounts/{}/suspend", lazy.2), &json!({})).expect(200);
        // On a closed port, so that nothing but what is asked for leaves.
        let told = |n: u32| {
            let asked = json!({"kind": "webhook", "url": format!("http://127.0.0.1:1/{n}")});
            text(&api.post("/api/v1/notices/recipients", &asked).expect(201))
        };
        self.things.extend([("told", told(1)), ("told no more", told(2))]);
        let role = |name: &str| {
            text(&api.post("/api/v1/roles", &json!({"name": name, "grants": ["runs:read"]})).expect(201))
        };
        let roles = [("roles", role("Clerk")), ("spare role", role("Temp"))];
        self.things.extend(roles);
        self.things.extend([
            ("secrets", "kept".to_owned()),
            ("api-keys", kept.1),
            ("active account", kept.2),
            ("revoked key", revoked.1),
            ("revoked secret", revoked.0),
            ("rotated key", rotated.1),
            ("rotated secret", rotated.0),
            ("suspended account", lazy.2),
        ]);
    }

    fn members(&mut self) {
        let api = self.server.api();
        let changed = joined(&self.server, "changed@example.com", &["Viewer"]);
        let removed = joined(&self.server, "removed@example.com", &["Viewer"]);
        let (_, former) = joined(&self.server, "former@example.com", &["Viewer"]);
        api.delete(&format!("/api/v1/members/{former}")).expect(204);
        let invite = |email: &str| {
            let asked = json!({"email": email, "roles": ["Viewer"]});
            api.post("/api/v1/members/invitations", &asked).expect(201)
        };
        let (withdrawn, taken, at_provider) =
            (invite("w@example.com"), invite("taken@example.com"), invite("guest@example.com"));
        // Somebody who is in two organizations.
        let theirs = api.with_key(&self.server.bootstrap("Other", "boss@other.example").unwrap());
        let asked = json!({"email": "changed@example.com", "roles": ["Viewer"]});
        let there = theirs.post("/api/v1/members/invitations", &asked).expect(201);
        let here = text(&changed.0.get("/api/v1/me").expect(200)["org"]);
        let both = json!({"token": token(&there)});
        let other = text(&changed.0.post("/api/v1/invitations/accept", &both).expect(201)["org"]);
        assert_ne!(here, other);
        self.things.extend([
            ("members", changed.1),
            ("removed member", removed.1),
            ("former member", former),
            ("withdrawn invitation", text(&withdrawn)),
            ("invitation token", token(&taken)),
            ("provider's invitation token", token(&at_provider)),
            ("other organization", here),
        ]);
        self.people.insert("in both", changed.0);
    }

    fn sessions(&mut self) {
        let admin = Browser::of(&self.server, "admin@example.com");
        let person = |name: &str| joined(&self.server, &format!("{name}@example.com"), &["Viewer"]).0;
        let (leaver, secretive, forgetful) = (person("leaver"), person("secretive"), person("forgetful"));
        let (many, other) = (person("many"), person("other"));
        // A second session of each, to be ended from the first.
        for name in ["many", "other"] {
            self.browser().log_in(&format!("{name}@example.com"), FRESH).expect(200);
        }
        let sessions = many.get("/api/v1/me/sessions").expect(200);
        let ended =
            text(sessions["items"].as_array().unwrap().iter().find(|s| s["current"] == false).unwrap());
        let so_far = self.letters().len();
        let asked = json!({"email": "forgetful@example.com"});
        self.browser().post("/api/v1/password-reset", &asked).expect(202);
        let letters = wait_until("the letter", || {
            let letters = self.letters();
            (letters.len() > so_far).then_some(letters)
        });
        let letter = letters.iter().find(|l| l.contains("/password-reset#token=")).unwrap();
        let reset: String = letter.split("#token=").nth(1).unwrap().chars().take(43).collect();
        drop(forgetful);
        self.things.extend([("ended session", ended), ("reset token", reset)]);
        self.people.extend([
            ("admin", admin),
            ("leaver", leaver),
            ("secretive", secretive),
            ("with many sessions", many),
            ("with another session", other),
        ]);
    }

    fn second_factors(&mut self) {
        for (who, email) in
            [("without", "without"), ("unsure", "unsure"), ("renewing", "renewing"), ("removing", "removing")]
        {
            let (browser, _) = joined(&self.server, &format!("{email}@example.com"), &["Viewer"]);
            if who != "without" {
                let made = browser.post("/api/v1/me/totp", &json!({"password": FRESH})).expect(200);
                let secret = text(&made["secret"]);
                if who == "unsure" {
                    self.things.insert("unconfirmed secret", secret);
                } else {
                    let confirmed = browser.post("/api/v1/me/totp/confirm", &json!({"code": code(&secret)}));
                    let recovery = text(&confirmed.expect(200)["recovery_codes"][0]);
                    self.things
                        .insert(if who == "renewing" { "renewing code" } else { "removing code" }, recovery);
                }
            }
            self.people.insert(who, browser);
        }
    }

    fn identities(&mut self) {
        let ann = self.browser();
        self.through_the_provider(&ann, "ann");
        let go = ann.post("/api/v1/me/identities/link", &json!({})).expect(200);
        ann.get(&self.provider.visit(&text(&go["url"]), "ann-2").unwrap()).expect(303);
        let identities = ann.get("/api/v1/me/identities").expect(200);
        let second =
            identities["items"].as_array().unwrap().iter().find(|i| i["subject"] == "ann-2").unwrap();
        self.things.insert("spare identity", text(second));
        self.people.insert("ann", ann);
    }

    /// An entry that is in the signed log.
    fn sealed(&mut self) {
        let api = self.server.api();
        let entry = text(&api.audit("action=org.create")[0]);
        let proof = format!("/api/v1/audit/{entry}/proof");
        wait_until("the seal", || (api.get(&proof).status == 200).then_some(()));
        self.things.insert("audit", entry);
    }

    /// Logs in at the provider: the last answer.
    pub fn through_the_provider(&self, browser: &Browser, subject: &str) -> factotum_tests::Answer {
        let start = browser.get("/api/v1/oidc/start");
        start.expect(303);
        browser.get(&self.provider.visit(start.header("location").unwrap(), subject).unwrap())
    }

    /// Something of the clock's, once the table is closed: a firing, and a key's end.
    fn clock(&mut self) {
        let due = in_seconds(CLOCK_S);
        let cron = format!("{} {} {} * * *", &due[17..19], &due[14..16], &due[11..13]);
        let config = json!({"cron": cron, "missed": {"policy": "all"}});
        let schedule = text(&self.server.api().trigger("echo", "schedule", &config));
        let asked = json!({"nickname": "brief", "grants": ["runs:read"], "expires_at": due});
        let key = text(&self.server.api().post("/api/v1/api-keys", &asked).expect(201));
        self.things.extend([("schedule", schedule), ("expiring key", key)]);
    }

    /// Waits until the clock has had its moment, in vain.
    pub fn wait_for_the_clock(&self) {
        wait_within(CLOCK_PATIENCE, "the firing and the end of the key", || {
            let log = self.server.log();
            (log.contains("a firing was not taken") && log.contains("expired keys could not be reaped"))
                .then_some(())
        });
    }

    /// That the clock's work was made up for.
    pub fn the_clock_was_heard(&self) {
        let api = self.server.api();
        wait_until("the firing", || {
            let runs = api.audit(&format!("trigger={}&action=event.accept", self.the("schedule")));
            (!runs.is_empty()).then_some(())
        });
        let ended = format!("target={}&action=api_key.expire", self.the("expiring key"));
        wait_until("the key's end", || (!api.audit(&ended).is_empty()).then_some(()));
    }

    /// What is done on the server's machine, which succeeds or does nothing.
    pub fn commands(&self, succeed: bool) {
        let recover = [
            "recover",
            "--email",
            "secretive@example.com",
            "--reason",
            "tests",
            "--password-stdin",
            "--org",
            "Test",
        ];
        let bootstrap = [
            "bootstrap",
            "--org",
            "Third",
            "--email",
            "third@example.com",
            "--password-stdin",
            "--api-key",
            "third",
        ];
        let log = [&["rotate-audit-key"][..], &["restored", "--reason", "tests"]];
        for args in [&recover[..], &bootstrap].into_iter().chain(log) {
            let done = self.server.admin(args, PASSWORD).unwrap();
            let words = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(done.status.success(), succeed, "{args:?}: {words}");
            assert!(succeed || done.stdout.is_empty(), "{args:?} printed something");
        }
    }

    /// That what was tried in vain works as before.
    pub fn is_as_it_was(&self) {
        for secret in ["revoked secret", "rotated secret"] {
            self.server.api().with_key(self.the(secret)).get("/api/v1/me").expect(200);
        }
        self.narrow.1.get("/api/v1/me").expect(200);
        for (who, browser) in &self.people {
            assert_eq!(browser.get("/api/v1/me").status, 200, "{who}");
        }
    }
}

/// What an authenticator shows now.
#[expect(clippy::disallowed_methods, reason = "an authenticator has a clock of its own")]
pub fn code(secret: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let secret = Secret::try_from_base32(secret).unwrap();
    Builder::new().with_secret(secret).build().unwrap().generate(now).to_string()
}

/// The password of whoever [joined].
pub const FRESH: &str = "seven grey herons on a wire";

/// A JSON body, for requests that send bytes.
pub fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}
