//! Hostile guests: each ends with its own failure code within its limit, while other workflows keep their latency.

use std::time::{Duration, Instant};

use factotum_tests::receiver::Receiver;
use factotum_tests::{Api, Server, on_both_backends};
use serde_json::{Value, json};

/// How much longer than its limit a run may be seen to last: claim, finish and a busy machine.
const SLACK: Duration = Duration::from_secs(8);

/// A guest, the workflow's fields, the payload, the code it has to end with, and the time limit in milliseconds.
type Hostile = (&'static str, Value, Value, &'static str, u64);

fn hostile() -> Vec<Hostile> {
    vec![
        ("spin", json!({"limits": {"cpu_ms": 500}}), json!({}), "cpu_limit", 500),
        ("spin", json!({"limits": {"wall_ms": 500}}), json!({}), "deadline_exceeded", 500),
        ("sleeper", json!({"limits": {"wall_ms": 500}}), json!({"ms": 60_000}), "deadline_exceeded", 500),
        ("hog", json!({}), json!({}), "memory_limit", 30_000),
        ("babble", json!({}), json!({}), "output_limit", 30_000),
        ("babble", json!({}), json!({"to": "log"}), "log_limit", 30_000),
        ("crash", json!({}), json!({}), "trap", 5_000),
        ("crash", json!({}), json!({"how": "unreachable"}), "trap", 5_000),
        ("recurse", json!({}), json!({}), "stack_overflow", 5_000),
        ("chatty", json!({"limits": {"host_calls": 1_000}}), json!({}), "host_call_limit", 5_000),
    ]
}

fn code(run: &Value) -> &str {
    run["outcome"]["error"]["code"].as_str().unwrap_or_default()
}

fn upload_all(api: &Api) {
    for guest in ["spin", "sleeper", "hog", "babble", "crash", "recurse", "chatty"] {
        api.upload(guest);
    }
}

on_both_backends! {
    fn a_guest_cannot_flood_the_trail_with_its_denials(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy_with("chatty", &json!({"limits": {"host_calls": 2_000}}));
        let run = api.run("chatty", &json!({"what": "kv"}));
        assert_eq!(run["outcome"]["error"]["code"], "host_call_limit", "{run}");
        let attempts = run["attempt"].as_u64().unwrap() as usize;
        let denied = api.audit(&format!("run={}&action=kv.read&outcome=denied", run["id"].as_str().unwrap()));
        assert_eq!(denied.len(), 21 * attempts, "the first 20 of an attempt, and one for the rest");
        // Newest first: what was counted is told last.
        let counted = denied[0]["reason"].as_str().unwrap();
        let more = counted.split("(and ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        assert!(more.parse::<u32>().unwrap() > 1_900, "{counted}");
    }

    fn each_hostile_guest_ends_with_its_own_code_within_its_limit(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        upload_all(api);
        for (guest, fields, payload, expected, limit_ms) in hostile() {
            api.workflow(guest, guest, &fields);
            let start = Instant::now();
            let run = api.run(guest, &payload);
            let took = start.elapsed();
            assert_eq!(code(&run), expected, "{guest} with {payload}: {run}");
            assert_eq!(run["state"], "failed", "{run}");
            let limit = Duration::from_millis(limit_ms) + SLACK;
            assert!(took < limit, "{guest} with {payload} took {took:?}");
            let id = run["id"].as_str().unwrap();
            let entries = api.audit(&format!("run={id}"));
            assert!(entries.iter().any(|e| e["action"] == "run.fail"), "{guest}: {entries:?}");
        }
    }

    fn a_private_address_is_refused_with_a_typed_error_and_a_denied_entry(backend: Backend) {
        let receiver = Receiver::start().unwrap();
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("caller", &["http:request"]);
        for url in [
            receiver.base(),
            format!("http://localhost:{}/", receiver.port()),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "http://10.0.0.1/".to_owned(),
            "http://[::1]:9/".to_owned(),
            "http://[::ffff:127.0.0.1]:9/".to_owned(),
        ] {
            let run = api.run("caller", &json!({"url": url}));
            assert_eq!(run["state"], "succeeded", "the guest handles its error: {run}");
            assert_eq!(run["outcome"]["output"]["error"]["kind"], "denied", "{url}: {run}");
            let entries = api.audit(&format!("run={}&outcome=denied", run["id"].as_str().unwrap()));
            assert_eq!(entries.len(), 1, "{url}: {entries:?}");
        }
        assert!(receiver.received().is_empty(), "nothing was sent");
    }

    fn an_address_that_is_allowed_is_reached_only_with_the_grant(backend: Backend) {
        let receiver = Receiver::start().unwrap();
        let server = Server::start_with(backend, &format!("[egress]\nallow = [\"127.0.0.1:{}\"]\n", receiver.port()));
        let api = server.api();
        api.deploy("caller", &[]);
        let call = json!({"url": format!("{}/report", receiver.base()), "method": "POST", "body": "hello"});
        let refused = api.run("caller", &call);
        assert_eq!(refused["outcome"]["output"]["error"]["kind"], "denied", "{refused}");
        assert_eq!(api.audit(&format!("run={}&outcome=denied", refused["id"].as_str().unwrap())).len(), 1);
        assert!(receiver.received().is_empty(), "nothing was sent without the grant");

        api.workflow("caller", "caller", &json!({"grants": [format!("http:request:127.0.0.1:{}", receiver.port())]}));
        let run = api.run("caller", &call);
        assert_eq!(run["outcome"]["output"]["status"], 200, "{run}");
        let received = receiver.received();
        assert_eq!(received.len(), 1);
        assert_eq!((received[0].method.as_str(), received[0].path.as_str()), ("POST", "/report"));
        assert_eq!(received[0].body, b"hello");
        assert_eq!(received[0].header("host"), Some(format!("127.0.0.1:{}", receiver.port()).as_str()));
    }

    fn other_workflows_keep_their_latency_beside_hostile_ones(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        upload_all(api);
        let hook = api.webhook("echo", &json!({"reply": "outcome"}));
        for guest in ["spin", "hog", "babble", "chatty"] {
            let limits = json!({"limits": {"wall_ms": 20_000, "cpu_ms": 20_000, "host_calls": 10_000_000}});
            api.workflow(guest, guest, &limits);
        }
        let hostile: Vec<Value> =
            ["spin", "spin", "hog", "babble", "chatty"].iter().map(|g| api.begin(g, &json!({}))).collect();
        api.wait_state(hostile[0]["id"].as_str().unwrap(), &["running"]);
        let stranger = server.stranger();
        let mut times: Vec<Duration> = (0..40)
            .map(|n| {
                let start = Instant::now();
                stranger.post(&hook, &json!({"n": n})).expect(200);
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        // Two guests spin on two cores: a fair share each, not a queue behind a 20 s limit.
        assert!(times[20] < Duration::from_millis(500), "median {:?}, all {times:?}", times[20]);
        for run in &hostile {
            let id = run["id"].as_str().unwrap();
            let answer = api.post(&format!("/api/v1/runs/{id}/cancel"), &json!({}));
            assert!(matches!(answer.status, 200 | 202 | 409), "{}", answer.text());
        }
        let ended = api.wait_end(hostile[0]["id"].as_str().unwrap());
        assert_eq!((ended["state"].as_str(), code(&ended)), (Some("cancelled"), "cancelled"), "{ended}");
    }
}
