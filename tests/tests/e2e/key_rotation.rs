//! Changing what a key may do means another key (I14): the same nickname, both valid for a stated overlap; and of everything that is done to a
//! key at once, one thing counts. Beside it: keys whose maker is gone.

use std::time::{Duration, Instant};

use factotum_tests::cli::Cli;
use factotum_tests::{Answer, Api, Server, on_both_backends, wait_until};
use serde_json::{Value, json};

fn id(key: &Value) -> &str {
    key["id"].as_str().unwrap()
}

fn rotate(api: &Api, key: &Value, how: &Value) -> Answer {
    api.post(&format!("/api/v1/api-keys/{}/rotate", id(key)), how)
}

fn works(api: &Api, secret: &str) -> bool {
    match api.with_key(secret).get("/api/v1/me").status {
        200 => true,
        401 => false,
        other => panic!("neither yes nor no: {other}"),
    }
}

/// The keys of this nickname that are neither revoked nor rotated out.
fn active(api: &Api, nickname: &str) -> Vec<Value> {
    let keys = api.all("/api/v1/api-keys");
    keys.into_iter().filter(|k| k["nickname"] == nickname && k["rotated_at"].is_null()).collect()
}

/// Does all at once, each on a connection of its own that is open already.
fn at_once<'a>(acts: Vec<Box<dyn FnOnce() -> Answer + Send + 'a>>) -> Vec<Answer> {
    let start = std::sync::Barrier::new(acts.len());
    std::thread::scope(|scope| {
        let start = &start;
        let threads: Vec<_> = acts
            .into_iter()
            .map(|act| {
                scope.spawn(move || {
                    start.wait();
                    act()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

on_both_backends! {
    fn i14_both_keys_work_for_the_overlap_and_then_the_new_one(backend: Backend) {
        const OVERLAP: Duration = Duration::from_secs(3);
        let server = Server::start(backend);
        let admin = server.api();
        let network = json!(["127.0.0.0/8"]);
        let body = json!({"nickname": "deploy", "grants": ["runs:read"], "allowed_networks": network});
        let old = admin.post("/api/v1/api-keys", &body).expect(201);
        let old_secret = old["secret"].as_str().unwrap();
        assert!(works(admin, old_secret));

        let asked = Instant::now();
        let grants = json!(["plugins:read", "runs:read"]);
        let new = rotate(admin, &old, &json!({"overlap_s": OVERLAP.as_secs(), "grants": grants})).expect(201);
        let answered = Instant::now();
        let new_secret = new["secret"].as_str().unwrap();
        assert_eq!((&new["nickname"], &new["grants"], &new["allowed_networks"]), (&json!("deploy"), &grants, &network));
        assert_ne!(new["service_account"]["id"], old["service_account"]["id"], "an account of its own");
        let both = works(admin, old_secret) && works(admin, new_secret);
        assert!(both || answered.elapsed() >= OVERLAP, "both work");
        admin.with_key(new_secret).get("/api/v1/plugins").expect(200);
        assert_eq!(admin.with_key(old_secret).get("/api/v1/plugins").status / 100, 4, "the old one gained nothing");
        let shown = admin.get(&format!("/api/v1/api-keys/{}", id(&old))).expect(200);
        assert!(shown["rotated_at"].is_string() && shown["expires_at"].is_string(), "{shown}");

        wait_until("the end of the overlap", || (!works(admin, old_secret)).then_some(()));
        assert!(asked.elapsed() >= OVERLAP, "the old key ended after {:?}", asked.elapsed());
        assert!(works(admin, new_secret));
        // The reaper takes the old one; its nickname stays on the record, and the new one is not touched.
        wait_until("the old key's end on the record", || {
            let entries = admin.audit(&format!("target={}&action=api_key.expire", id(&old)));
            entries.first().map(|e| assert_eq!((&e["actor"]["kind"], &e["initiator"]["kind"]), (&json!("base"), &json!("system"))))
        });
        assert_eq!(active(admin, "deploy").len(), 1);
    }

    fn a_rotation_needs_the_grants_of_both_keys(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let (_, strong) = admin.mint("strong", &["runs:read", "plugins:read"]);
        let (weak_secret, weak) = admin.mint("weak", &["api-keys:update", "runs:read"]);
        let weak_api = admin.with_key(&weak_secret);
        rotate(&weak_api, &strong, &json!({})).expect_problem(403, "denied");
        rotate(&weak_api, &strong, &json!({"grants": ["runs:read"]})).expect_problem(403, "denied");
        rotate(&weak_api, &weak, &json!({"grants": ["*:*"]})).expect_problem(403, "denied");
        rotate(&weak_api, &weak, &json!({"grants": []})).expect(422);
        rotate(&weak_api, &weak, &json!({"overlap_s": 31 * 24 * 3600})).expect(422);
        let denied = admin.audit("outcome=denied&action=api_key.rotate");
        assert_eq!(denied.len(), 5, "each is on the record: {denied:?}");
        rotate(&weak_api, &weak, &json!({"grants": ["runs:read"], "overlap_s": 60})).expect(201);
        rotate(admin, &weak, &json!({})).expect_problem(409, "conflict");
    }

    fn a_rotation_and_a_revocation_at_once_leave_no_key_that_nobody_knows_of(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let (mut rotated, mut refused) = (0, 0);
        for round in 0..16 {
            let nickname = format!("round-{}", "x".repeat(round));
            let (secret, key) = admin.mint(&nickname, &["runs:read"]);
            let overlap = if round % 2 == 0 { 600 } else { 0 };
            let path = format!("/api/v1/api-keys/{}", id(&key));
            let answers = at_once(vec![
                Box::new(|| rotate(admin, &key, &json!({"overlap_s": overlap}))),
                Box::new(|| admin.delete(&path)),
            ]);
            let (rotation, revocation) = (&answers[0], &answers[1]);
            assert!(!works(admin, &secret) || revocation.status != 204, "it was revoked");
            let left = active(admin, &nickname);
            if rotation.status == 201 {
                rotated += 1;
                // The revocation came second: of a key with an overlap it ends that; one without is gone already.
                assert!(matches!((overlap, revocation.status), (600, 204) | (0, 404)), "{}", revocation.text());
                assert_eq!(left.len(), 1);
                assert!(works(admin, rotation.json()["secret"].as_str().unwrap()));
            } else {
                refused += 1;
                assert_eq!((rotation.status, revocation.status), (404, 204), "{}", rotation.text());
                assert!(left.is_empty(), "a key was made of one that was revoked: {left:?}");
            }
        }
        assert_eq!(rotated + refused, 16);
    }

    fn of_many_rotations_at_once_one_counts(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        for (round, overlaps) in [[600; 4], [0; 4], [0, 600, 0, 600]].into_iter().enumerate() {
            let nickname = format!("many-{}", "x".repeat(round));
            let (secret, key) = admin.mint(&nickname, &["runs:read"]);
            let key = &key;
            let acts = overlaps.map(|overlap| {
                let act: Box<dyn FnOnce() -> Answer + Send> =
                    Box::new(move || rotate(admin, key, &json!({"overlap_s": overlap})));
                act
            });
            let answers = at_once(acts.into_iter().collect());
            let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 201);
            assert_eq!(won.len(), 1, "{:?}", answers.iter().map(Answer::text).collect::<Vec<_>>());
            assert!(lost.iter().all(|a| matches!(a.status, 404 | 409)), "{:?}", lost.iter().map(|a| a.text()).collect::<Vec<_>>());
            let new = won[0].json();
            let left = active(admin, &nickname);
            assert_eq!(left.iter().map(id).collect::<Vec<_>>(), [id(&new)]);
            assert!(works(admin, new["secret"].as_str().unwrap()));
            let old = admin.get(&format!("/api/v1/api-keys/{}", id(key))).expect(200);
            assert_eq!(works(admin, &secret), old["revoked_at"].is_null(), "{old}");
        }
    }

    fn a_key_that_rotates_itself_twice_at_once_is_rotated_once(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let (secret, key) = admin.mint("itself", &["api-keys:update", "runs:read"]);
        let own = admin.with_key(&secret);
        let (own, key) = (&own, &key);
        let act = || rotate(own, key, &json!({"overlap_s": 600}));
        let answers = at_once(vec![Box::new(act), Box::new(act), Box::new(act)]);
        let won = answers.iter().filter(|a| a.status == 201).count();
        assert_eq!(won, 1, "{:?}", answers.iter().map(Answer::text).collect::<Vec<_>>());
        // The database may have to end one of those that wait for each other: then it is to be sent again.
        assert!(answers.iter().all(|a| matches!(a.status, 201 | 409 | 503)), "{answers:?}");
        assert_eq!(active(admin, "itself").len(), 1);
    }

    fn a_key_whose_maker_is_gone_says_so(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        let (maker_secret, maker) = admin.mint("maker", &["api-keys:create", "runs:read"]);
        let (_, orphan) = admin.with_key(&maker_secret).mint("orphan", &["runs:read"]);
        let made_by = |key: &str| admin.get(&format!("/api/v1/api-keys/{key}")).expect(200)["created_by"].clone();
        let maker_account = &maker["service_account"]["id"];
        let creator = json!({"id": maker_account, "kind": "api_key", "name": "maker", "left": false});
        assert_eq!((&orphan["created_by"], &made_by(id(&orphan))), (&creator, &creator));
        let listed = |query: &str| -> Vec<String> {
            let keys = admin.all(&format!("/api/v1/api-keys?{query}"));
            keys.iter().map(|k| k["nickname"].as_str().unwrap().to_owned()).collect()
        };
        assert!(listed("creator_left=true").is_empty());
        admin.delete(&format!("/api/v1/api-keys/{}", id(&maker))).expect(204);
        let creator = json!({"id": maker_account, "kind": "api_key", "name": "maker", "left": true});
        assert_eq!(made_by(id(&orphan)), creator);
        assert_eq!(listed("creator_left=true"), ["orphan"]);
        assert!(!listed("creator_left=false").contains(&"orphan".to_owned()));
        admin.get("/api/v1/api-keys?creator_left=perhaps").expect_problem(422, "invalid_field");

        let cli = Cli::of(&server);
        let table = cli.text(&["key", "list", "--creator-left"]);
        assert!(table.lines().count() == 2 && table.contains("orphan") && table.contains("maker"), "{table}");
        assert!(table.lines().next().unwrap().contains("LEFT"), "{table}");
    }
}
