//! API keys: widening, names, races, networks, the end of their time.

use std::time::Duration;

use factotum_tests::{Server, in_seconds, on_both_backends, wait_within};
use serde_json::json;

use super::service_accounts::refused;

/// How often each race is run.
const TRIES: usize = 100;

on_both_backends! {
    fn a_key_with_more_than_its_maker(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let editor = ["api-keys:create", "api-keys:read", "api-keys:update", "workflows:read", "workflows:run:echo"];
        let (secret, _) = admin.mint("editor", &editor);
        let editor = admin.with_key(&secret);
        for grants in [
            json!(["*:*"]),
            json!(["runs:read"]),
            json!(["workflows:run"]),
            json!(["workflows:run:echo*"]),
            json!(["workflows:read", "audit:read"]),
        ] {
            let new = json!({"nickname": "more", "grants": grants});
            refused(admin, &editor.post("/api/v1/api-keys", &new), &[403]);
        }
        for grants in [json!([]), json!(["runs:fly"]), json!(["*:read"]), json!(["runs:*"]), json!(["workflows:read", "workflows:read"]), json!(null), json!("*:*")] {
            let new = json!({"nickname": "odd", "grants": grants});
            refused(admin, &editor.post("/api/v1/api-keys", &new), &[422]);
        }
        // Widening later: of its own key, of a stronger one.
        let keys = admin.all("/api/v1/api-keys");
        for key in &keys {
            let path = format!("/api/v1/api-keys/{}/rotate", key["id"].as_str().unwrap());
            refused(admin, &editor.post(&path, &json!({"grants": ["*:*"]})), &[403]);
        }
        assert_eq!(admin.all("/api/v1/api-keys").len(), keys.len(), "none was made");
        editor.post("/api/v1/api-keys", &json!({"nickname": "less", "grants": ["workflows:run:echo"]})).expect(201);
    }

    fn nicknames_that_pretend(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.mint("deploy", &["runs:read"]);
        let long = "x".repeat(81);
        for (nickname, statuses) in [
            ("Service Account", &[422][..]),
            ("service account", &[422]),
            ("Serv\u{456}ce Account", &[422]), // Cyrillic i
            ("Ｓervice Account", &[422]),
            ("Service\u{a0}Account", &[422]),
            ("dep\u{202e}yol", &[422]), // right-to-left override
            ("dep\u{200b}loy", &[422, 409]), // zero width space
            ("deploy\u{7}", &[422]),
            ("deploy\nevil", &[422]),
            ("depl\u{43e}y", &[409]), // Cyrillic o
            ("DEPLOY", &[409, 201]),
            ("", &[422]),
            (" ", &[422]),
            (&long, &[422]),
        ] {
            let answer = admin.post("/api/v1/api-keys", &json!({"nickname": nickname, "grants": ["runs:read"]}));
            if answer.status == 201 {
                assert!(statuses.contains(&201), "{nickname:?} was taken");
                continue;
            }
            refused(admin, &answer, statuses);
        }
    }

    fn the_race_for_a_nickname_has_one_winner(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        for n in 0..TRIES / 4 {
            let new = json!({"nickname": format!("racer {n}"), "grants": ["runs:read"]});
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..4)
                    .map(|_| {
                        let (api, new) = (admin.clone(), new.clone());
                        scope.spawn(move || api.post("/api/v1/api-keys", &new).status)
                    })
                    .collect();
                racers.into_iter().map(|r| r.join().unwrap()).collect()
            });
            assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
            assert_eq!(statuses.iter().filter(|s| **s == 409).count(), 3, "{statuses:?}");
        }
    }

    fn a_maker_revoked_while_it_makes_leaves_nothing_made_afterwards(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let (mut before, mut after) = (0, 0);
        for n in 0..TRIES {
            let (secret, made) = admin.mint(&format!("maker {n}"), &["api-keys:create", "runs:read"]);
            let maker = admin.with_key(&secret);
            let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
            let new = json!({"nickname": format!("child {n}"), "grants": ["runs:read"]});
            let minted = std::thread::scope(|scope| {
                let minting = scope.spawn(|| maker.post("/api/v1/api-keys", &new));
                admin.delete(&path).expect(204);
                // Whatever came before: from here on nothing more is made.
                let late = maker.post("/api/v1/api-keys", &json!({"nickname": "late", "grants": ["runs:read"]}));
                late.expect_problem(401, "unauthenticated");
                minting.join().unwrap()
            });
            match minted.status {
                201 => before += 1,
                401 => after += 1,
                other => panic!("{other}: {}", minted.text()),
            }
        }
        assert_eq!(before + after, TRIES);
        let children = admin.all("/api/v1/api-keys").iter().filter(|k| k["nickname"].as_str().unwrap().starts_with("child")).count();
        assert_eq!(children, before, "what was answered is what there is");
    }

    fn a_key_whose_time_is_up_stops_what_it_runs(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("spin", &[]);
        admin.workflow("spin", "spin", &json!({"limits": {"wall_ms": 60_000, "cpu_ms": 60_000}}));
        let new = json!({"nickname": "brief", "grants": ["workflows:run:spin"], "expires_at": in_seconds(2)});
        let made = admin.post("/api/v1/api-keys", &new).expect(201);
        let run = admin.with_key(made["secret"].as_str().unwrap()).begin("spin", &json!({}));
        let id = run["id"].as_str().unwrap();
        let ended = wait_within(Duration::from_secs(20), "the run to be stopped", || {
            let run = admin.run_object(id);
            (run["state"] == "cancelled").then_some(run)
        });
        assert_eq!(ended["outcome"]["error"]["code"], "revoked", "{ended}");
        let late = admin.with_key(made["secret"].as_str().unwrap()).get("/api/v1/me");
        late.expect_problem(401, "unauthenticated");
    }

    fn a_forwarded_address_against_an_allow_list(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let new = json!({"nickname": "office", "grants": ["runs:read"], "allowed_networks": ["203.0.113.0/24"]});
        let made = admin.post("/api/v1/api-keys", &new).expect(201);
        let key = admin.with_key(made["secret"].as_str().unwrap());
        for header in ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip"] {
            let spoofed = if header == "forwarded" { "for=203.0.113.7" } else { "203.0.113.7" };
            let answer = key.send("GET", "/api/v1/runs", &[(header, spoofed)], &[]).unwrap();
            refused(admin, &answer, &[403]);
        }
    }

    fn a_bad_checksum_makes_no_query(backend: Backend) {
        let server = Server::start(backend);
        let queries = || {
            let text = server.stranger().get("/metrics").text();
            let line = text.lines().find(|l| l.starts_with("factotum_key_queries_total")).map(ToOwned::to_owned);
            line.expect("the count of looked-up keys")
        };
        let (secret, before) = (server.api().key().unwrap().to_owned(), queries());
        for at in 4..secret.len() {
            let mut typo = secret.clone().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            let typo = String::from_utf8(typo).unwrap();
            server.stranger().with_key(&typo).get("/api/v1/me").expect_problem(401, "unauthenticated");
        }
        assert_eq!(queries(), before);
    }

    fn a_key_anywhere_but_in_its_header_counts_for_nothing(backend: Backend) {
        let server = Server::start(backend);
        let secret = server.api().key().unwrap().to_owned();
        let stranger = server.stranger();
        for query in ["key", "api_key", "access_token", "authorization"] {
            stranger.get(&format!("/api/v1/me?{query}={secret}")).expect_problem(401, "unauthenticated");
        }
        for (name, value) in [
            ("cookie", format!("fct={secret}; api_key={secret}; __Host-factotum={secret}")),
            ("x-api-key", secret.clone()),
            ("authorization", format!("Basic {secret}")),
            ("authorization", format!("Bearer {secret}, Bearer {secret}")),
            ("authorization", format!("Bearer {secret}x")),
        ] {
            let answer = stranger.send("GET", "/api/v1/me", &[(name, value.as_str())], &[]).unwrap();
            answer.expect_problem(401, "unauthenticated");
        }
        assert!(!server.log().contains(&secret), "and it is in no log");
    }
}
