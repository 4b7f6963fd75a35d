//! Log-in by OpenID Connect at the certified provider: joining, coming back, linking, unlinking; and who is not let in.

use factotum_tests::identity_provider::Script;
use factotum_tests::{Answer, Backend, Browser, IdentityProvider, Server, Settings, on_both_backends};
use serde_json::{Value, json};

/// A server that logs people of `example.com` in at a provider.
pub struct World {
    pub provider: IdentityProvider,
    pub server: Server,
}

pub const SESSION: &str = factotum_tests::browser::COOKIE;
pub const FLOW: &str = "__Host-factotum-oidc";

impl World {
    pub fn new(backend: Backend, script: Script, config: &Value) -> Self {
        let provider = IdentityProvider::start(script, config).unwrap();
        let settings = Settings { port: Some(provider.server_port()), ..Settings::on(backend).unwrap() };
        let toml = provider.toml("allowed_domains = [\"example.com\"]\nlabel = \"Example ID\"");
        let server = Server::launch(settings.toml(&toml)).unwrap();
        Self { provider, server }
    }

    pub fn browser(&self) -> Browser {
        Browser::at(self.server.base())
    }

    /// Begins a log-in and does what is to be done at the provider; the URL to come back with.
    pub fn go(&self, browser: &Browser, subject: &str) -> String {
        let answer = browser.get("/api/v1/oidc/start?return_to=/runs%3Fstate%3Ddead");
        answer.expect(303);
        self.provider.visit(answer.header("location").unwrap(), subject).unwrap()
    }

    /// A whole log-in; the last answer.
    pub fn log_in(&self, browser: &Browser, subject: &str) -> Answer {
        let back = self.go(browser, subject);
        browser.get(&back)
    }

    /// Somebody who is logged in.
    pub fn logged_in(&self, subject: &str) -> Browser {
        let browser = self.browser();
        let answer = self.log_in(&browser, subject);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    /// Links an identity to whoever is logged in; the last answer.
    pub fn link(&self, browser: &Browser, subject: &str) -> Answer {
        let go = browser.post("/api/v1/me/identities/link", &json!({"return_to": "/settings"})).expect(200);
        let back = self.provider.visit(go["url"].as_str().unwrap(), subject).unwrap();
        browser.get(&back)
    }

    /// The entries of the trail that fit, newest first.
    pub fn trail(&self, query: &str) -> Vec<Value> {
        self.server.api().audit(query)
    }

    /// That a log-in is refused, no session begins, and the trail has a denial in the name of this account.
    pub fn refused_as(&self, subject: &str, account: &str, doing: &str) {
        let browser = self.browser();
        let answer = self.log_in(&browser, subject);
        let problem = answer.expect_problem(403, "denied");
        assert_eq!(browser.cookie(SESSION), None);
        let denied = self.trail(&format!("account={account}&outcome=denied&action={doing}"));
        let request = &problem["request_id"];
        assert!(denied.iter().any(|e| e["request_id"] == *request), "{problem} left no entry: {denied:?}");
    }

    /// That a stranger's log-in is refused and changes nothing; the problem.
    pub fn refused(&self, subject: &str) -> Value {
        let members = self.server.api().all("/api/v1/members").len();
        let browser = self.browser();
        let problem = self.log_in(&browser, subject).expect_problem(403, "denied");
        assert_eq!(browser.cookie(SESSION), None);
        browser.get("/api/v1/me").expect_problem(401, "unauthenticated");
        assert_eq!(self.server.api().all("/api/v1/members").len(), members);
        problem
    }
}

fn ids(browser: &Browser) -> Vec<String> {
    let list = browser.get("/api/v1/me/identities").expect(200);
    list["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

on_both_backends! {
    fn who_logs_in_for_the_first_time_joins_with_the_default_role(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        world.provider.account("ann", "Ann@Example.com", true).unwrap();
        let shown = world.server.stranger().get("/api/v1/oidc").expect(200);
        assert_eq!(shown, json!({"enabled": true, "label": "Example ID"}));

        let browser = world.browser();
        let start = browser.get("/api/v1/oidc/start?return_to=/runs%3Fstate%3Ddead");
        start.expect(303);
        let to_provider = start.header("location").unwrap();
        for part in ["code_challenge_method=S256", "response_type=code", "nonce=", "state=", "scope=openid+email"] {
            assert!(to_provider.contains(part), "{to_provider}");
        }
        let cookie = start.header("set-cookie").unwrap();
        for part in ["__Host-factotum-oidc=", "; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let back = world.provider.visit(to_provider, "ann").unwrap();
        let answer = browser.get(&back);
        answer.expect(303);
        assert_eq!(answer.header("location"), Some("/runs?state=dead"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(browser.cookie(FLOW), None, "it has served");
        let me = browser.get("/api/v1/me").expect(200);
        assert_eq!((me["kind"].as_str(), me["name"].as_str()), (Some("member"), Some("ann@example.com")));
        let grants = me["grants"].to_string();
        assert!(grants.contains("runs:read") && !grants.contains("runs:cancel"), "a Viewer: {grants}");
        browser.get("/api/v1/runs").expect(200);
        browser.delete("/api/v1/workflows/x").expect_problem(403, "denied");

        let account = me["id"].as_str().unwrap();
        let made = world.trail(&format!("account={account}&action=member.create"));
        assert_eq!(made.len(), 1, "{made:?}");
        assert_eq!((made[0]["initiator"]["kind"].as_str(), made[0]["outcome"].as_str()), (Some("member"), Some("ok")));
        let begun = world.trail(&format!("account={account}&action=session.begin"));
        assert_eq!((begun.len(), begun[0]["reason"].as_str()), (1, Some("oidc")));

        // The second time it is the same person, whatever their address has become.
        world.provider.account("ann", "ann.married@elsewhere.example", false).unwrap();
        let first = browser.cookie(SESSION).unwrap();
        let again = world.logged_in("ann");
        assert_ne!(again.cookie(SESSION).as_deref(), Some(first.as_str()));
        let same = again.get("/api/v1/me").expect(200);
        assert_eq!((&same["id"], &same["name"]), (&me["id"], &me["name"]));
        assert_eq!(world.trail("action=member.create&outcome=ok").len(), 2, "the Admin and Ann");
        // A browser has one session: the one that it brought has ended.
        world.log_in(&again, "ann").expect(303);
        let before = world.browser();
        before.set_cookie(SESSION, &first);
        before.get("/api/v1/me").expect(200);
        world.log_in(&before, "ann").expect(303);
        let old = world.browser();
        old.set_cookie(SESSION, &first);
        old.get("/api/v1/me").expect_problem(401, "unauthenticated");
        assert_eq!(world.trail(&format!("account={account}&action=session.end")).len(), 2);
        // No secret of the log-in is in the log or the trail.
        let (log, trail) = (world.server.log(), Value::from(world.trail("")).to_string());
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
        for secret in [code, first.as_str(), factotum_tests::identity_provider::CLIENT_SECRET] {
            assert!(!log.contains(secret) && !trail.contains(secret));
        }
    }

    fn an_identity_is_linked_and_unlinked_but_not_the_last(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        for subject in ["ann", "ann-2", "bob"] {
            world.provider.account(subject, &format!("{subject}@example.com"), true).unwrap();
        }
        let ann = world.logged_in("ann");
        let me = ann.get("/api/v1/me").expect(200);
        let only = ids(&ann);
        assert_eq!(only.len(), 1);
        let kept = ann.delete(&format!("/api/v1/me/identities/{}", only[0])).expect_problem(409, "conflict");
        let denied = world.trail("outcome=denied&action=identity.unlink");
        assert!(denied.iter().any(|e| e["request_id"] == kept["request_id"]), "{denied:?}");

        let linked = world.link(&ann, "ann-2");
        linked.expect(303);
        assert_eq!(linked.header("location"), Some("/settings"));
        assert_eq!(ids(&ann).len(), 2);
        let entry = world.trail("action=identity.link&outcome=ok");
        assert_eq!(entry[0]["actor"]["id"], me["id"]);
        let by_other = world.logged_in("ann-2");
        assert_eq!(by_other.get("/api/v1/me").expect(200)["id"], me["id"], "the same person");
        // Once more changes nothing.
        world.link(&ann, "ann-2").expect(303);
        assert_eq!(ids(&ann).len(), 2);

        // What is Ann's does not become Bob's.
        let bob = world.logged_in("bob");
        let taken = world.link(&bob, "ann").expect_problem(409, "conflict");
        let denied = world.trail("outcome=denied&action=identity.link");
        assert!(denied.iter().any(|e| e["request_id"] == taken["request_id"]), "{denied:?}");
        bob.delete(&format!("/api/v1/me/identities/{}", only[0])).expect_problem(404, "not_found");
        assert_eq!(ids(&ann).len(), 2);

        ann.delete(&format!("/api/v1/me/identities/{}", only[0])).expect(204);
        assert_eq!(ids(&ann).len(), 1);
        by_other.get("/api/v1/me").expect_problem(401, "unauthenticated");
        ann.get("/api/v1/me").expect(200);
        assert_eq!(world.trail("action=identity.unlink&outcome=ok").len(), 1);
        // The unlinked identity is nobody's now, and Ann's address is taken.
        world.refused_as("ann", me["id"].as_str().unwrap(), "session.begin");
    }

    fn linking_ends_in_the_session_that_began_it(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        for subject in ["ann", "bob", "evil"] {
            world.provider.account(subject, &format!("{subject}@example.com"), true).unwrap();
        }
        let (ann, bob) = (world.logged_in("ann"), world.logged_in("bob"));
        // Bob has Ann's browser come back with a link that he began, his own cookie of it planted, too.
        let go = bob.post("/api/v1/me/identities/link", &json!({})).expect(200);
        let back = world.provider.visit(go["url"].as_str().unwrap(), "evil").unwrap();
        let flow = bob.cookie(FLOW).unwrap();
        ann.set_cookie(FLOW, &flow);
        let problem = ann.get(&back).expect_problem(403, "denied");
        let denied = world.trail("outcome=denied&action=identity.link");
        assert!(denied.iter().any(|e| e["request_id"] == problem["request_id"]), "{denied:?}");
        assert_eq!((ids(&ann).len(), ids(&bob).len()), (1, 1));
        // Without a session there is nothing to link to.
        let stranger = world.browser();
        stranger.post("/api/v1/me/identities/link", &json!({})).expect_problem(401, "unauthenticated");
        // From another site's page neither.
        let jar = format!("{SESSION}={}", bob.cookie(SESSION).unwrap());
        let headers = [("cookie", jar.as_str()), ("sec-fetch-site", "cross-site"), ("content-type", "application/json")];
        let forged = world.server.stranger().send("POST", "/api/v1/me/identities/link", &headers, b"{}").unwrap();
        forged.expect_problem(403, "denied");
    }

    fn i11_a_service_account_does_not_get_in_at_the_provider(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        let api = world.server.api().clone();
        let (_, key) = api.mint("robot@example.com", &["runs:read"]);
        let robot = key["service_account"]["id"].as_str().unwrap().to_owned();
        let all = api.all("/api/v1/members?service=true");
        let base = all.iter().find(|m| m["kind"] == "base").unwrap()["id"].as_str().unwrap().to_owned();
        let subjects = [
            (base.as_str(), "base@example.com", base.as_str()),
            (robot.as_str(), "r2@example.com", robot.as_str()),
            ("Service Account", "sa@example.com", base.as_str()),
            ("service  account", "sb@example.com", base.as_str()),
            ("some-robot", "robot@example.com", robot.as_str()),
            ("other-robot", "ROBOT@example.com", robot.as_str()),
            ("robot@example.com", "sc@example.com", robot.as_str()),
        ];
        for (subject, email, account) in subjects {
            world.provider.account(subject, email, true).unwrap();
            world.refused_as(subject, account, "session.begin");
        }
        // Nor has a key anything to link.
        let denied = api.post("/api/v1/me/identities/link", &json!({})).expect_problem(403, "denied");
        api.get("/api/v1/me/identities").expect_problem(403, "denied");
        api.delete("/api/v1/me/identities/idn_0").expect_problem(403, "denied");
        let trail = world.trail("outcome=denied&action=identity.link");
        assert!(trail.iter().any(|e| e["request_id"] == denied["request_id"]), "{trail:?}");
        let now = api.all("/api/v1/members?service=true");
        assert_eq!(now, all, "nobody joined, and nobody changed");
    }

    fn an_address_alone_opens_nothing(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        let admin = world.server.api().all("/api/v1/members")[0]["id"].as_str().unwrap().to_owned();
        // The Admin's address, verified or not, in any spelling, is the Admin's: refused, and on their record.
        for (subject, email, verified) in
            [("a1", "admin@example.com", true), ("a2", "ADMIN@EXAMPLE.COM", true), ("a3", "admin@example.com", false)]
        {
            world.provider.account(subject, email, verified).unwrap();
            world.refused_as(subject, &admin, "session.begin");
        }
        for (subject, email, verified, words) in [
            ("s1", "new@example.com", false, "not verified"),
            ("s2", "new@evil.example", true, "ask for an invitation"),
            ("s3", "new@example.com.evil.example", true, "ask for an invitation"),
            ("s4", "new@sub.example.com", true, "ask for an invitation"),
            ("s5", "new@evil.example@example.com", true, "cannot be used"),
        ] {
            world.provider.account(subject, email, verified).unwrap();
            let problem = world.refused(subject);
            assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
        }
    }

    fn who_joins_many_times_at_once_joins_once(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        for round in 0..5 {
            let subject = format!("crowd-{round}");
            world.provider.account(&subject, &format!("{subject}@example.com"), true).unwrap();
            let members = world.server.api().all("/api/v1/members").len();
            let backs: Vec<_> = (0..4)
                .map(|_| {
                    let browser = world.browser();
                    let back = world.go(&browser, &subject);
                    (browser, back)
                })
                .collect();
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let come = |(browser, back): (Browser, String)| move || browser.get(&back).status;
                let threads: Vec<_> = backs.into_iter().map(|back| scope.spawn(come(back))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(statuses.contains(&303) && statuses.iter().all(|s| matches!(s, 303 | 409)), "{statuses:?}");
            assert_eq!(world.server.api().all("/api/v1/members").len(), members + 1);
            world.logged_in(&subject);
        }
    }

    fn of_two_last_identities_unlinked_at_once_one_stays(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        for subject in ["ann", "ann-2"] {
            world.provider.account(subject, &format!("{subject}@example.com"), true).unwrap();
        }
        let ann = world.logged_in("ann");
        let mut spare = "ann-2";
        for _ in 0..8 {
            world.link(&ann, spare).expect(303);
            let both = ids(&ann);
            assert_eq!(both.len(), 2);
            let mut statuses: Vec<u16> = std::thread::scope(|scope| {
                let unlink = |id: &String| {
                    let (browser, path) = (ann.clone(), format!("/api/v1/me/identities/{id}"));
                    move || browser.delete(&path).status
                };
                let threads: Vec<_> = both.iter().map(|id| scope.spawn(unlink(id))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 409]);
            let list = ann.get("/api/v1/me/identities").expect(200);
            spare = if list["items"][0]["subject"] == "ann" { "ann-2" } else { "ann" };
        }
    }

    fn what_does_not_go_together_is_said_at_the_start(backend: Backend) {
        let provider = IdentityProvider::start(Script::Certified, &json!({})).unwrap();
        let toml = provider.toml("default_role = \"Nobody\"");
        let error = Server::launch(Settings::on(backend).unwrap().toml(&toml)).err().unwrap().to_string();
        assert!(error.contains("`oidc.default_role`: `Test` has no role `Nobody`"), "{error}");

        let mut world = World::new(backend, Script::Certified, &json!({}));
        world.provider.account("ann", "ann@example.com", true).unwrap();
        world.server.bootstrap("Other", "boss@other.example").unwrap();
        // One more organization than when it was started: nobody is let in anywhere by chance.
        let browser = world.browser();
        world.log_in(&browser, "ann").expect_problem(503, "unavailable");
        assert_eq!(browser.cookie(SESSION), None);
        world.server.stop().unwrap();
        let error = world.server.resume().unwrap_err().to_string();
        assert!(error.contains("`oidc.organization`: there are several organizations"), "{error}");
        let toml = world.provider.toml("allowed_domains = [\"example.com\"]\norganization = \"Other\"");
        std::fs::write(world.server.data().join("factotum.toml"), toml).unwrap();
        world.server.resume().unwrap();
        let me = world.logged_in("ann").get("/api/v1/me").expect(200);
        assert_eq!(me["org_name"], "Other");
    }
}
