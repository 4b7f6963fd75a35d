//! Streams of the trail to syslog over TLS, a webhook and a file, with real receivers. What must hold: each entry arrives at least once, in order, also when
//! the receiver is away for a while and when the server dies in the middle; and no action ever waits for a receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factotum_tests::receiver::{Received, Receiver};
use factotum_tests::{Api, Backend, Server, Settings, Syslog, on_both_backends, wait_until, wait_within};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// `whsec_` and this in Base64.
const SECRET: &[u8] = b"0123456789abcdef01234567";
pub(crate) const ENCODED: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// How long what was missed may take to arrive: pauses after failures grow to half a minute.
const CATCH_UP: Duration = Duration::from_mins(3);

pub(crate) fn stream(name: &str, kind: &str, target: &str, more: &str) -> String {
    format!("[[audit.stream]]\nname = \"{name}\"\nkind = \"{kind}\"\ntarget = \"{target}\"\n{more}\n")
}

fn webhook(receiver: &Receiver, more: &str) -> String {
    stream("hook", "webhook", &format!("{}/in", receiver.base()), &format!("secret = \"{ENCODED}\"\n{more}"))
}

fn syslog(receiver: &Syslog, more: &str) -> String {
    let ca = receiver.ca_file().display().to_string();
    stream("siem", "syslog", &receiver.address(), &format!("ca_file = \"{ca}\"\n{more}"))
}

fn leave(api: &Api, count: usize) {
    for n in 0..count {
        let answer = api.put(&format!("/api/v1/secrets/s{n}"), &json!({"value": "v"}));
        assert!(matches!(answer.status, 200 | 201 | 204), "{}", answer.text());
    }
}

/// The ids of the trail, the oldest first.
fn trail(api: &Api) -> Vec<String> {
    let mut ids: Vec<_> = api.audit("").iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
    ids.reverse();
    ids
}

/// The entries of requests that came, each with its number of arrivals.
fn arrived(received: &[Received]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for request in received {
        for line in String::from_utf8(request.body.clone()).unwrap().lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            *counted.entry(entry["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    counted
}

/// The ids of syslog messages: what stands behind `id=` in their structured data.
fn ids(messages: &[String]) -> Vec<String> {
    messages.iter().map(|m| m.split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()).collect()
}

/// The entries of files: those that were moved aside, in the order of their times, and the one that grows.
fn written(path: &Path) -> Vec<Value> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(path.parent().unwrap())
        .map(|found| found.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    files.retain(|file| file.file_name().unwrap().to_str().unwrap().starts_with(name));
    // `audit.jsonl` stands before `audit.jsonl.2027…`, and is the newest.
    files.sort();
    let grows = files.first().is_some_and(|first| first == path);
    files.rotate_left(usize::from(grows));
    let whole = |text: String| {
        text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    files
        .iter()
        .flat_map(|file| whole(std::fs::read_to_string(file).unwrap_or_default()))
        .map(|line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

pub(crate) fn metric(server: &Server, name: &str, stream: &str) -> Option<f64> {
    let text = server.stranger().get("/metrics").text();
    let start = format!("factotum_{name}{{stream=\"{stream}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).map(|value| value.parse().unwrap())
}

/// Checks a request by Standard Webhooks.
pub(crate) fn check_signature(request: &Received) {
    let header =
        |name: &str| request.header(name).unwrap_or_else(|| panic!("no {name} in {request:?}")).to_owned();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&request.body);
    let signed = header("webhook-signature");
    let signed = signed.strip_prefix("v1,").unwrap();
    assert_eq!(signed, STANDARD.encode(mac.finalize().into_bytes()));
    let age = now() - header("webhook-timestamp").parse::<i64>().unwrap();
    assert!((-5..300).contains(&age), "{age} s old");
}

fn now() -> i64 {
    let text = factotum_tests::in_seconds(0);
    text.parse::<jiff::Timestamp>().unwrap().as_second()
}

on_both_backends! {
    fn every_receiver_gets_everything_in_order(backend: Backend) {
        let (siem, hook, folder) = (Syslog::start().unwrap(), Receiver::start().unwrap(), tempfile::tempdir().unwrap());
        let (file, theirs) = (folder.path().join("audit.jsonl"), folder.path().join("other.ocsf"));
        let toml = [
            syslog(&siem, ""),
            webhook(&hook, ""),
            stream("disk", "file", &file.display().to_string(), "rotate_bytes = 8_192"),
            stream("other", "file", &theirs.display().to_string(), "organization = \"Other\"\nformat = \"ocsf\""),
        ];
        let server = Server::start_with(backend, &toml.concat());
        let api = server.api();
        leave(api, 40);
        let other = api.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        leave(&other, 3);
        let (ours, others) = (trail(api), trail(&other));
        let all: BTreeSet<_> = ours.iter().chain(&others).cloned().collect();
        let holds = |found: BTreeSet<String>| all.is_subset(&found).then_some(());
        wait_within(CATCH_UP, "syslog to have all", || holds(ids(&siem.messages()).into_iter().collect()));
        wait_within(CATCH_UP, "the webhook to have all", || holds(arrived(&hook.received()).into_keys().collect()));
        let from_file = || written(&file).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        wait_within(CATCH_UP, "the file to have all", || holds(from_file().into_iter().collect()));
        wait_within(CATCH_UP, "the other file", || (written(&theirs).len() >= others.len()).then_some(()));

        // In the order of the leaves, once each, as nothing broke; and that is about the order in which they were made.
        for found in [ids(&siem.messages()), from_file()] {
            let own: Vec<_> = found.iter().filter(|id| ours.contains(id)).collect();
            assert_eq!(own.len(), ours.len(), "each once");
        }
        let message = siem.messages().into_iter().find(|m| m.contains(" secret.create ")).unwrap();
        assert!(message.starts_with("<110>1 20") && message.contains("Z ") && message.contains(" factotum - secret.create [factotum@32473 id=\"aud_"), "{message}");
        assert!(message.is_ascii());
        for request in hook.received() {
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in"));
            assert_eq!(request.header("content-type"), Some("application/jsonl"));
            check_signature(&request);
        }
        let orgs: BTreeSet<_> = written(&theirs).iter().map(|e| e["metadata"]["tenant_uid"].to_string()).collect();
        assert_eq!(orgs.len(), 1, "one organization's alone");
        let moved = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().to_string_lossy().starts_with("audit.jsonl.2")
        };
        assert!(std::fs::read_dir(folder.path()).unwrap().any(moved), "a full file is moved aside");
        let printed = server.log() + &api.get("/api/v1/audit/export").text();
        assert!(!printed.contains("MDEyMzQ1"), "the secret is nowhere");
        wait_until("no lag", || (metric(&server, "audit_stream_lag_entries", "hook") == Some(0.0)).then_some(()));
        assert_eq!(metric(&server, "audit_stream_lag_seconds", "hook"), Some(0.0));
    }

    fn a_receiver_that_was_away_misses_nothing(backend: Backend) {
        let (mut siem, hook, folder) = (Syslog::start().unwrap(), Receiver::start().unwrap(), tempfile::tempdir().unwrap());
        let file = folder.path().join("mounted/audit.jsonl");
        let toml = [syslog(&siem, ""), webhook(&hook, ""), stream("disk", "file", &file.display().to_string(), "")];
        siem.stop();
        hook.answer(503);
        let server = Server::start_with(backend, &toml.concat());
        let api = server.api();
        let asked = Instant::now();
        leave(api, 20);
        assert!(asked.elapsed() < Duration::from_mins(1), "actions waited: {:?}", asked.elapsed());
        for name in ["siem", "hook", "disk"] {
            wait_until(&format!("{name} to fail"), || {
                metric(&server, "audit_stream_failures_total", name).filter(|n| *n >= 1.0)
            });
            wait_until(&format!("the lag of {name}"), || {
                let entries = metric(&server, "audit_stream_lag_entries", name).filter(|n| *n >= 20.0);
                entries.and(metric(&server, "audit_stream_lag_seconds", name).filter(|n| *n > 0.0))
            });
        }
        assert!(siem.messages().is_empty() && written(&file).is_empty());
        siem.resume().unwrap();
        hook.answer(204);
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        let all: BTreeSet<_> = trail(api).into_iter().collect();
        let holds = |found: BTreeSet<String>| all.is_subset(&found).then_some(());
        wait_within(CATCH_UP, "syslog to have all", || holds(ids(&siem.messages()).into_iter().collect()));
        wait_within(CATCH_UP, "the webhook to have all", || holds(arrived(&hook.received()).into_keys().collect()));
        wait_within(CATCH_UP, "the file to have all", || {
            holds(written(&file).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect())
        });
        for name in ["siem", "hook", "disk"] {
            wait_within(CATCH_UP, "no lag", || (metric(&server, "audit_stream_lag_entries", name) == Some(0.0)).then_some(()));
        }
    }

    fn nothing_is_lost_when_the_server_dies_in_the_middle(backend: Backend) {
        let (siem, hook, folder) = (Syslog::start().unwrap(), Receiver::start().unwrap(), tempfile::tempdir().unwrap());
        let file = folder.path().join("audit.jsonl");
        let disk = stream("disk", "file", &file.display().to_string(), "rotate_bytes = 16_384");
        let mut server = Server::start_with(backend, &[syslog(&siem, ""), webhook(&hook, ""), disk].concat());
        for round in 0..3 {
            leave(server.api(), 25);
            // In the middle: something of this round has arrived, and more is on its way.
            let before = arrived(&hook.received()).len();
            leave(server.api(), 5);
            wait_until("something to arrive", || (arrived(&hook.received()).len() > before.min(round * 20)).then_some(()));
            server.kill();
            server.resume().unwrap();
        }
        let all: BTreeSet<_> = trail(server.api()).into_iter().collect();
        assert!(all.len() >= 90);
        let holds = |found: BTreeSet<String>| all.is_subset(&found).then_some(());
        wait_within(CATCH_UP, "syslog to have all", || holds(ids(&siem.messages()).into_iter().collect()));
        wait_within(CATCH_UP, "the webhook to have all", || holds(arrived(&hook.received()).into_keys().collect()));
        wait_within(CATCH_UP, "the file to have all", || {
            holds(written(&file).iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect())
        });
    }

    fn a_receiver_that_hangs_or_lies_holds_nobody_up(backend: Backend) {
        // One accepts and says nothing; the other's certificate is of an authority that nobody named.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let (siem, stranger) = (Syslog::start().unwrap(), Syslog::start().unwrap());
        let hang = stream("hang", "webhook", &format!("http://{}/", silent.local_addr().unwrap()), &format!("secret = \"{ENCODED}\""));
        let ca = stranger.ca_file().display().to_string();
        let lies = stream("lies", "syslog", &siem.address(), &format!("ca_file = \"{ca}\""));
        let mut server = Server::start_with(backend, &[hang, lies].concat());
        let asked = Instant::now();
        leave(server.api(), 20);
        assert!(asked.elapsed() < Duration::from_mins(1), "actions waited: {:?}", asked.elapsed());
        for name in ["hang", "lies"] {
            wait_until(&format!("{name} to fail"), || metric(&server, "audit_stream_failures_total", name).filter(|n| *n >= 1.0));
        }
        assert!(siem.messages().is_empty(), "nothing goes to whom nobody vouches for");
        assert!(server.log().contains("audit trail is not streamed"), "{}", server.log());
        assert!(server.stop().unwrap().success(), "a stop waits for no receiver");
    }
}

#[test]
fn one_node_streams_and_another_takes_over() {
    let hook = Receiver::start().unwrap();
    let settings = Settings::on(Backend::Postgres).unwrap().toml(&webhook(&hook, ""));
    let mut first = Server::launch(settings).unwrap();
    leave(first.api(), 5);
    let delivered = |server: &Server| metric(server, "audit_stream_delivered_total", "hook").unwrap_or(0.0);
    wait_until("the first to stream", || (delivered(&first) >= 5.0).then_some(()));
    let second = first.another_node().unwrap();
    leave(second.api(), 10);
    let all: BTreeSet<_> = trail(second.api()).into_iter().collect();
    let holds = |all: &BTreeSet<String>| {
        all.is_subset(&arrived(&hook.received()).into_keys().collect()).then_some(())
    };
    wait_within(CATCH_UP, "all of both nodes", || holds(&all));
    assert!(delivered(&second) < 0.5, "the other only watches");
    assert!(arrived(&hook.received()).values().all(|times| *times == 1), "nothing came twice");
    first.kill();
    leave(second.api(), 5);
    let all: BTreeSet<_> = trail(second.api()).into_iter().collect();
    wait_within(CATCH_UP, "the second node to take over", || holds(&all));
    wait_until("the count of the second", || (delivered(&second) >= 5.0).then_some(()));
}

#[test]
fn a_stream_that_cannot_be_set_up_stops_the_start() {
    for (toml, word) in [
        (stream("a", "pigeon", "x", ""), "`kind`"),
        (stream("a", "syslog", "localhost", "ca_file = \"/nowhere.pem\""), "/nowhere.pem"),
        (stream("a", "webhook", "http://logs.example.com", &format!("secret = \"{ENCODED}\"")), "`target`"),
    ] {
        let error = Server::launch(Settings::default().toml(&toml))
            .err()
            .map(|e| format!("{e:#}"))
            .unwrap_or_default();
        assert!(error.contains("audit.stream") && error.contains(word), "{error}");
        assert!(!error.contains("MDEyMzQ1"), "{error}");
    }
}
