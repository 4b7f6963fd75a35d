//! What it costs to verify a key that is remembered: its checksum, its SHA-256, the look-up, its expiry. One thread, so the figure is one core's.
//! The goal is 50 000 a second.
//!
//! `cargo bench -p factotum-server --bench keys`; with `--json`, a line of JSON for each figure, as `cargo xtask bench` takes them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench ends at the first fault and prints its figures"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use factotum_model::api_key::{ENTROPY_BYTES, KeyText};
use factotum_model::{
    AccountId, AccountKind, Authority, Clock as _, Grants, KeyId, OrgId, Principal, SystemClock,
};
use factotum_server::operations::KeyCache;
use factotum_server::operations::key_cache::Found;
use factotum_storage::accounts::KeyHolder;
use factotum_storage::revocations::Revocations;

/// As many keys as a busy node has callers.
const KEYS: usize = 1_000;
/// How many verifications are timed together: one alone is about as short as reading the clock.
const PER_SAMPLE: usize = 1_000;
const SAMPLES: usize = 300;

fn main() {
    let json = std::env::args().any(|a| a == "--json");
    let cache = KeyCache::default();
    let texts: Vec<String> = (0..KEYS).map(text).collect();
    for text in &texts {
        let hash = KeyText::parse(text).unwrap().hash();
        cache.looked_up(hash, Some(Arc::new(holder())), Revocations(1), Instant::now());
    }
    let mut took: Vec<Duration> = (0..SAMPLES).map(|_| sample(&cache, &texts)).collect();
    took.sort_unstable();
    let each = |share: f64| took[((SAMPLES - 1) as f64 * share) as usize].as_secs_f64() / PER_SAMPLE as f64;
    let name = "key verification from the cache, one core";
    let figures = serde_json::json!({"p50_us": each(0.5) * 1e6, "p99_us": each(0.99) * 1e6, "per_second": 1.0 / each(0.5)});
    if json {
        println!("{}", serde_json::json!({"name": name, "figures": figures}));
    } else {
        println!("{name}: {figures}");
    }
}

/// As `api/auth.rs` does it for each request.
fn sample(cache: &KeyCache, texts: &[String]) -> Duration {
    // What the poll does beside it.
    cache.polled(Revocations(1), Instant::now());
    let began = Instant::now();
    for number in 0..PER_SAMPLE {
        let key = KeyText::parse(black_box(&texts[number % texts.len()])).unwrap();
        let Found::Current(holder) = cache.find(key.hash(), Instant::now()) else {
            panic!("the key is remembered")
        };
        assert!(holder.expires_at.is_none_or(|at| at > SystemClock.now()));
        black_box((holder.principal.clone(), Authority::of(holder.grants.clone())));
    }
    began.elapsed()
}

fn text(number: usize) -> String {
    let mut entropy = [0; ENTROPY_BYTES];
    entropy[..8].copy_from_slice(&number.to_be_bytes());
    KeyText::from_entropy(&entropy).expose().to_owned()
}

fn holder() -> KeyHolder {
    let grants = ["workflows:run:orders", "kv:read:orders", "kv:write:orders", "runs:read"];
    KeyHolder {
        key_id: KeyId::random(),
        prefix: "fct_01234567".to_owned(),
        org_id: OrgId::random(),
        principal: Principal { id: AccountId::random(), kind: AccountKind::ApiKey, name: "ci".to_owned() },
        grants: Grants::parse(&grants).unwrap(),
        expires_at: Some(SystemClock.now().plus(Duration::from_hours(1))),
        allowed_networks: Vec::new(),
    }
}
