//! What one sender alone waits for: an accept through the journal, beside what the same database gives for a bare commit of as many rows.
//! What must hold: both are synced, in one file or server, from one task.
//!
//! `FACTOTUM_TEST_POSTGRES=postgres://… cargo bench -p factotum-storage --bench commit [-- --json]`

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

#[path = "journal/world.rs"]
mod world;

use std::time::{Duration, Instant};

use factotum_model::RunId;
use factotum_storage::Storage;
use factotum_storage::accept::NewRun;
use world::{Outcome, open, urls};

/// How long each is measured.
const MEASURED: Duration = Duration::from_secs(3);
/// The rows of one accept: event, run, ready, audit entry.
const ROWS: usize = 4;
const BYTES: usize = 400;

async fn accepts(storage: &Storage, new: &NewRun) -> Outcome<Vec<Duration>> {
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < MEASURED {
        let run = NewRun { run_id: RunId::random(), ..new.clone() };
        let one = Instant::now();
        storage.journal().accept(run).await?;
        took.push(one.elapsed());
    }
    Ok(took)
}

async fn bare_sqlite(path: &str) -> Outcome<Vec<Duration>> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = sqlx::SqlitePool::connect_with(options).await?;
    let mut connection = pool.acquire().await?;
    sqlx::query("CREATE TABLE bare (at INTEGER, bytes BLOB) STRICT").execute(&mut *connection).await?;
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < MEASURED {
        let one = Instant::now();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        for row in 0..ROWS {
            sqlx::query("INSERT INTO bare VALUES ($1, $2)")
                .bind(row as i64)
                .bind(vec![7; BYTES])
                .execute(&mut *connection)
                .await?;
        }
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        took.push(one.elapsed());
    }
    Ok(took)
}

async fn bare_postgres(url: &str) -> Outcome<Vec<Duration>> {
    let pool = sqlx::PgPool::connect(url).await?;
    sqlx::query("CREATE TABLE bare (at BIGINT, bytes BYTEA)").execute(&pool).await?;
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < MEASURED {
        let one = Instant::now();
        let mut tx = pool.begin().await?;
        for row in 0..ROWS {
            sqlx::query("INSERT INTO bare VALUES ($1, $2)")
                .bind(row as i64)
                .bind(vec![7_u8; BYTES])
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        took.push(one.elapsed());
    }
    Ok(took)
}

fn show(json: bool, name: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    let rate = took.len() as f64 / took.iter().sum::<Duration>().as_secs_f64();
    if json {
        let figures = serde_json::json!({"per_second": rate, "p50_us": at(0.5), "p99_us": at(0.99)});
        println!("{}", serde_json::json!({"name": name, "figures": figures}));
    } else {
        println!("{name}: {rate:.0}/s, p50 {:.0} µs, p99 {:.0} µs", at(0.5), at(0.99));
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let json = std::env::args().any(|a| a == "--json");
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(world::disk())?;
    for (name, url) in urls(folder.path()).await? {
        let bare = match url.strip_prefix("sqlite:") {
            Some(path) => bare_sqlite(&format!("{path}.bare")).await?,
            None => bare_postgres(&url).await?,
        };
        show(json, &format!("{name}: bare commit of {ROWS} rows, one task"), bare);
        let (storage, new) = open(url).await?;
        show(json, &format!("{name}: accept, one task"), accepts(&storage, &new).await?);
        storage.close().await;
    }
    Ok(())
}
