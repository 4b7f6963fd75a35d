//! Attacks on log-in by OpenID Connect: on the way there and back at the certified provider, and by a provider that lies.

use factotum_tests::identity_provider::Script;
use factotum_tests::{Browser, on_both_backends};
use serde_json::json;

use crate::oidc::{FLOW, SESSION, World};

fn with_ann(backend: factotum_tests::Backend) -> World {
    let mut world = World::new(backend, Script::Certified, &json!({}));
    world.provider.account("ann", "ann@example.com", true).unwrap();
    world
}

fn refused(browser: &Browser, url: &str) {
    browser.get(url).expect_problem(403, "denied");
    assert_eq!(browser.cookie(SESSION), None);
}

fn parameter(url: &str, name: &str) -> String {
    let (_, rest) = url.split_once(&format!("{name}=")).unwrap();
    rest.split('&').next().unwrap().to_owned()
}

on_both_backends! {
    fn an_answer_counts_once_in_the_browser_that_asked(backend: Backend) {
        let world = with_ann(backend);
        // Another browser: one without the cookie, one with a log-in of its own.
        let (ann, other) = (world.browser(), world.browser());
        let back = world.go(&ann, "ann");
        refused(&world.browser(), &back);
        refused(&ann, &back);
        let back = world.go(&ann, "ann");
        world.go(&other, "ann");
        refused(&other, &back);
        // A replay, also of a log-in that succeeded.
        let back = world.go(&ann, "ann");
        let flow = ann.cookie(FLOW).unwrap();
        ann.get(&back).expect(303);
        let replay = world.browser();
        replay.set_cookie(FLOW, &flow);
        refused(&replay, &back);
        // A state of one's own, none, one of another log-in with this code; no code; a made-up code.
        let back = world.go(&other, "ann");
        let (state, code) = (parameter(&back, "state"), parameter(&back, "code"));
        let issuer = world.provider.issuer();
        let callback = |query: &str| format!("/api/v1/oidc/callback?{query}");
        refused(&other, &callback(&format!("code={code}&iss={issuer}")));
        refused(&other, &callback(&format!("code={code}&iss={issuer}&state=x")));
        refused(&other, &callback(&format!("code={code}&iss={issuer}&state={}", "A".repeat(43))));
        refused(&other, &callback(&format!("state={state}&iss={issuer}")));
        refused(&other, &callback(&format!("code={code}&iss={issuer}&state={state}")));
        let back = world.go(&other, "ann");
        refused(&other, &back.replace(&parameter(&back, "code"), "made-up"));
        // The code of one log-in in another one of the same browser: PKCE.
        let stolen = parameter(&world.go(&world.browser(), "ann"), "code");
        let back = world.go(&other, "ann");
        refused(&other, &back.replace(&parameter(&back, "code"), &stolen));
        // After all of this it still works.
        world.log_in(&other, "ann").expect(303);
    }

    fn an_answer_of_another_issuer_is_not_taken(backend: Backend) {
        let world = with_ann(backend);
        let browser = world.browser();
        let back = world.go(&browser, "ann");
        let own = parameter(&back, "iss");
        refused(&browser, &back.replace(&own, "https%3A%2F%2Fevil.example"));
        // The provider says of itself that it names itself.
        let back = world.go(&browser, "ann");
        refused(&browser, &back.replace(&format!("&iss={own}"), ""));
        // The provider's own no.
        let back = world.go(&browser, "ann");
        let state = parameter(&back, "state");
        refused(&browser, &format!("/api/v1/oidc/callback?error=access_denied&state={state}&iss={own}"));
    }

    fn a_log_in_leads_to_a_path_of_this_server(backend: Backend) {
        let world = with_ann(backend);
        for evil in ["https://evil.example", "//evil.example", "/%5Cevil.example", "/%09/evil.example", "%0d%0aX:y", "javascript:x"] {
            let answer = world.browser().get(&format!("/api/v1/oidc/start?return_to={evil}"));
            let problem = answer.expect_problem(422, "invalid_field");
            assert_eq!(problem["field"], "return_to");
        }
        let browser = world.logged_in("ann");
        let link = json!({"return_to": "//evil.example"});
        browser.post("/api/v1/me/identities/link", &link).expect_problem(422, "invalid_field");
        // What a callback is told beside is of no matter.
        let back = world.go(&browser, "ann");
        let answer = browser.get(&format!("{back}&return_to=https://evil.example"));
        assert_eq!(answer.header("location"), Some("/runs?state=dead"));
    }

    fn a_session_that_was_there_before_is_not_taken_over(backend: Backend) {
        let world = with_ann(backend);
        let planted = "A".repeat(43);
        let browser = world.browser();
        browser.set_cookie(SESSION, &planted);
        world.log_in(&browser, "ann").expect(303);
        assert_ne!(browser.cookie(SESSION).as_deref(), Some(planted.as_str()));
        let attacker = world.browser();
        attacker.set_cookie(SESSION, &planted);
        attacker.get("/api/v1/me").expect_problem(401, "unauthenticated");
    }

    fn a_provider_that_lies_is_not_believed(backend: Backend) {
        let sound = json!({"sub": "mallory", "email": "mallory@example.com", "email_verified": true});
        let world = World::new(backend, Script::Hostile, &json!({"claims": sound}));
        let lies = [
            ("another log-in", json!({"claims": {"nonce": "another"}})),
            ("another log-in", json!({"claims": {"nonce": null}})),
            ("another issuer", json!({"claims": {"iss": "https://id.example.com"}})),
            ("another client", json!({"claims": {"aud": "somebody-else"}})),
            ("another client", json!({"claims": {"aud": ["factotum", "somebody-else"]}})),
            ("given to another client", json!({"claims": {"azp": "somebody-else"}})),
            ("given to another client", json!({"claims": {"aud": ["factotum", "factotum"], "azp": "somebody-else"}})),
            ("for whom of them", json!({"claims": {"aud": ["factotum", "factotum"]}})),
            ("not of now", json!({"claims": {"exp_in": -120}})),
            ("not of now", json!({"claims": {"iat_in": -3_600}})),
            ("not of now", json!({"claims": {"iat_in": 3_600, "exp_in": 7_200}})),
            ("names nobody", json!({"claims": {"sub": ""}})),
            ("names nobody", json!({"claims": {"sub": "x".repeat(300)}})),
            ("names nobody", json!({"claims": {"sub": "line\nfeed"}})),
            ("belong together", json!({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}})),
            ("not signed", json!({"tamper": {"sub": "admin", "email": "boss@example.com"}})),
            ("not signed", json!({"alg": "none"})),
            ("cannot be read", json!({"alg": "none", "header": {"alg": "NONE"}})),
            ("not signed", json!({"alg": "HS256"})),
            ("not signed", json!({"alg": "HS256", "signer": "client-secret"})),
            ("not signed", json!({"alg": "HS256", "header": {"kid": "RS256-0"}})),
            ("not signed", json!({"alg": "PS256"})),
            ("does not publish", json!({"alg": "RS256", "header": {"alg": "ES256"}})),
            ("not signed", json!({"signer": "stranger"})),
            ("cannot be read", json!({"header": {"crit": ["exp"]}})),
            ("does not publish", json!({"header": {"kid": "ES256-7"}})),
            ("another identity provider", json!({"answer": {"iss": "https://id.example.com"}})),
        ];
        for (reason, lie) in &lies {
            world.provider.tell(lie).unwrap();
            let browser = world.browser();
            let answer = world.log_in(&browser, "mallory");
            assert_eq!((answer.status, browser.cookie(SESSION)), (403, None), "{lie}: {}", answer.text());
            let words = answer.text();
            assert!(words.contains(reason), "{lie}: {words}");
            assert!(!words.contains("secret") && !words.contains("eyJ"), "{lie}: {words}");
        }
        assert_eq!(world.server.api().all("/api/v1/members").len(), 1, "nobody joined");
        // It was the lies: each allowed algorithm alone passes, and each time it is the same person.
        let mut accounts = Vec::new();
        for alg in ["RS256", "ES256", "EdDSA"] {
            world.provider.tell(&json!({"alg": alg})).unwrap();
            accounts.push(world.logged_in("mallory").get("/api/v1/me").expect(200)["id"].clone());
        }
        assert!(accounts.windows(2).all(|two| two[0] == two[1]), "{accounts:?}");
    }

    fn new_keys_are_read_but_not_at_every_invented_key_id(backend: Backend) {
        let sound = json!({"sub": "mallory", "email": "mallory@example.com", "email_verified": true});
        let world = World::new(backend, Script::Hostile, &json!({"claims": sound}));
        world.logged_in("mallory");
        assert_eq!((world.provider.asked("/.well-known/openid-configuration"), world.provider.asked("/jwks")), (1, 1));
        world.provider.tell(&json!({"generation": 1})).unwrap();
        world.logged_in("mallory");
        assert_eq!(world.provider.asked("/jwks"), 2, "a new key, so they are read again");
        for generation in 2..7 {
            world.provider.tell(&json!({"generation": generation, "published": 1})).unwrap();
            world.refused("mallory");
        }
        let (known, keys) = (world.provider.asked("/.well-known/openid-configuration"), world.provider.asked("/jwks"));
        assert!(known == 1 && keys <= 3, "{known} and {keys} requests");
    }

    fn what_is_not_in_the_token_is_asked_of_the_same_person(backend: Backend) {
        let told = |sub: &str| json!({"userinfo": {"sub": sub, "email": "mallory@example.com", "email_verified": true}});
        let world = World::new(backend, Script::Hostile, &told("mallory"));
        world.provider.tell(&told("somebody else")).unwrap();
        world.refused("mallory");
        world.provider.tell(&json!({})).unwrap();
        world.logged_in("mallory");
    }

    fn a_provider_under_another_name_is_not_used(backend: Backend) {
        let world = World::new(backend, Script::Hostile, &json!({"discovery": {"issuer": "https://id.example.com"}}));
        for _ in 0..3 {
            world.browser().get("/api/v1/oidc/start").expect_problem(503, "unavailable");
        }
        assert_eq!(world.provider.asked("/.well-known/openid-configuration"), 1, "it is left alone for a while");
        assert!(world.server.log().contains("the identity provider cannot be used"));
    }

    fn an_answer_without_end_is_not_read_to_its_end(backend: Backend) {
        let world = World::new(backend, Script::Hostile, &json!({"token_bytes": 64 << 20}));
        let browser = world.browser();
        world.log_in(&browser, "mallory").expect_problem(503, "unavailable");
        assert!(world.server.log().contains("262144 bytes"), "{}", world.server.log());
    }

    fn a_provider_does_not_send_the_secret_elsewhere(backend: Backend) {
        let elsewhere = factotum_tests::receiver::Receiver::start().unwrap();
        let sound = json!({"sub": "mallory", "email": "mallory@example.com", "email_verified": true});
        let config = json!({"claims": sound, "token_redirect": elsewhere.base()});
        let world = World::new(backend, Script::Hostile, &config);
        world.refused("mallory");
        assert!(elsewhere.received().is_empty(), "a redirect was followed");
        let unsafe_endpoint = json!({"discovery": {"authorization_endpoint": "http://id.example.com/auth"}});
        let world = World::new(backend, Script::Hostile, &unsafe_endpoint);
        world.browser().get("/api/v1/oidc/start").expect_problem(503, "unavailable");
    }

    fn log_ins_of_one_address_are_limited(backend: Backend) {
        let world = with_ann(backend);
        let browser = world.browser();
        let mut statuses: Vec<u16> = (0..140).map(|_| browser.get("/api/v1/oidc/start").status).collect();
        statuses.dedup();
        assert_eq!(statuses, [303, 429]);
        let answer = browser.get("/api/v1/oidc/callback?state=x");
        answer.expect_problem(429, "rate_limited");
        assert!(answer.header("retry-after").is_some());
    }
}
