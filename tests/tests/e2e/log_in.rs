//! Logging in and out, as a browser does it.

use factotum_tests::browser::PASSWORD;
use factotum_tests::{Answer, Browser, Server, on_both_backends, wait_until};
use serde_json::{Value, json};

const ADMIN: &str = "admin@example.com";

/// How many passwords the server has hashed so far.
fn hashes(server: &Server) -> u64 {
    let text = server.stranger().get("/metrics").text();
    let line =
        text.lines().find_map(|l| l.strip_prefix("factotum_password_hashes_total ")).map(str::to_owned);
    line.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no count of hashes in {text}"))
}

/// What an answer is apart from its request: status, headers and body.
fn bare(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.json();
    body["request_id"] = Value::Null;
    let own = |name: &str| matches!(name, "x-request-id" | "date");
    let headers = answer.headers.iter().filter(|(name, _)| !own(name)).cloned().collect();
    (answer.status, headers, body)
}

on_both_backends! {
    fn a_person_logs_in_works_and_logs_out(backend: Backend) {
        let server = Server::start(backend);
        let browser = Browser::at(server.base());
        browser.get("/api/v1/me").expect_problem(401, "unauthenticated");
        let answer = browser.log_in(" Admin@Example.com", PASSWORD);
        let body = answer.expect(200);
        let cookie = answer.header("set-cookie").unwrap();
        for part in ["__Host-factotum=", "Path=/", "Max-Age=", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(part), "no {part} in the cookie");
        }
        assert!(!answer.text().contains(&browser.token().unwrap()), "the token is in the cookie alone");
        assert_eq!(body["account"]["kind"], "member");
        assert_eq!(body["org"]["name"], "Test");
        assert_eq!(body["organizations"], json!([body["org"]]));
        let me = browser.get("/api/v1/me").expect(200);
        assert_eq!((&me["id"], &me["kind"], &me["grants"]), (&body["account"]["id"], &json!("member"), &json!(["*:*"])));
        assert_eq!(browser.get("/api/v1/session").expect(200), body);
        browser.put("/api/v1/secrets/s", &json!({"value": "v"})).expect(201);

        let token = browser.token().unwrap();
        browser.delete("/api/v1/session").expect(204);
        assert_eq!(browser.token(), None, "the cookie is taken away");
        browser.plant(&token);
        browser.get("/api/v1/me").expect_problem(401, "unauthenticated");
        let account = me["id"].as_str().unwrap();
        let entries = server.api().audit(&format!("account={account}"));
        for action in ["session.begin", "secret.create", "session.end"] {
            let entry = entries.iter().find(|e| e["action"] == action && e["outcome"] == "ok");
            let entry = entry.unwrap_or_else(|| panic!("no {action} in {entries:?}"));
            assert_eq!((&entry["actor"]["kind"], &entry["initiator"]["kind"]), (&json!("member"), &json!("member")));
            assert!(entry["session_id"].is_string() && !entry.to_string().contains(&token), "{entry}");
        }
    }

    fn whatever_is_wrong_the_answer_and_the_work_are_the_same(backend: Backend) {
        let server = Server::start(backend);
        let (secret, _) = server.api().mint("robot", &["*:*"]);
        let browser = Browser::at(server.base());
        let tries = [
            (ADMIN, "a wrong password of some length"),
            ("nobody@example.com", PASSWORD),
            ("not an address\u{0}", PASSWORD),
            ("", ""),
            // I11: a service account logs in by no name and no secret.
            ("robot", secret.as_str()),
            ("Service Account", PASSWORD),
            (ADMIN, secret.as_str()),
            (ADMIN, &"x".repeat(2_000)),
        ];
        let mut first = None;
        for (email, password) in tries {
            let before = hashes(&server);
            let answer = browser.log_in(email, password);
            answer.expect_problem(401, "log_in_failed");
            assert_eq!(hashes(&server) - before, 1, "one hash for {email:?}");
            assert_eq!(browser.token(), None);
            assert_eq!(*first.get_or_insert_with(|| bare(&answer)), bare(&answer), "{email:?}");
        }
        let denied = server.api().audit("outcome=denied");
        assert_eq!(denied.len(), 3, "those of the known member: {denied:?}");
        for entry in denied {
            assert_eq!((&entry["action"], &entry["actor"]["name"]), (&json!("session.begin"), &json!(ADMIN)));
            assert!(entry["reason"].as_str().unwrap().starts_with("log_in_failed"), "{entry}");
        }
        assert!(!server.log().contains(PASSWORD) && !server.log().contains(&secret));
    }

    fn guessing_is_slowed_down_for_known_and_unknown_addresses_alike(backend: Backend) {
        let server = Server::start_with(backend, "[proxy]\ntrusted = [\"127.0.0.1\"]\n");
        let at = |address: &str| Browser::at(server.base()).with("x-forwarded-for", address);
        let tries = |email: &str, address: &str| {
            let browser = at(address);
            (0..12).map(|_| browser.log_in(email, "a guess of fifteen")).find(|a| a.status != 401)
        };
        let home = at("192.0.2.1");
        home.log_in(ADMIN, PASSWORD).expect(200);
        let mut limited = Vec::new();
        for (email, address) in [(ADMIN, "192.0.2.2"), ("nobody@example.com", "192.0.2.3")] {
            let answer = tries(email, address).unwrap_or_else(|| panic!("{email} is never slowed down"));
            answer.expect_problem(429, "rate_limited");
            let wait = answer.header("retry-after").and_then(|s| s.parse::<u32>().ok());
            assert!(wait.is_some_and(|s| (1..=60).contains(&s)), "{:?}", answer.headers);
            limited.push(answer.status);
        }
        assert_eq!(limited, [429, 429]);
        // Elsewhere the person gets in, and so they do at home while many others guess from many places.
        at("192.0.2.4").log_in(ADMIN, PASSWORD).expect(200);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || (0..12).for_each(|n| {
                    at(&format!("198.51.100.{}", thread * 12 + n)).log_in(ADMIN, "a guess of fifteen");
                }));
            }
        });
        at("198.51.100.200").log_in(ADMIN, PASSWORD).expect_problem(429, "rate_limited");
        home.log_in(ADMIN, PASSWORD).expect(200);
    }

    fn a_session_is_never_one_that_the_browser_brought(backend: Backend) {
        let server = Server::start(backend);
        let planted = "A".repeat(43);
        let browser = Browser::at(server.base());
        browser.plant(&planted);
        browser.log_in(ADMIN, PASSWORD).expect(200);
        let first = browser.token().unwrap();
        assert_ne!(first, planted);
        let attacker = Browser::at(server.base());
        attacker.plant(&planted);
        attacker.get("/api/v1/me").expect_problem(401, "unauthenticated");
        // The same browser again: a fresh token, and the old one ends.
        browser.log_in(ADMIN, PASSWORD).expect(200);
        assert_ne!(browser.token().unwrap(), first);
        attacker.plant(&first);
        attacker.get("/api/v1/me").expect_problem(401, "unauthenticated");
        assert_eq!(browser.get("/api/v1/me/sessions").expect(200)["items"].as_array().unwrap().len(), 1);
    }

    fn a_session_ends_by_itself(backend: Backend) {
        let server = Server::start_with(backend, "[limits]\nsession_s = 3\n");
        let browser = Browser::of(&server, ADMIN);
        wait_until("the session to expire", || (browser.get("/api/v1/me").status != 200).then_some(()));
        browser.get("/api/v1/me").expect_problem(401, "unauthenticated");
        browser.post("/api/v1/org/suspend", &json!({})).expect_problem(401, "unauthenticated");
    }

    fn a_person_sees_and_ends_their_own_sessions_and_no_others(backend: Backend) {
        let server = Server::start(backend);
        server.bootstrap("Other", "eve@example.com").unwrap();
        let (one, two, three) =
            (Browser::of(&server, ADMIN), Browser::of(&server, ADMIN), Browser::of(&server, ADMIN));
        let eve = Browser::of(&server, "eve@example.com");
        let listed = one.get("/api/v1/me/sessions").expect(200);
        let items = listed["items"].as_array().unwrap();
        assert_eq!(items.len(), 3, "{listed}");
        let current: Vec<_> = items.iter().filter(|s| s["current"] == true).collect();
        assert_eq!(current.len(), 1);
        assert_eq!((&current[0]["method"], &current[0]["last_seen_from"]), (&json!("password"), &json!("127.0.0.1")));
        let of = |browser: &Browser| {
            let listed = browser.get("/api/v1/me/sessions").expect(200);
            let own = listed["items"].as_array().unwrap().iter().find(|s| s["current"] == true).cloned();
            own.unwrap()["id"].as_str().unwrap().to_owned()
        };
        let path = format!("/api/v1/me/sessions/{}", of(&two));
        eve.delete(&path).expect_problem(404, "not_found");
        eve.delete("/api/v1/me/sessions/nonsense").expect_problem(404, "not_found");
        two.get("/api/v1/me").expect(200);
        one.delete(&path).expect(204);
        two.get("/api/v1/me").expect_problem(401, "unauthenticated");
        one.delete("/api/v1/me/sessions").expect(204);
        three.get("/api/v1/me").expect_problem(401, "unauthenticated");
        one.get("/api/v1/me").expect(200);
        eve.get("/api/v1/me").expect(200);
    }

    fn another_sites_page_can_neither_log_in_nor_use_a_session(backend: Backend) {
        let server = Server::start(backend);
        let browser = Browser::of(&server, ADMIN);
        let cookie = format!("__Host-factotum={}", browser.token().unwrap());
        let stranger = server.stranger();
        let body = json!({"email": ADMIN, "password": PASSWORD}).to_string();
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""] {
            let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
            let answer = stranger.send("POST", "/api/v1/session", headers, body.as_bytes()).unwrap();
            answer.expect_problem(415, "unsupported_media_type");
            assert_eq!(answer.header("set-cookie"), None);
        }
        let json_type = ("content-type", "application/json");
        let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "null")];
        for header in foreign {
            let log_in = stranger.send("POST", "/api/v1/session", &[json_type, header], body.as_bytes()).unwrap();
            log_in.expect_problem(403, "denied");
            assert_eq!(log_in.header("set-cookie"), None);
            for path in ["/api/v1/session/org", "/api/v1/org/suspend", "/api/v1/me/totp"] {
                let headers = [json_type, header, ("cookie", cookie.as_str())];
                stranger.send("POST", path, &headers, b"{}").unwrap().expect_problem(403, "denied");
            }
        }
        // No word of where it comes from: a form of an old browser, or a program that should use a key.
        let headers = [json_type, ("cookie", cookie.as_str())];
        stranger.send("DELETE", "/api/v1/session", &headers, b"").unwrap().expect_problem(403, "denied");
        browser.get("/api/v1/me").expect(200);
        let denied = server.api().audit("outcome=denied&action=session.use");
        assert!(denied.iter().any(|e| e["actor"]["kind"] == "member"), "{denied:?}");
        // A program that states no origin logs in all the same.
        stranger.post("/api/v1/session", &json!({"email": ADMIN, "password": PASSWORD})).expect(200);
    }

    fn a_bearer_request_ignores_the_cookie(backend: Backend) {
        let server = Server::start(backend);
        let browser = Browser::of(&server, ADMIN);
        let cookie = format!("__Host-factotum={}", browser.token().unwrap());
        let (secret, made) = server.api().mint("robot", &["runs:read"]);
        let key = server.stranger().with_key(&secret);
        let me = key.send("GET", "/api/v1/me", &[("cookie", &cookie)], b"").unwrap().expect(200);
        assert_eq!(me["id"], made["service_account"]["id"]);
        key.send("GET", "/api/v1/members", &[("cookie", &cookie)], b"").unwrap().expect_problem(403, "denied");
        let wrong = server.stranger().with_key("fct_wrong");
        wrong.send("GET", "/api/v1/me", &[("cookie", &cookie)], b"").unwrap().expect_problem(401, "unauthenticated");
        let two = format!("{cookie}; {cookie}");
        server.stranger().send("GET", "/api/v1/me", &[("cookie", &two)], b"").unwrap().expect_problem(401, "unauthenticated");
    }

    fn a_key_has_nothing_that_is_a_persons_own(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let totp = json!({"password": PASSWORD, "code": "000000"});
        let tries = [
            ("GET", "/api/v1/session", Value::Null),
            ("DELETE", "/api/v1/session", Value::Null),
            ("POST", "/api/v1/session/org", json!({"org": "org_0"})),
            ("GET", "/api/v1/me/sessions", Value::Null),
            ("DELETE", "/api/v1/me/sessions", Value::Null),
            ("DELETE", "/api/v1/me/sessions/ses_0", Value::Null),
            ("PUT", "/api/v1/me/password", json!({"current": PASSWORD, "new": PASSWORD})),
            ("POST", "/api/v1/me/totp", json!({"password": PASSWORD})),
            ("POST", "/api/v1/me/totp/confirm", json!({"code": "000000"})),
            ("POST", "/api/v1/me/totp/recovery-codes", totp.clone()),
            ("DELETE", "/api/v1/me/totp", totp),
        ];
        for (method, path, body) in tries {
            let text = if body.is_null() { String::new() } else { body.to_string() };
            let answer = admin.send(method, path, &[("content-type", "application/json")], text.as_bytes()).unwrap();
            let problem = answer.expect_problem(403, "denied");
            let denied = admin.audit("outcome=denied");
            assert!(denied.iter().any(|e| e["request_id"] == problem["request_id"]), "{method} {path} is not on the record");
        }
    }

    fn a_member_of_two_organizations_chooses_and_goes_over(backend: Backend) {
        let server = Server::start(backend);
        server.bootstrap("Other", ADMIN).unwrap();
        server.bootstrap("Foreign", "eve@example.com").unwrap();
        let eve = Browser::of(&server, "eve@example.com").get("/api/v1/session").expect(200);
        let foreign = eve["org"]["id"].clone();
        let browser = Browser::of(&server, ADMIN);
        let here = browser.get("/api/v1/session").expect(200);
        assert_eq!(here["org"]["name"], "Test", "the one joined first");
        let names: Vec<_> = here["organizations"].as_array().unwrap().iter().map(|o| o["name"].clone()).collect();
        assert_eq!(names, ["Test", "Other"]);
        let other = here["organizations"][1]["id"].clone();
        for wrong in [&foreign, &json!("nonsense")] {
            browser.post("/api/v1/session/org", &json!({"org": wrong})).expect_problem(404, "not_found");
        }
        let old = browser.token().unwrap();
        let there = browser.post("/api/v1/session/org", &json!({"org": other})).expect(200);
        assert_eq!((&there["org"]["name"], &there["expires_at"]), (&json!("Other"), &here["expires_at"]));
        assert_eq!(browser.get("/api/v1/me").expect(200)["org"], other);
        let before = Browser::at(server.base());
        before.plant(&old);
        before.get("/api/v1/me").expect_problem(401, "unauthenticated");
        let chosen = json!({"email": ADMIN, "password": PASSWORD, "org": other});
        assert_eq!(before.post("/api/v1/session", &chosen).expect(200)["org"]["id"], other);
        let refused = json!({"email": ADMIN, "password": PASSWORD, "org": foreign});
        Browser::at(server.base()).post("/api/v1/session", &refused).expect_problem(422, "invalid_field");
        let wrong = json!({"email": ADMIN, "password": "not the right one", "org": foreign});
        Browser::at(server.base()).post("/api/v1/session", &wrong).expect_problem(401, "log_in_failed");
    }
}
