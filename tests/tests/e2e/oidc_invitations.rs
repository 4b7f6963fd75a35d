//! Invitations taken up at the identity provider. What must hold: it takes the link and the verified address both, in one browser; nobody who
//! is known here becomes somebody else's by their address; each refusal is on the record.

use factotum_tests::identity_provider::Script;
use factotum_tests::{Answer, Browser, IdentityProvider, Server, Settings, on_both_backends};
use serde_json::{Value, json};

use crate::invitations::{joined, token};
use crate::ledger::text;
use crate::oidc::{SESSION, World};

const ACCEPT: &str = "/api/v1/invitations/accept/oidc";

impl World {
    fn invite(&self, email: &str, role: &str) -> Value {
        let asked = json!({"email": email, "roles": [role]});
        self.server.api().post("/api/v1/members/invitations", &asked).expect(201)
    }

    /// Begins to take an invitation up, and does what is to be done at the provider; the URL to come back with.
    fn take(&self, browser: &Browser, invitation: &Value, subject: &str) -> String {
        let asked = json!({"token": token(invitation), "return_to": "/runs"});
        let go = browser.post(ACCEPT, &asked).expect(200);
        self.provider.visit(go["url"].as_str().unwrap(), subject).unwrap()
    }

    fn taken(&self, browser: &Browser, invitation: &Value, subject: &str) -> Answer {
        browser.get(&self.take(browser, invitation, subject))
    }

    /// That this answer refuses, lets nobody in, and stands in the trail.
    fn on_record(&self, browser: &Browser, answer: &Answer, status: u16, code: &str) -> String {
        let problem = answer.expect_problem(status, code);
        assert_eq!(browser.cookie(SESSION), None);
        let denied = self.trail("outcome=denied&action=invitation.accept");
        let found = denied.iter().find(|e| e["request_id"] == problem["request_id"]);
        assert!(
            found.is_some_and(|e| e["targets"][0]["type"] == "invitation"),
            "{problem} left no entry: {denied:?}"
        );
        text(&problem["detail"])
    }

    /// That an invitation is refused to whoever this is at the provider; the reason.
    fn not_taken(&self, invitation: &Value, subject: &str) -> String {
        let browser = self.browser();
        let answer = self.taken(&browser, invitation, subject);
        self.on_record(&browser, &answer, 403, "denied")
    }
}

on_both_backends! {
    fn who_only_logs_in_at_the_provider_comes_back_when_invited_again(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        world.provider.account("ann", "Ann@Example.com", true).unwrap();
        let first = world.logged_in("ann").get("/api/v1/me").expect(200);
        world.server.api().delete(&format!("/api/v1/members/{}", text(&first["id"]))).expect(204);
        world.refused_as("ann", &text(&first["id"]), "session.begin");

        let invitation = world.invite("ann@example.com", "Editor");
        let browser = world.browser();
        let answer = world.taken(&browser, &invitation, "ann");
        assert_eq!((answer.status, answer.header("location")), (303, Some("/runs")), "{}", answer.text());
        let me = browser.get("/api/v1/me").expect(200);
        assert_ne!(me["id"], first["id"]);
        assert_eq!(me["name"], "ann@example.com");
        let member = world.server.api().get(&format!("/api/v1/members/{}", text(&me["id"]))).expect(200);
        assert_eq!((&member["roles"], &member["email"]), (&json!(["Editor"]), &json!("ann@example.com")));
        let accepted = world.trail("action=invitation.accept&outcome=ok");
        assert_eq!((accepted.len(), &accepted[0]["actor"]["id"], &accepted[0]["targets"][1]["id"]), (1, &me["id"], &invitation["id"]));
        assert!(accepted[0]["session_id"].is_string() && accepted[0]["change"]["after"].get("identity").is_none(), "{}", accepted[0]);
        // One identity, one person: logging in leads to the same account.
        let identities = browser.get("/api/v1/me/identities").expect(200);
        assert_eq!(identities["items"].as_array().unwrap().len(), 1);
        assert_eq!(world.logged_in("ann").get("/api/v1/me").expect(200)["id"], me["id"]);
        // The link is used up, for either way.
        let late = json!({"token": token(&invitation), "name": "Eve"});
        world.browser().post(ACCEPT, &late).expect_problem(403, "denied");
        world.browser().post("/api/v1/invitations/accept", &late).expect_problem(403, "denied");
        let (log, trail) = (world.server.log(), Value::from(world.trail("")).to_string());
        assert!(!log.contains(&token(&invitation)) && !trail.contains(&token(&invitation)));
    }

    fn who_is_new_joins_with_what_the_invitation_gives(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        // Of a domain whose people do not join by themselves: the invitation lets this one in.
        world.provider.account("zoe", "zoe@elsewhere.example", true).unwrap();
        world.refused("zoe");
        let invitation = world.invite("zoe@elsewhere.example", "Editor");
        world.refused("zoe");
        let browser = world.browser();
        let go = browser.post(ACCEPT, &json!({"token": token(&invitation), "name": "Zoë"})).expect(200);
        let back = world.provider.visit(go["url"].as_str().unwrap(), "zoe").unwrap();
        let answer = browser.get(&back);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{}", answer.text());
        let me = browser.get("/api/v1/me").expect(200);
        assert_eq!(me["name"], "Zoë");
        let identities = browser.get("/api/v1/me/identities").expect(200);
        let accepted = world.trail("action=invitation.accept&outcome=ok");
        assert_eq!(accepted[0]["change"]["after"]["identity"], identities["items"][0]["id"]);
        assert_eq!(accepted[0]["change"]["after"]["roles"], json!(["Editor"]));
        assert_eq!(world.logged_in("zoe").get("/api/v1/me").expect(200)["id"], me["id"]);
        // Neither a password nor a way to set one has come of it.
        world.browser().log_in("zoe@elsewhere.example", "").expect_problem(401, "log_in_failed");
        assert!(world.server.api().all("/api/v1/members/invitations").is_empty());
    }

    fn the_link_without_the_address_opens_nothing(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        let (_, key) = world.server.api().mint("robot@example.com", &["runs:read"]);
        for (subject, email, verified) in [
            ("unverified", "new@example.com", false),
            ("other", "other@example.com", true),
            ("like", "new@example.com.evil.example", true),
            ("member", "member@example.com", true),
            (key["service_account"]["id"].as_str().unwrap(), "new@example.com", true),
            ("Service Account", "new@example.com", true),
        ] {
            world.provider.account(subject, email, verified).unwrap();
        }
        world.logged_in("member");
        let members = world.server.api().all("/api/v1/members").len();
        let invitation = world.invite("new@example.com", "Admin");
        assert!(world.not_taken(&invitation, "unverified").contains("not verified"));
        for subject in ["other", "like", "member"] {
            assert!(world.not_taken(&invitation, subject).contains("another e-mail address"), "{subject}");
        }
        for subject in [key["service_account"]["id"].as_str().unwrap(), "Service Account"] {
            assert!(world.not_taken(&invitation, subject).contains("service account"), "{subject}");
        }
        // A member whose address at the provider has become the invited one.
        world.provider.account("member", "new@example.com", true).unwrap();
        let browser = world.browser();
        let answer = world.taken(&browser, &invitation, "member");
        world.on_record(&browser, &answer, 409, "conflict");
        // A plain log-in with the invited address takes nothing up.
        world.provider.account("new", "new@example.com", true).unwrap();
        let plain = world.logged_in("new").get("/api/v1/me").expect(200);
        assert!(!plain["grants"].to_string().contains("*:*"));
        assert_eq!(world.server.api().all("/api/v1/members").len(), members + 1);
        assert!(world.trail("action=invitation.accept&outcome=ok").is_empty());
        assert_eq!(world.server.api().all("/api/v1/members/invitations").len(), 1);
    }

    fn the_address_of_somebody_known_does_not_make_one_them(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        let (cat, id) = joined(&world.server, "cat@example.com", &["Viewer"]);
        world.server.api().delete(&format!("/api/v1/members/{id}")).expect(204);
        cat.get("/api/v1/me").expect_problem(401, "unauthenticated");
        let invitation = world.invite("cat@example.com", "Editor");
        // An identity that nobody has, and one that is Bob's, each with Cat's verified address.
        world.provider.account("bob", "bob@example.com", true).unwrap();
        world.logged_in("bob");
        for subject in ["nobodys", "bob"] {
            world.provider.account(subject, "cat@example.com", true).unwrap();
            assert!(world.not_taken(&invitation, subject).contains("somebody who is known here"), "{subject}");
        }
        // Cat comes in as ever, and only Cat.
        let asked = json!({"token": token(&invitation), "password": "seven grey herons on a wire"});
        cat.post("/api/v1/invitations/accept", &asked).expect(201);
        assert!(cat.get("/api/v1/me/identities").expect(200)["items"].as_array().unwrap().is_empty());
        let bob = world.logged_in("bob").get("/api/v1/me").expect(200);
        assert_eq!(bob["name"], "bob@example.com");
    }

    fn an_invitation_is_bound_to_the_browser_and_counts_once(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        world.provider.account("ann", "ann@example.com", true).unwrap();
        let invitation = world.invite("ann@example.com", "Viewer");
        // Ann's answer in another browser; then it has served in hers.
        let (ann, eve) = (world.browser(), world.browser());
        let back = world.take(&ann, &invitation, "ann");
        world.take(&eve, &invitation, "ann");
        for browser in [&eve, &ann] {
            browser.get(&back).expect_problem(403, "denied");
            assert_eq!(browser.cookie(SESSION), None);
        }
        // Another site's page begins nothing; nor does a token that is none, or a way out.
        let asked = json!({"token": token(&invitation)}).to_string();
        let headers = [("sec-fetch-site", "cross-site"), ("content-type", "application/json")];
        world.server.stranger().send("POST", ACCEPT, &headers, asked.as_bytes()).unwrap().expect_problem(403, "denied");
        for no_token in ["", "x", &"A".repeat(43)] {
            ann.post(ACCEPT, &json!({"token": no_token})).expect_problem(403, "denied");
        }
        let out = json!({"token": token(&invitation), "return_to": "//evil.example"});
        ann.post(ACCEPT, &out).expect_problem(422, "invalid_field");
        let name = json!({"token": token(&invitation), "name": "Sеrvice Account"});
        ann.post(ACCEPT, &name).expect_problem(422, "invalid_field");
        // Many times at once it counts once.
        let backs: Vec<_> = (0..4).map(|_| { let browser = world.browser(); let back = world.take(&browser, &invitation, "ann"); (browser, back) }).collect();
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let come = |(browser, back): (Browser, String)| move || browser.get(&back).status;
            let threads: Vec<_> = backs.into_iter().map(|back| scope.spawn(come(back))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        statuses.sort_unstable();
        assert!(statuses[0] == 303 && statuses[1..].iter().all(|s| matches!(s, 403 | 409)), "{statuses:?}");
        assert_eq!(world.trail("action=invitation.accept&outcome=ok").len(), 1);
    }

    fn what_changes_while_the_browser_is_away_counts(backend: Backend) {
        let mut world = World::new(backend, Script::Certified, &json!({}));
        for subject in ["ann", "bob"] {
            world.provider.account(subject, &format!("{subject}@example.com"), true).unwrap();
        }
        // Withdrawn meanwhile: nobody's record is left to put it on.
        let invitation = world.invite("ann@example.com", "Viewer");
        let ann = world.browser();
        let back = world.take(&ann, &invitation, "ann");
        let path = format!("/api/v1/members/invitations/{}", text(&invitation["id"]));
        world.server.api().delete(&path).expect(204);
        ann.get(&back).expect_problem(403, "denied");
        // The inviter removed meanwhile.
        let (boss, id) = joined(&world.server, "boss@example.com", &["Admin"]);
        let asked = json!({"email": "bob@example.com", "roles": ["Editor"]});
        let invitation = boss.post("/api/v1/members/invitations", &asked).expect(201);
        let bob = world.browser();
        let back = world.take(&bob, &invitation, "bob");
        world.server.api().delete(&format!("/api/v1/members/{id}")).expect(204);
        let why = world.on_record(&bob, &bob.get(&back), 403, "denied");
        assert!(why.contains("whoever invited you"), "{why}");
        assert_eq!(world.server.api().all("/api/v1/members").len(), 1);
    }

    fn the_provider_vouches_for_its_own_organization(backend: Backend) {
        let mut provider = IdentityProvider::start(Script::Certified, &json!({})).unwrap();
        provider.account("ann", "ann@example.com", true).unwrap();
        let settings = Settings { port: Some(provider.server_port()), ..Settings::on(backend).unwrap() };
        let toml = provider.toml("allowed_domains = [\"example.com\"]\norganization = \"Test\"");
        let server = Server::launch(settings.toml(&toml)).unwrap();
        let theirs = server.api().with_key(&server.bootstrap("Other", "boss@other.example").unwrap());
        let invitation = theirs.post("/api/v1/members/invitations", &json!({"email": "ann@example.com", "roles": ["Admin"]})).expect(201);
        let problem = Browser::at(server.base()).post(ACCEPT, &json!({"token": token(&invitation)})).expect_problem(403, "denied");
        let denied = theirs.audit("outcome=denied&action=invitation.accept");
        assert!(denied.iter().any(|e| e["request_id"] == problem["request_id"]), "{denied:?}");
        // Without a provider there is no such way.
        let without = Server::start(backend);
        without.stranger().post(ACCEPT, &json!({"token": "x"})).expect_problem(404, "not_found");
    }
}
