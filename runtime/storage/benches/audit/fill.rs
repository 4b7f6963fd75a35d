//! Fills an audit trail as a year of use would: of 100 entries 49 accepts, 48 runs that succeeded, one that failed, one denial, now and then
//! a run through the API, rarely a new key; 1 000 service accounts, 10 000 workflows and triggers, 300 addresses. What must hold: the
//! entries have the columns and details that the server writes, and their leaves; the leaves' hashes are not those of a log.

use factotum_model::OrgId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::world::Outcome;

/// How many entries one statement writes.
const CHUNK: u64 = 100_000;
/// Between two entries, in milliseconds: ten million are a year.
pub const STEP_MS: u64 = 3_000;
/// When the first entry is, in milliseconds since the epoch.
pub const BEGUN_MS: u64 = 1_700_000_000_000;

struct Dialect {
    series: fn(u64, u64) -> String,
    /// An id of two numbers: a time in milliseconds, and what tells it from others.
    id: fn(&str, &str) -> String,
    hash: &'static str,
    json: fn(&str) -> String,
}

const SQLITE: Dialect = Dialect {
    series: |from, to| {
        format!(
            "(WITH RECURSIVE c(n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {to}) SELECT n FROM c)"
        )
    },
    id: |ms, n| format!("unhex(printf('%012x7a0080%014x', {ms}, {n}))"),
    hash: "zeroblob(32)",
    json: |n| format!("printf('%012x%020x', {n}, {n} * 7919)"),
};
const POSTGRES: Dialect = Dialect {
    series: |from, to| format!("(SELECT n FROM generate_series({from}::bigint, {to}::bigint - 1) n)"),
    id: |ms, n| {
        format!(
            "(lpad(to_hex(({ms})::bigint), 12, '0') || '7a0080' || lpad(to_hex(({n})::bigint), 14, '0'))::uuid"
        )
    },
    hash: "decode(repeat('00', 32), 'hex')",
    json: |n| format!("(lpad(to_hex({n}), 12, '0') || lpad(to_hex({n} * 7919), 20, '0'))"),
};

/// The service account of a number.
pub fn account(n: u64) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x7a_0080_u128 << 56 | u128::from(n + 1))
}

/// The trigger of a number.
pub fn trigger(n: u64) -> uuid::Uuid {
    uuid::Uuid::from_u128(1_u128 << 80 | 0x7a_0080_u128 << 56 | u128::from(n + 1))
}

fn entries(dialect: &Dialect, org: &str, total: u64, from: u64, to: u64) -> String {
    let (series, id, hex) = ((dialect.series)(from, to), dialect.id, dialect.json);
    let own = id(&format!("{BEGUN_MS} + n * {STEP_MS}"), "n");
    let run = id(&format!("{BEGUN_MS} + (n / 2) * {}", STEP_MS * 2), "n / 2");
    let (by_key, trigger) = (id("0", "n * 7919 % 1000 + 1"), id("1", "n / 2 * 7919 % 10000 + 1"));
    // What kind of entry it is.
    let kind = "CASE WHEN n % 10007 = 10 THEN 'key' WHEN n % 1000 = 10 THEN 'api' WHEN n % 100 = 50 THEN 'denied' \
                WHEN n % 100 = 51 THEN 'fail' WHEN n % 2 = 0 THEN 'accept' ELSE 'succeed' END";
    let by_key_or_base = format!("CASE WHEN k IN ('api', 'denied') THEN {by_key} ELSE {} END", id("2", "1"));
    let needle = format!("CASE WHEN n IN (10, {}, {}) THEN ' needle' ELSE '' END", total / 2, total - 5);
    let request = hex("n");
    let workflow = "'intake-' || (n / 2 * 7919 % 10000)";
    format!(
        "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, trigger_id, key_id, run_id, target_id, detail) \
         SELECT {own}, {org}, ({BEGUN_MS} + n * {STEP_MS}) * 1000, \
         CASE k WHEN 'key' THEN 'api_key.create' WHEN 'api' THEN 'workflow.run' WHEN 'denied' THEN 'run.list' WHEN 'fail' THEN 'run.fail' WHEN 'accept' THEN 'event.accept' ELSE 'run.succeed' END, \
         CASE k WHEN 'denied' THEN 'denied' WHEN 'fail' THEN 'error' ELSE 'ok' END, \
         {by_key_or_base}, CASE WHEN k = 'key' THEN 'member' WHEN k IN ('api', 'denied') THEN 'api_key' ELSE 'base' END, \
         CASE WHEN k = 'key' THEN 'Ada Lovelace' WHEN k IN ('api', 'denied') THEN 'deploy ' || (n * 7919 % 1000) ELSE 'Service Account' END, \
         CASE WHEN k = 'key' THEN 'member' WHEN k IN ('api', 'denied') THEN 'api' ELSE 'webhook' END, \
         CASE WHEN k IN ('accept', 'succeed', 'fail') THEN {trigger} END, CASE WHEN k IN ('api', 'denied') THEN {by_key} END, \
         CASE WHEN k IN ('key', 'denied') THEN NULL ELSE {run} END, 'first', \
         '{{\"workflow\":\"' || {workflow} || '\",\"plugin_digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"' \
         || CASE WHEN k IN ('succeed', 'fail') THEN ',\"attempt\":1' ELSE ',\"external_ref\":\"delivery-' || n || '\",\"ip\":\"203.0.' || (n * 7919 % 3) || '.' || (n * 104729 % 100) \
             || '\",\"user_agent\":\"GitHub-Hookshot/' || (n % 7) || '\",\"request_id\":\"req_' || {request} || '\"' END \
         || CASE WHEN k IN ('api', 'denied') THEN ',\"key_prefix\":\"fct_abcdefgh\"' ELSE '' END \
         || CASE WHEN k IN ('denied', 'fail') THEN ',\"reason\":\"failed: order ' || n || ' could not be read' || {needle} || '\"' ELSE ',\"reason\":\"' || {needle} || '\"' END \
         || ',\"targets\":[' || CASE WHEN k = 'key' THEN '{{\"type\":\"api_key\",\"id\":\"key_' || n || '\"}}' \
             ELSE '{{\"type\":\"workflow\",\"id\":\"wfl_' || (n / 2 * 7919 % 10000) || '\"}}' END || ']}}' \
         FROM (SELECT n, {kind} AS k FROM {series} s) x",
    )
}

enum Target {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

impl Target {
    async fn run(&mut self, sql: String) -> Outcome<()> {
        match self {
            Self::Sqlite(connection) => connection.execute(AssertSqlSafe(sql)).await.map(drop)?,
            Self::Postgres(connection) => connection.execute(AssertSqlSafe(sql)).await.map(drop)?,
        }
        Ok(())
    }
}

/// Writes `total` entries, with leaves or for the sealer to make them.
pub async fn fill(url: &str, org: OrgId, total: u64, leaves: bool) -> Outcome<()> {
    let (mut target, dialect, org, after): (_, _, _, &[&str]) =
        if let Some(path) = url.strip_prefix("sqlite:") {
            let options = SqliteConnectOptions::new().filename(path).synchronous(SqliteSynchronous::Off);
            let mut connection = SqliteConnection::connect_with(&options).await?;
            // They look each row up once more, which takes most of the time.
            for guard in ["audit_entries_guard_insert", "audit_leaves_guard_insert"] {
                connection.execute(AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {guard}"))).await?;
            }
            let after: &[&str] = &[
                "UPDATE audit_sealing SET bound = (SELECT CAST(max(seq) AS TEXT) FROM audit_entries)",
                "PRAGMA wal_checkpoint(TRUNCATE)",
            ];
            (Target::Sqlite(Box::new(connection)), SQLITE, format!("X'{}'", org.0.simple()), after)
        } else {
            let mut connection = PgConnection::connect(url).await?;
            connection.execute("SET synchronous_commit = off").await?;
            let after: &[&str] = &[
                "UPDATE audit_sealing SET bound = pg_current_snapshot()::text",
                "VACUUM ANALYZE audit_entries",
                "VACUUM ANALYZE audit_leaves",
                "CHECKPOINT",
            ];
            (Target::Postgres(Box::new(connection)), POSTGRES, format!("'{}'::uuid", org.0), after)
        };
    for from in (0..total).step_by(CHUNK as usize) {
        let to = total.min(from + CHUNK);
        target.run(entries(&dialect, &org, total, from, to)).await?;
        if !leaves {
            continue;
        }
        let (series, hash) = ((dialect.series)(from, to), dialect.hash);
        let own = (dialect.id)(&format!("{BEGUN_MS} + n * {STEP_MS}"), "n");
        target
            .run(format!(
                "INSERT INTO audit_leaves (org_id, leaf_index, entry_id, leaf_hash) SELECT {org}, n, {own}, {hash} FROM {series} s"
            ))
            .await?;
    }
    // The first moves the bound over what has its leaf.
    for sql in after.iter().skip(usize::from(!leaves)) {
        target.run((*sql).to_owned()).await?;
    }
    Ok(())
}
