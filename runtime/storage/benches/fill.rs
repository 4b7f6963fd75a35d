//! Fills a database as years of use would: finished runs with their events and audit entries, workflows, organizations. What must hold: the rows
//! are of the shape that the server writes, and belong to what is there, so that the server goes on with the database.
//!
//! `… fill URL RUNS WORKFLOWS ORGANIZATIONS`, with the server stopped; it must have one organization with a plugin.

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How many runs one statement writes.
const CHUNK: u64 = 200_000;

/// What differs between the two databases: numbers from … to, and an id made of them.
struct Dialect {
    series: fn(u64, u64) -> String,
    /// An id of kind `k`: in the order of `n`, in the past.
    id: fn(char) -> String,
    /// The type of bytes.
    bytes: &'static str,
}

const SQLITE: Dialect = Dialect {
    series: |from, to| {
        format!(
            "(WITH RECURSIVE c(n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {to}) SELECT n FROM c)"
        )
    },
    id: |kind| format!("unhex(printf('%012x7{kind}00800000%010x', 1700000000000 + s.n, s.n))"),
    bytes: "BLOB",
};
const POSTGRES: Dialect = Dialect {
    series: |from, to| format!("(SELECT n FROM generate_series({from}::bigint, {to}::bigint - 1) n)"),
    id: |kind| {
        format!(
            "(lpad(to_hex(1700000000000 + s.n), 12, '0') || '7{kind}00800000' || lpad(to_hex(s.n), 10, '0'))::uuid"
        )
    },
    bytes: "BYTEA",
};

fn statements(dialect: &Dialect, from: u64, to: u64) -> Vec<String> {
    let (series, id) = ((dialect.series)(from, to), dialect.id);
    let (run, event, accepted, ended) = (id('a'), id('b'), id('c'), id('d'));
    let at = "(1700000000000000 + s.n * 1000)";
    let of = "FROM SERIES s CROSS JOIN (SELECT o.id AS org, o.base_account_id AS base, w.id AS workflow FROM organizations o \
              JOIN workflows w ON w.org_id = o.id ORDER BY w.id LIMIT 1) x"
        .replace("SERIES", &series);
    let entry = |id: &str, action: &str| {
        format!(
            "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, run_id, target_id, detail) \
             SELECT {id}, x.org, {at}, '{action}', 'ok', x.base, 'base', 'Service Account', 'webhook', {run}, 'run', '{{\"workflow\":\"hello\"}}' {of}"
        )
    };
    vec![
        format!(
            "INSERT INTO events (id, org_id, received_at, input, payload) \
             SELECT {event}, x.org, {at}, '{{\"kind\":\"call\"}}', CAST('{{\"order\":7}}' AS {}) {of}",
            dialect.bytes
        ),
        format!(
            "INSERT INTO runs (id, org_id, workflow_id, workflow_version, event_id, account_id, principal_kind, principal_name, initiator_kind, \
             authority, missing_grants, state, attempt, created_at, started_at, finished_at, output) \
             SELECT {run}, x.org, x.workflow, 1, {event}, x.base, 'base', 'Service Account', 'webhook', '[]', '[]', 'succeeded', 1, \
             {at}, {at}, {at}, '\"done\"' {of}"
        ),
        entry(&accepted, "event.accept"),
        entry(&ended, "run.succeed"),
    ]
}

fn surroundings(dialect: &Dialect, workflows: u64, organizations: u64) -> Vec<String> {
    let id = dialect.id;
    let plugin = "CROSS JOIN (SELECT id, org_id, created_by FROM plugins ORDER BY id LIMIT 1) p";
    let (many_workflows, many_orgs) = ((dialect.series)(0, workflows), (dialect.series)(0, organizations));
    vec![
        format!(
            "INSERT INTO workflows (id, org_id, name, version, created_at, updated_at) \
             SELECT {}, p.org_id, 'filler-' || s.n, 1, 1, 1 FROM {many_workflows} s {plugin}",
            id('e')
        ),
        format!(
            "INSERT INTO workflow_versions (workflow_id, version, plugin_id, grants, config, limits, retry, created_by, created_at) \
             SELECT {}, 1, p.id, '[]', '{{}}', '{{}}', '{{}}', p.created_by, 1 FROM {many_workflows} s {plugin}",
            id('e')
        ),
        format!(
            "INSERT INTO organizations (id, name, base_account_id, created_at) SELECT {}, 'Filler ' || s.n, {}, 1 FROM {many_orgs} s",
            id('f'),
            id('9')
        ),
    ]
}

/// A database to write into.
enum Target {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

impl Target {
    async fn connect(url: &str) -> Outcome<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Off);
            return Ok(Self::Sqlite(Box::new(SqliteConnection::connect_with(&options).await?)));
        }
        let mut connection = PgConnection::connect(url).await?;
        connection.execute("SET synchronous_commit = off").await?;
        Ok(Self::Postgres(Box::new(connection)))
    }

    const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => SQLITE,
            Self::Postgres(_) => POSTGRES,
        }
    }

    async fn run(&mut self, sql: String) -> Outcome<()> {
        match self {
            Self::Sqlite(connection) => connection.execute(AssertSqlSafe(sql)).await.map(drop)?,
            Self::Postgres(connection) => connection.execute(AssertSqlSafe(sql)).await.map(drop)?,
        }
        Ok(())
    }

    /// To disk, and known to the planner.
    async fn settle(mut self) -> Outcome<()> {
        let last: &[&str] = match self {
            Self::Sqlite(_) => &["PRAGMA synchronous = FULL", "PRAGMA wal_checkpoint(TRUNCATE)"],
            // As its own upkeep would have done over the years; else it begins just when the load does.
            Self::Postgres(_) => &["VACUUM ANALYZE", "CHECKPOINT"],
        };
        for sql in last {
            self.run((*sql).to_owned()).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [url, runs, workflows, organizations] = arguments.as_slice() else {
        return Err("fill URL RUNS WORKFLOWS ORGANIZATIONS".into());
    };
    let runs: u64 = runs.parse()?;
    let mut target = Target::connect(url).await?;
    let dialect = target.dialect();
    for sql in surroundings(&dialect, workflows.parse()?, organizations.parse()?) {
        target.run(sql).await?;
    }
    for from in (0..runs).step_by(CHUNK as usize) {
        for sql in statements(&dialect, from, runs.min(from + CHUNK)) {
            target.run(sql).await?;
        }
    }
    target.settle().await
}
