//! The search of a long audit trail: how long a first and a later page of each filter take, and a key's report; what sealing and
//! indexing cost an accept; and how long a trail takes to seal and to verify. What must hold: every page is asked for as the API asks, and a filter that finds nothing where it must is a failure.
//!
//! `FACTOTUM_TEST_POSTGRES=postgres://… cargo bench -p factotum-storage --bench audit -- ENTRIES [PART…]`; 20 000 unless said otherwise; of the
//! parts `rates`, `search` and `verify` those named behind it.

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

mod fill;
mod sealing;
mod verifying;
#[path = "../journal/world.rs"]
mod world;

use std::time::{Duration, Instant};

use factotum_model::audit::AuditOutcome;
use factotum_model::{AccountId, AccountKind, AuditId, KeyId, OrgId, Timestamp, TriggerId};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::audit_search::{index, report};
use factotum_storage::{Storage, organizations};
use world::{Outcome, disk, open, urls};

/// How often each page is asked for, with another value each time.
const TIMES: usize = 15;
/// How many entries are sealed and verified at the most.
const VERIFIED: u64 = 1_000_000;
/// As many as the API reads for a page of 50.
const PAGE: u32 = 51;

struct Figures {
    median: Duration,
    p95: Duration,
    found: usize,
}

fn figures(mut times: Vec<Duration>, found: usize) -> Figures {
    times.sort_unstable();
    Figures { median: times[times.len() / 2], p95: times[times.len() * 95 / 100], found }
}

type Make = fn(u64, u64) -> AuditFilter;

fn at(n: u64) -> Timestamp {
    Timestamp::from_micros(((fill::BEGUN_MS + n * fill::STEP_MS) * 1_000) as i64)
}

fn none() -> AuditFilter {
    AuditFilter::default()
}

/// What is asked; by the number of the try and of all entries.
const FILTERS: &[(&str, Make)] = &[
    ("none", |_, _| none()),
    ("actor_kind=service", |_, _| AuditFilter {
        actor_kinds: vec![AccountKind::Base, AccountKind::ApiKey],
        ..none()
    }),
    ("actor_kind=api_key", |_, _| AuditFilter { actor_kinds: vec![AccountKind::ApiKey], ..none() }),
    ("actor_kind=member", |_, _| AuditFilter { actor_kinds: vec![AccountKind::Member], ..none() }),
    ("account", |i, _| AuditFilter { account: Some(AccountId(fill::account(i * 10))), ..none() }),
    ("key", |i, _| AuditFilter { key: Some(KeyId(fill::account(i * 10))), ..none() }),
    ("action=event.accept", |_, _| AuditFilter { action: Some("event.accept".into()), ..none() }),
    ("action=api_key.*", |_, _| AuditFilter { action: Some("api_key.*".into()), ..none() }),
    ("outcome=denied", |_, _| AuditFilter { outcome: Some(AuditOutcome::Denied), ..none() }),
    ("outcome=ok", |_, _| AuditFilter { outcome: Some(AuditOutcome::Ok), ..none() }),
    ("target", |i, _| AuditFilter { target: Some(format!("wfl_{}", i * 7)), ..none() }),
    ("trigger", |i, _| AuditFilter { trigger: Some(TriggerId(fill::trigger(i * 7))), ..none() }),
    ("ip", |i, _| AuditFilter { address: format!("203.0.{}.{}", i % 3, i).parse().ok(), ..none() }),
    ("since and until, a day in the middle", |i, n| AuditFilter {
        since: Some(at(n / 2)),
        until: Some(at(n / 2 + 28_800 + i)),
        ..none()
    }),
    ("account, until the middle", |i, n| AuditFilter {
        account: Some(AccountId(fill::account(i * 10))),
        until: Some(at(n / 2)),
        ..none()
    }),
    ("action=run.fail, outcome=error", |_, _| AuditFilter {
        action: Some("run.fail".into()),
        outcome: Some(AuditOutcome::Error),
        ..none()
    }),
    ("outcome=denied, actor_kind=api_key", |_, _| AuditFilter {
        actor_kinds: vec![AccountKind::ApiKey],
        outcome: Some(AuditOutcome::Denied),
        ..none()
    }),
    ("target, action=run.succeed", |i, _| AuditFilter {
        target: Some(format!("wfl_{}", i * 7)),
        action: Some("run.succeed".into()),
        ..none()
    }),
    ("action=event.accept, outcome=denied: common, never together", |_, _| AuditFilter {
        action: Some("event.accept".into()),
        outcome: Some(AuditOutcome::Denied),
        ..none()
    }),
    ("q=intake, in every entry", |_, _| AuditFilter { text: Some("intake".into()), ..none() }),
    ("q=needle, in three", |_, _| AuditFilter { text: Some("needle".into()), ..none() }),
    ("q=order 4…: a word and a beginning", |i, _| AuditFilter {
        text: Some(format!("order {}", 40 + i)),
        ..none()
    }),
    ("q=d: a letter", |_, _| AuditFilter { text: Some("d".into()), ..none() }),
    ("q=xyzzy, in none", |_, _| AuditFilter { text: Some("xyzzy".into()), ..none() }),
];

async fn page(
    storage: &Storage,
    org: OrgId,
    filter: &AuditFilter,
    before: Option<AuditId>,
) -> Outcome<(Duration, usize)> {
    let begun = Instant::now();
    let mut tx = storage.read().await?;
    let found = audit_entries::list(&mut tx, org, filter, before, PAGE).await?;
    Ok((begun.elapsed(), found.len()))
}

async fn search(name: &str, storage: &Storage, org: OrgId, total: u64) -> Outcome<()> {
    println!("| {name}: filter | first page, p50 | p95 | entries | later page, p50 | p95 |");
    println!("|---|---|---|---|---|---|");
    for (what, make) in FILTERS {
        let mut measured = Vec::new();
        for later in [false, true] {
            let (mut times, mut found) = (Vec::new(), 0);
            for i in 0..TIMES as u64 {
                // From anywhere in the older half.
                let place = (total / 2).saturating_sub(i * total / 40);
                let cursor = AuditId::from_parts(Timestamp::from_micros(at(place).as_micros()), [0; 10]);
                let (took, entries) = page(storage, org, &make(i, total), later.then_some(cursor)).await?;
                times.push(took);
                found = found.max(entries);
            }
            measured.push(figures(times, found));
        }
        let [first, later] = measured.as_slice() else { continue };
        println!(
            "| {what} | {:.1?} | {:.1?} | {} | {:.1?} | {:.1?} |",
            first.median, first.p95, first.found, later.median, later.p95
        );
        let nothing = what.contains("never") || what.contains("in none");
        if (first.found == 0) != nothing {
            return Err(format!("`{what}` found {} entries", first.found).into());
        }
    }
    let mut times = Vec::new();
    let mut entries = 0;
    for i in 0..TIMES as u64 {
        let begun = Instant::now();
        let mut tx = storage.read().await?;
        entries = report::activity(&mut tx, org, AccountId(fill::account(i * 10))).await?.entries;
        times.push(begun.elapsed());
    }
    let figures = figures(times, entries as usize);
    println!("| a key's activity | {:.1?} | {:.1?} | {} | | |", figures.median, figures.p95, figures.found);
    Ok(())
}

/// Fills, indexes and searches a trail.
async fn long(name: &str, url: &str, storage: &Storage, total: u64) -> Outcome<()> {
    let mut tx = storage.write().await?;
    let org = organizations::create(&mut tx, "Long", Timestamp::from_micros(1)).await?.id;
    tx.commit().await?;
    let begun = Instant::now();
    fill::fill(url, org, total, true).await?;
    println!("{name}: {total} entries filled in {:.0?}", begun.elapsed());
    let begun = Instant::now();
    let mut blocks = 0;
    loop {
        match index::round(storage).await?.made {
            0 => break,
            made => blocks += made,
        }
    }
    println!("{name}: {blocks} blocks indexed in {:.0?}", begun.elapsed());
    search(name, storage, org, total).await
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let total: u64 = arguments.first().map_or(Ok(20_000), |n| n.parse())?;
    let asked = |part: &str| arguments.len() < 2 || arguments[1..].iter().any(|own| own == part);
    let folder = tempfile::Builder::new()
        .prefix("audit-")
        .tempdir_in(std::env::var_os("FACTOTUM_BENCH_FOLDER").map_or_else(disk, Into::into))?;
    for (name, url) in urls(folder.path()).await? {
        let (storage, new) = open(url.clone()).await?;
        if asked("rates") {
            let rates = sealing::rates(&storage, &new).await;
            println!(
                "{name}: {:.0} accepts/s alone, {:.0} with sealing ({:.2}), {:.0} with sealing and indexing ({:.2})",
                rates.alone,
                rates.sealed,
                rates.sealed / rates.alone,
                rates.indexed,
                rates.indexed / rates.alone
            );
        }
        if asked("search") {
            long(name, &url, &storage, total).await?;
        }
        if asked("verify") {
            verifying::run(name, &url, &storage, total.min(VERIFIED)).await?;
        }
        storage.close().await;
    }
    Ok(())
}
