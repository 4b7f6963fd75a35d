//! Keys are not looked up for each request: what is remembered of them ends with the key, on every node, and nobody gets many look-ups by
//! guessing.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use factotum_tests::{Api, Backend, Server, on_both_backends, wait_until};
use serde_json::json;

/// How long a node may rely on what it knows of a key.
const LEASE: Duration = Duration::from_secs(1);
/// What a revocation may take beside that on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

/// How often the node has asked its database about a key.
fn key_queries(node: &Server) -> u64 {
    let text = node.stranger().get("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("factotum_key_queries_total"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// Uses a key from several connections, while `act` goes on; each use with the time that it was sent and its status.
fn while_used<T>(node: &Server, secret: &str, act: impl FnOnce() -> T) -> (T, Vec<(Instant, u16)>) {
    let (going, uses) = (AtomicBool::new(true), Mutex::new(Vec::new()));
    let acted = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let key = node.api().with_key(secret);
                while going.load(Ordering::SeqCst) {
                    let sent = Instant::now();
                    let status = key.get("/api/v1/me").status;
                    uses.lock().unwrap().push((sent, status));
                }
            });
        }
        wait_until("the key to be in use", || (uses.lock().unwrap().len() > 100).then_some(()));
        let acted = act();
        // Some uses after it, on each connection.
        let so_far = uses.lock().unwrap().len();
        wait_until("uses afterwards", || (uses.lock().unwrap().len() > so_far + 20).then_some(()));
        going.store(false, Ordering::SeqCst);
        acted
    });
    (acted, uses.into_inner().unwrap())
}

/// Revokes the key on `on` while `used` is under constant use of it; each use after the answer is refused.
fn revoked_while_used(on: &Server, used: &Server) {
    let (secret, made) = on.api().mint("in-use", &["runs:read"]);
    let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
    let queries = key_queries(used);
    let ((asked, revoked), uses) = while_used(used, &secret, || {
        let asked = Instant::now();
        on.api().delete(&path).expect(204);
        (asked, Instant::now())
    });
    let before: Vec<_> = uses.iter().filter(|(sent, _)| *sent < asked).collect();
    assert!(before.iter().filter(|(_, status)| *status == 200).count() > 80, "it worked before: {before:?}");
    let late: Vec<_> = uses.iter().filter(|(sent, _)| *sent > revoked).collect();
    assert!(late.len() >= 20);
    assert!(
        late.iter().all(|(_, status)| *status == 401),
        "once its revocation is answered, no use passes: {late:?}"
    );
    // Most came from memory, and so do the refusals: the program that goes on with a revoked key costs nothing.
    let asked_for = key_queries(used) - queries;
    assert!(asked_for < uses.len() as u64 / 2, "{asked_for} queries for {} uses", uses.len());
    assert!(revoked - asked < LEASE + SLACK, "{:?}", revoked - asked);
}

/// There is no channel by which one node could tell another: the other polls a count in the database, a few times a second while keys
/// are used, and relies on it for a second. The answer to the revocation waits for that.
#[test]
fn a_key_that_is_revoked_on_one_node_is_refused_on_the_other_which_has_it_in_use() {
    let one = Server::start(Backend::Postgres);
    let other = one.another_node().unwrap();
    for _ in 0..3 {
        revoked_while_used(&one, &other);
    }
    revoked_while_used(&other, &one);
}

#[test]
fn a_key_that_is_rotated_without_overlap_on_one_node_is_refused_on_the_other() {
    let one = Server::start(Backend::Postgres);
    let other = one.another_node().unwrap();
    let (secret, made) = one.api().mint("rotated", &["runs:read"]);
    let path = format!("/api/v1/api-keys/{}/rotate", made["id"].as_str().unwrap());
    let ((fresh, rotated), uses) = while_used(&other, &secret, || {
        let fresh = one.api().post(&path, &json!({})).expect(201);
        (fresh, Instant::now())
    });
    assert!(uses.iter().filter(|(sent, _)| *sent > rotated).all(|(_, status)| *status == 401));
    other.api().with_key(fresh["secret"].as_str().unwrap()).get("/api/v1/me").expect(200);
}

/// A node that hears nothing cannot acknowledge: the revocation waits for its lease to end, and the node knows when that is.
#[test]
fn a_node_that_stood_still_during_a_revocation_asks_before_it_lets_the_key_in() {
    let one = Server::start(Backend::Postgres);
    let other = one.another_node().unwrap();
    let (secret, made) = one.api().mint("slept-over", &["runs:read"]);
    let key = other.api().with_key(&secret);
    for _ in 0..20 {
        key.get("/api/v1/me").expect(200);
    }
    let process =
        rustix::process::Pid::from_raw(i32::try_from(other.process_id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
    let asked = Instant::now();
    one.api().delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
    let took = asked.elapsed();
    rustix::process::kill_process(process, rustix::process::Signal::CONT).unwrap();
    assert!(
        took >= LEASE && took < LEASE + SLACK,
        "it waits as long as the other may rely on what it knows: {took:?}"
    );
    key.get("/api/v1/me").expect_problem(401, "unauthenticated");
}

on_both_backends! {
    fn a_key_in_use_is_refused_at_once_by_the_node_that_revokes_it(backend: Backend) {
        let server = Server::start(backend);
        for _ in 0..3 {
            revoked_while_used(&server, &server);
        }
    }

    fn unknown_keys_are_refused_by_address_and_known_ones_go_on(backend: Backend) {
        const AT_ONCE: u64 = 10;
        let server = Server::start_with(backend, "[limits]\nunknown_keys_per_minute = 60\n");
        let admin = server.api();
        let (secret, _) = admin.mint("legitimate", &["runs:read"]);
        let known = admin.with_key(&secret);
        known.get("/api/v1/me").expect(200);
        let (doomed, doomed_made) = admin.mint("doomed", &["runs:read"]);
        admin.with_key(&doomed).get("/api/v1/me").expect(200);

        let (started, queries) = (Instant::now(), key_queries(&server));
        let (mut unknown, mut limited) = (0_u64, 0_u64);
        for number in 0..300 {
            let answer = server.stranger().with_key(&key_text(number)).get("/api/v1/me");
            if answer.status == 429 {
                limited += 1;
                answer.expect_problem(429, "rate_limited");
                let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&after), "{after}");
            } else {
                unknown += 1;
                answer.expect_problem(401, "unauthenticated");
            }
            if number % 10 == 0 {
                known.get("/api/v1/me").expect(200);
            }
            if number == 150 {
                // What is remembered of all keys ends; that the other was one is not forgotten.
                admin.delete(&format!("/api/v1/api-keys/{}", doomed_made["id"].as_str().unwrap())).expect(204);
            }
        }
        let seconds = started.elapsed().as_secs() + 1;
        // What was looked up once is known to be nobody's: it is refused as before, and asks for nothing.
        server.stranger().with_key(&key_text(0)).get("/api/v1/me").expect_problem(401, "unauthenticated");
        assert!(limited > 100 && unknown <= AT_ONCE + seconds, "{unknown} looked up, {limited} not, in {seconds} s");
        // The admin's and the known key are looked up again where what was known grew old.
        let asked = key_queries(&server) - queries;
        assert!(asked >= unknown && asked <= unknown + 2 * (seconds + 2), "{asked} queries, {unknown} unknown keys");

        assert!(admin.audit("outcome=denied").is_empty(), "a flood of strangers is nobody's history");
        let lines = wait_until("the line in the log", || {
            let lines = server.log().matches("requests without a valid key").count() as u64;
            (lines > 0).then_some(lines)
        });
        assert!(lines <= started.elapsed().as_secs() + 2, "{lines} lines in {:?}", started.elapsed());
        wait_until("the address to be let in again", || {
            let status = server.stranger().with_key(&key_text(1_000)).get("/api/v1/me").status;
            (status == 401).then_some(())
        });
        assert!(!server.log().contains(&key_text(1)), "no key is in the log");
    }
}

/// A well-formed key that nobody has: made as docs/accounts-and-keys.md defines the checksum.
fn key_text(number: u32) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let secret = format!("{number:043}");
    let mut crc = u32::MAX;
    for byte in secret.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let crc = !crc;
    let mut text = format!("fct_{secret}_");
    for power in (0..6).rev() {
        let digit = (crc / 62_u32.pow(power)) % 62;
        let _ = write!(text, "{}", char::from(ALPHABET[digit as usize]));
    }
    text
}

/// So that a mistake in [`key_text`] cannot make the flood one of bad checksums, which are refused before any look-up.
#[test]
fn a_checked_key_and_a_mistyped_one_are_told_apart() {
    let server = Server::start(Backend::Sqlite);
    let ask = |text: &str| {
        Api::at(server.base(), Some(text)).get("/api/v1/me").expect_problem(401, "unauthenticated")
    };
    let before = key_queries(&server);
    ask(&key_text(7));
    assert_eq!(key_queries(&server), before + 1, "it is looked up");
    let mut mistyped = key_text(7);
    let last = if mistyped.pop() == Some('x') { 'y' } else { 'x' };
    mistyped.push(last);
    ask(&mistyped);
    ask(&key_text(7));
    assert_eq!(key_queries(&server), before + 1, "it is not, nor is the other again");
}
