//! `cargo xtask bench schedules`: a million schedules on a running server. How long until it has armed them after a start, how late firings are committed while
//! they come evenly, and how long ten thousand that are due at once take. What must hold: syncing is on, and each firing's run is executed beside.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use factotum_tests::{Owner, Postgres, Server, Settings, wait};
use serde_json::{Value, json};

use super::report::Report;
use super::{Options, machine};
use crate::command::{Interrupt, cargo, say, step, target};
use crate::{guests, postgres};

/// How many are due at once.
const AT_ONCE: u64 = 10_000;
/// How long before the first one is due the server starts.
const HEAD_START_MS: u64 = 30_000;
/// How long something may take before the measurement counts as failed.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long the wait is for the even load: its firings are spread over the hour.
const EVEN: Duration = Duration::from_secs(30);

/// Measures on both databases.
pub fn run(options: &Options, interrupt: &Interrupt) -> anyhow::Result<()> {
    if !options.no_build {
        step("release build", || interrupt.run(cargo().args(["build", "--release", "--bin", "factotum"])))?;
    }
    step("guests", || guests::build(&guests::Options { quiet: true, ..guests::Options::default() }))?;
    let program = target().join("release").join("factotum");
    let mut report = Report::default();
    step("machine", || machine::measure(&mut report))?;
    let settings = || Settings { program: Some(program.clone()), ..Settings::default() };
    step("SQLite", || measure("sqlite", settings(), options, &mut report, interrupt))?;
    step("PostgreSQL", || {
        let own: Postgres = postgres::start(true, interrupt)?;
        let database = Some(own.create_database("bench")?);
        measure("postgres", Settings { database, ..settings() }, options, &mut report, interrupt)
    })?;
    say(&report.table());
    let file = target().join("bench-schedules.json");
    std::fs::write(&file, report.json())?;
    say(&format!("Written to {}", file.display()));
    Ok(())
}

fn measure(
    group: &str,
    settings: Settings,
    options: &Options,
    report: &mut Report,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(target())?;
    let mut server = Server::launch(Settings { data: Some(folder.path().join("data")), ..settings })?;
    server.api().deploy("hello", &[]);
    // The one that the others are copied from.
    server.api().trigger("hello", "schedule", &json!({"cron": "0 0 1 1 *"}));
    server.stop()?;
    let owner = Owner::of(&server);
    // Each with an interval of its own: an hour from a millisecond of its own on, so that they come evenly.
    let first_ms = now_ms()? + 120_000;
    fill(&owner, options.schedules, first_ms)?;
    // So that there are some to take into memory at the start.
    while now_ms()? + HEAD_START_MS < first_ms {
        interrupt.check()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    let started = Instant::now();
    server.resume()?;
    let armed = wait::poll(PATIENCE, || metric(&server, "factotum_schedules_armed").filter(|n| *n >= 0));
    let armed = armed.context("the schedules were not armed")?;
    let arming = json!({"seconds": started.elapsed().as_secs_f64(), "in_memory": armed});
    say(&format!("{group}: armed after a start: {arming}"));
    report.add(group, &format!("start until armed, {} schedules", options.schedules), arming);
    // Until the first of them come.
    let begun = wait::poll(PATIENCE, || (total(&server) > 0).then_some(()));
    begun.context("nothing fired")?;
    interrupt.check()?;
    let before = classes(&server);
    let start = Instant::now();
    while start.elapsed() < EVEN {
        interrupt.check()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    let after = classes(&server);
    let fired: i64 = after.iter().zip(&before).map(|((_, after), (_, before))| after - before).sum();
    let lag = json!({
        "per_second": fired as f64 / start.elapsed().as_secs_f64(),
        "p50_within_ms": quantile(&before, &after, 0.5), "p99_within_ms": quantile(&before, &after, 0.99),
    });
    say(&format!("{group}: firings that come evenly: {lag}"));
    report.add(group, "lag of firings that come evenly, runs beside", lag);
    let drained = burst(&owner)?;
    say(&format!("{group}: {AT_ONCE} due at once: {drained}"));
    report.add(group, &format!("{AT_ONCE} due at once, until all are committed"), drained);
    server.stop()?;
    Ok(())
}

/// Copies the one schedule so many times.
fn fill(owner: &Owner, count: u64, first_ms: u64) -> anyhow::Result<()> {
    let ms = |n: &str| format!("({first_ms} + ({n} * 3600000) / {count})");
    let (series, id, start, micros) = match owner {
        Owner::Sqlite(_) => (
            format!(
                "(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {count}) SELECT n FROM c)"
            ),
            "CAST(printf('%016d', s.n) AS BLOB)".to_owned(),
            format!(
                "strftime('%Y-%m-%dT%H:%M:%S', {0} / 1000, 'unixepoch') || printf('.%03dZ', {0} % 1000)",
                ms("s.n")
            ),
            format!("{} * 1000", ms("s.n")),
        ),
        Owner::Postgres(_) => (
            format!("(SELECT n FROM generate_series(0::bigint, {count}::bigint - 1) n)"),
            "('0190000000007e0080' || lpad(to_hex(s.n), 14, '0'))::uuid".to_owned(),
            format!(
                "to_char(to_timestamp({} / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
                ms("s.n")
            ),
            format!("{} * 1000", ms("s.n")),
        ),
    };
    let config = format!(
        "'{{\"every\":\"1h\",\"timezone\":\"UTC\",\"start\":\"' || {start} || '\",\"missed\":{{\"policy\":\"last\",\"window_s\":3600}},\"overlap\":\"allow\"}}'"
    );
    let text = format!(
        "BEGIN; INSERT INTO triggers (id, org_id, workflow_id, kind, config, created_by, created_at, updated_at) \
         SELECT {id}, t.org_id, t.workflow_id, 'schedule', {config}, t.created_by, t.created_at, t.updated_at \
         FROM {series} s CROSS JOIN (SELECT * FROM triggers ORDER BY id DESC LIMIT 1) t; \
         INSERT INTO schedules (trigger_id, org_id, next_at, delay_us, decided_at) \
         SELECT {id}, t.org_id, {micros}, 0, t.created_at FROM {series} s CROSS JOIN (SELECT * FROM triggers ORDER BY id DESC LIMIT 1) t; COMMIT;"
    );
    owner.sql(&text)?;
    if matches!(owner, Owner::Postgres(_)) {
        // What the server does by itself after so many rows, and not again for long.
        owner.sql("VACUUM ANALYZE")?;
        owner.sql("CHECKPOINT")?;
    }
    let there: u64 = owner.sql("SELECT count(*) FROM schedules")?.trim().parse()?;
    ensure!(there > count, "{count} schedules were to be there, {there} are");
    Ok(())
}

/// Moves ten thousand of them to one instant, and waits until all are committed.
fn burst(owner: &Owner) -> anyhow::Result<Value> {
    // Far enough for the node to have read them: it looks every few seconds.
    let at_s = now_ms()? / 1_000 + 45;
    let (at, of_day) = (at_s * 1_000_000, at_s % 86_400);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let config = format!(
        "'{{\"cron\":\"{second} {minute} {hour} * * *\",\"timezone\":\"UTC\",\"missed\":{{\"policy\":\"last\",\"window_s\":3600}},\"overlap\":\"allow\"}}'"
    );
    owner.sql(&format!(
        "BEGIN; UPDATE schedules SET next_at = {at}, decided_at = {at} - 1000000 WHERE trigger_id IN \
         (SELECT trigger_id FROM schedules ORDER BY next_at DESC LIMIT {AT_ONCE}); \
         UPDATE triggers SET config = {config} WHERE id IN (SELECT trigger_id FROM schedules WHERE next_at = {at}); COMMIT;"
    ))?;
    let done = wait::poll(PATIENCE, || {
        let left = owner.sql(&format!("SELECT count(*) FROM schedules WHERE next_at = {at}")).ok()?;
        (left.trim() == "0").then_some(())
    });
    done.context("they were not drained")?;
    let found = owner.sql(&format!(
        "SELECT count(*), max(e.received_at) - {at} FROM events e JOIN triggers t ON t.id = e.trigger_id \
         WHERE t.config = {config} AND e.received_at >= {at}"
    ))?;
    let (count, micros) = found.trim().split_once('|').context("no events of them")?;
    let micros: f64 = micros.parse().context("no event of them")?;
    Ok(json!({"fired": count.parse::<u64>()?, "seconds": micros / 1e6}))
}

/// One figure of `/metrics`.
fn metric(server: &Server, name: &str) -> Option<i64> {
    let answer = server.stranger().get("/metrics").text();
    answer.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The classes of `factotum_schedule_firings`, with their bounds in milliseconds.
fn classes(server: &Server) -> Vec<(u64, i64)> {
    let answer = server.stranger().get("/metrics").text();
    let mut found: Vec<(u64, i64)> = answer
        .lines()
        .filter_map(|line| {
            let (bound, count) =
                line.strip_prefix("factotum_schedule_firings{within_ms=\"")?.split_once("\"} ")?;
            Some((bound.parse().unwrap_or(u64::MAX), count.trim().parse().ok()?))
        })
        .collect();
    found.sort_unstable();
    found
}

fn total(server: &Server) -> i64 {
    classes(server).iter().map(|(_, count)| count).sum()
}

/// The bound within which this part of them lies.
fn quantile(before: &[(u64, i64)], after: &[(u64, i64)], part: f64) -> Option<u64> {
    let counts: Vec<(u64, i64)> =
        after.iter().zip(before).map(|((bound, after), (_, before))| (*bound, after - before)).collect();
    let wanted = counts.iter().map(|(_, count)| count).sum::<i64>() as f64 * part;
    let mut seen = 0;
    counts.iter().find_map(|(bound, count)| {
        seen += count;
        (seen as f64 >= wanted && seen > 0).then_some(*bound)
    })
}

/// Milliseconds since the epoch, of the clock that the server goes by too.
fn now_ms() -> anyhow::Result<u64> {
    #[expect(clippy::disallowed_methods, reason = "a measurement against the wall clock of a running server")]
    let now = std::time::SystemTime::now();
    Ok(u64::try_from(now.duration_since(std::time::UNIX_EPOCH)?.as_millis())?)
}
