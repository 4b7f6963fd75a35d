//! `AnyPool` against native pools behind one enum, on what is hot: accept and claim. What must hold: both sides run the same
//! texts on the same tables, synced to disk, so that only the driver differs. The figures and what follows from them are in
//! docs/adr/0001-native-pools.md.
//!
//! `FACTOTUM_TEST_POSTGRES=postgres://… cargo bench -p factotum-storage --bench pools --features any-pool`

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use sqlx::AnyPool;
use sqlx::any::{Any, AnyConnectOptions, AnyPoolOptions};
use sqlx::postgres::{PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

/// How long each side accepts, and then claims, in one round.
const MEASURED: Duration = Duration::from_millis(600);
/// How many rounds; the sides take turns, and the medians count, so that a neighbour's burst does not decide.
const ROUNDS: usize = 9;
/// How many runs go through one transaction.
const BATCHES: [usize; 3] = [1, 20, 100];

/// Whatever goes wrong ends the measurement.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Both databases natively, as the storage has them.
enum Native {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Sqlite,
    Postgres,
}

/// The tables of an accept in small. Ids are bytes on both, since `Any` knows no UUID.
fn tables(which: Which) -> String {
    let (bytes, int, end) = match which {
        Which::Sqlite => ("BLOB", "INTEGER", "STRICT, WITHOUT ROWID"),
        Which::Postgres => ("BYTEA", "BIGINT", ""),
    };
    let id = format!("id {bytes} NOT NULL PRIMARY KEY");
    format!(
        "CREATE TABLE events ({id}, org {bytes} NOT NULL, at {int} NOT NULL, input TEXT NOT NULL, payload {bytes} NOT NULL) {end};
         CREATE TABLE runs ({id}, org {bytes} NOT NULL, workflow {bytes} NOT NULL, event {bytes} NOT NULL, authority TEXT NOT NULL,
            state TEXT NOT NULL, attempt {int} NOT NULL, at {int} NOT NULL) {end};
         CREATE TABLE ready ({id}, org {bytes} NOT NULL, due {int} NOT NULL) {end};
         CREATE INDEX ready_due ON ready (org, due, id);
         CREATE TABLE leases ({id}, node {bytes} NOT NULL, epoch {int} NOT NULL) {end};
         CREATE TABLE entries ({id}, org {bytes} NOT NULL, at {int} NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL) {end};"
    )
}

/// `n` rows of `columns` placeholders, as the database writes them.
fn rows(which: Which, columns: usize, n: usize) -> String {
    let row = |r: usize| {
        let places: Vec<_> = (1..=columns)
            .map(|c| if which == Which::Sqlite { "?".to_owned() } else { format!("${}", r * columns + c) })
            .collect();
        format!("({})", places.join(","))
    };
    (0..n).map(row).collect::<Vec<_>>().join(",")
}

/// The texts of one batch size.
struct Texts {
    begin: &'static str,
    events: String,
    runs: String,
    ready: String,
    entries: String,
    take: String,
    read: String,
    lease: String,
    start: String,
}

impl Texts {
    fn of(which: Which, n: usize) -> Self {
        let (skip, one, two) = match which {
            Which::Sqlite => ("", "?", "?"),
            Which::Postgres => ("FOR UPDATE SKIP LOCKED", "$1", "$2"),
        };
        Self {
            begin: if which == Which::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" },
            events: format!("INSERT INTO events VALUES {}", rows(which, 5, n)),
            runs: format!("INSERT INTO runs VALUES {}", rows(which, 8, n)),
            ready: format!("INSERT INTO ready VALUES {}", rows(which, 3, n)),
            entries: format!("INSERT INTO entries VALUES {}", rows(which, 5, n)),
            take: format!(
                "WITH c AS MATERIALIZED (SELECT id FROM ready WHERE org = {one} ORDER BY due, id LIMIT {two} {skip}) \
                 DELETE FROM ready WHERE id IN (SELECT id FROM c) RETURNING id"
            ),
            read: format!(
                "SELECT r.id, r.workflow, r.authority, r.attempt, e.input, e.payload FROM runs r JOIN events e ON e.id = r.event \
                 WHERE r.id IN (VALUES {})",
                rows(which, 1, n)
            ),
            lease: format!("INSERT INTO leases VALUES {}", rows(which, 3, n)),
            start: format!(
                "UPDATE runs SET state = 'running', attempt = attempt + 1 WHERE id IN (VALUES {})",
                rows(which, 1, n)
            ),
        }
    }
}

const INPUT: &str = r#"{"kind":"webhook","method":"POST","path":"/","query":"","headers":{"content-type":["application/json"],"user-agent":["curl/8.5.0"]}}"#;
const DETAIL: &str = r#"{"workflow":"echo","plugin_digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","targets":[{"type":"workflow","id":"wfl_019a","name":"echo"}]}"#;

/// The same accept and claim for one driver.
macro_rules! workload {
    ($accept:ident, $claim:ident, $database:ty) => {
        async fn $accept(pool: &sqlx::Pool<$database>, texts: &Texts, org: &[u8], n: usize) -> Outcome<()> {
            let ids: Vec<Vec<u8>> = (0..n).map(|_| Uuid::now_v7().as_bytes().to_vec()).collect();
            let mut tx = pool.begin_with(texts.begin).await?;
            let mut statement = sqlx::query::<$database>(AssertSqlSafe(texts.events.as_str()));
            for id in &ids {
                statement = statement.bind(id.clone()).bind(org.to_vec()).bind(7_i64).bind(INPUT).bind(vec![b'x'; 200]);
            }
            statement.execute(&mut *tx).await?;
            let mut statement = sqlx::query::<$database>(AssertSqlSafe(texts.runs.as_str()));
            for id in &ids {
                statement = statement.bind(id.clone()).bind(org.to_vec()).bind(org.to_vec()).bind(id.clone());
                statement = statement.bind("[\"kv:read\"]").bind("queued").bind(0_i64).bind(7_i64);
            }
            statement.execute(&mut *tx).await?;
            let mut statement = sqlx::query::<$database>(AssertSqlSafe(texts.ready.as_str()));
            for id in &ids {
                statement = statement.bind(id.clone()).bind(org.to_vec()).bind(7_i64);
            }
            statement.execute(&mut *tx).await?;
            let mut statement = sqlx::query::<$database>(AssertSqlSafe(texts.entries.as_str()));
            for id in &ids {
                statement = statement.bind(id.clone()).bind(org.to_vec()).bind(7_i64).bind("event.accept").bind(DETAIL);
            }
            statement.execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        }

        async fn $claim(pool: &sqlx::Pool<$database>, texts: &Texts, org: &[u8], n: usize) -> Outcome<usize> {
            let mut tx = pool.begin_with(texts.begin).await?;
            let taken = sqlx::query::<$database>(AssertSqlSafe(texts.take.as_str()))
                .bind(org.to_vec())
                .bind(i64::try_from(n)?)
                .fetch_all(&mut *tx)
                .await?;
            if taken.len() < n {
                return Ok(0);
            }
            let ids: Vec<Vec<u8>> = taken.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            let mut statement = sqlx::query::<$database>(AssertSqlSafe(texts.read.as_str()));
            for id in &ids {
                statement = statement.bind(id.clone());
            }
            let mut bytes = 0;
            for row in statement.fetch_all(&mut *tx).await? {
                let (id, workflow): (Vec<u8>, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
                let (authority, attempt, input): (String, i64, String) =
                    (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
                let payload: Vec<u8> = row.try_get(5)?;
                bytes += id.len() + workflow.len() + authority.len() + input.len() + payload.len() + attempt as usize;
            }
            assert!(bytes > n * 200, "the rows were read");
            let mut statement = sqlx::query::<$database>(AssertSqlSafe(texts.lease.as_str()));
            for id in &ids {
                statement = statement.bind(id.clone()).bind(org.to_vec()).bind(1_i64);
            }
            statement.execute(&mut *tx).await?;
            let mut statement = sqlx::query::<$database>(AssertSqlSafe(texts.start.as_str()));
            for id in &ids {
                statement = statement.bind(id.clone());
            }
            statement.execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(ids.len())
        }
    };
}

workload!(accept_sqlite, claim_sqlite, Sqlite);
workload!(accept_postgres, claim_postgres, Postgres);
workload!(accept_any, claim_any, Any);

/// Either side of the comparison.
enum Side {
    Native(Native),
    Any(AnyPool),
}

impl Side {
    async fn accept(&self, texts: &Texts, org: &[u8], n: usize) -> Outcome<()> {
        match self {
            Self::Native(Native::Sqlite(pool)) => accept_sqlite(pool, texts, org, n).await,
            Self::Native(Native::Postgres(pool)) => accept_postgres(pool, texts, org, n).await,
            Self::Any(pool) => accept_any(pool, texts, org, n).await,
        }
    }

    async fn claim(&self, texts: &Texts, org: &[u8], n: usize) -> Outcome<usize> {
        match self {
            Self::Native(Native::Sqlite(pool)) => claim_sqlite(pool, texts, org, n).await,
            Self::Native(Native::Postgres(pool)) => claim_postgres(pool, texts, org, n).await,
            Self::Any(pool) => claim_any(pool, texts, org, n).await,
        }
    }

    /// Accepts for a while, then claims what was accepted.
    async fn measure(&self, which: Which, n: usize) -> Outcome<[Figure; 2]> {
        let texts = Texts::of(which, n);
        let org = Uuid::now_v7().as_bytes().to_vec();
        // Prepares the statements.
        for _ in 0..6 {
            self.accept(&texts, &org, n).await?;
            self.claim(&texts, &org, n).await?;
        }
        let (begun, cpu, mut accepted) = (Instant::now(), cpu_time()?, 0);
        while begun.elapsed() < MEASURED {
            self.accept(&texts, &org, n).await?;
            accepted += n;
        }
        let accepts = Figure::of(accepted, begun, cpu)?;
        let (begun, cpu, mut claimed) = (Instant::now(), cpu_time()?, 0);
        while begun.elapsed() < MEASURED {
            match self.claim(&texts, &org, n).await? {
                0 => break,
                some => claimed += some,
            }
        }
        Ok([accepts, Figure::of(claimed, begun, cpu)?])
    }
}

/// What one round of one side gave.
#[derive(Clone, Copy, Default)]
struct Figure {
    /// Runs per second.
    rate: f64,
    /// Microseconds of this process's CPU time per run, which other programs on the machine do not change much.
    cpu_us: f64,
}

impl Figure {
    fn of(runs: usize, begun: Instant, cpu_before: f64) -> Outcome<Self> {
        let (runs, cpu) = (runs.max(1) as f64, cpu_time()? - cpu_before);
        Ok(Self { rate: runs / begun.elapsed().as_secs_f64(), cpu_us: cpu * 1e6 / runs })
    }
}

/// The CPU time of this process in seconds: user and system, of all threads (proc(5), fields 14 and 15, in hundredths).
fn cpu_time() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/self/stat has another form")?;
    let mut ticks = fields.split(' ').skip(11);
    let mut next = || ticks.next().ok_or("/proc/self/stat has too few fields");
    let (user, system): (f64, f64) = (next()?.parse()?, next()?.parse()?);
    Ok((user + system) / 100.0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn sqlite(folder: &std::path::Path) -> Outcome<[Side; 2]> {
    let url = |name: &str| format!("sqlite:{}", folder.join(name).display());
    let options = |name: &str| {
        Ok::<_, sqlx::Error>(
            SqliteConnectOptions::from_str(&url(name))?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("wal_autocheckpoint", "4000"),
        )
    };
    let native = SqlitePoolOptions::new().max_connections(1).connect_with(options("native.db")?).await?;
    sqlx::raw_sql(AssertSqlSafe(tables(Which::Sqlite))).execute(&native).await?;
    // The journal mode stays with the file; the rest is set on each connection of `Any`.
    let made = SqlitePoolOptions::new().max_connections(1).connect_with(options("any.db")?).await?;
    sqlx::raw_sql(AssertSqlSafe(tables(Which::Sqlite))).execute(&made).await?;
    made.close().await;
    let any = AnyPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000")
                    .execute(connection)
                    .await
                    .map(drop)
            })
        })
        .connect_with(AnyConnectOptions::from_str(&url("any.db"))?)
        .await?;
    Ok([Side::Native(Native::Sqlite(native)), Side::Any(any)])
}

async fn postgres(server: &str) -> Outcome<[Side; 2]> {
    let (base, _) = server.rsplit_once('/').ok_or("the server's URL names no database")?;
    let admin = PgPoolOptions::new().max_connections(1).connect(server).await?;
    let mut urls = Vec::new();
    for name in ["native", "any"] {
        let name = format!("pools_{name}_{}", Uuid::now_v7().simple());
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await?;
        urls.push(format!("{base}/{name}"));
    }
    let native = PgPoolOptions::new().max_connections(1).connect(&urls[0]).await?;
    sqlx::raw_sql(AssertSqlSafe(tables(Which::Postgres))).execute(&native).await?;
    let any = AnyPoolOptions::new().max_connections(1).connect(&urls[1]).await?;
    sqlx::raw_sql(AssertSqlSafe(tables(Which::Postgres))).execute(&any).await?;
    Ok([Side::Native(Native::Postgres(native)), Side::Any(any)])
}

#[tokio::main]
async fn main() -> Outcome<()> {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir()?;
    let mut sides = vec![("SQLite", Which::Sqlite, sqlite(folder.path()).await?)];
    match std::env::var("FACTOTUM_TEST_POSTGRES") {
        Ok(server) => sides.push(("PostgreSQL", Which::Postgres, postgres(&server).await?)),
        Err(_) => println!("FACTOTUM_TEST_POSTGRES names no server: SQLite alone is measured"),
    }
    println!("| database | batch | what | native | Any | Any/native | CPU native | CPU Any | Any/native |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, which, [native, any]) in &sides {
        for n in BATCHES {
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push((native.measure(*which, n).await?, any.measure(*which, n).await?));
            }
            for (index, what) in ["accept", "claim"].into_iter().enumerate() {
                let pairs = || rounds.iter().map(|(native, any)| (native[index], any[index]));
                println!(
                    "| {name} | {n} | {what} | {:.0}/s | {:.0}/s | {:.2} | {:.1} µs | {:.1} µs | {:.2} |",
                    median(pairs().map(|(native, _)| native.rate)),
                    median(pairs().map(|(_, any)| any.rate)),
                    median(pairs().map(|(native, any)| any.rate / native.rate)),
                    median(pairs().map(|(native, _)| native.cpu_us)),
                    median(pairs().map(|(_, any)| any.cpu_us)),
                    median(pairs().map(|(native, any)| any.cpu_us / native.cpu_us)),
                );
            }
        }
    }
    Ok(())
}
