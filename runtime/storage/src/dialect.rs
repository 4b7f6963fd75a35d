//! Every difference between SQLite and PostgreSQL: how to connect, begin, lock a row, read the clock, write
//! placeholders, and what an error means. What must hold: no other file asks which backend it is on.

pub(crate) mod seal;

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, SqlSafeStr as _};

use crate::breaker::Breaker;
use crate::error::StorageError;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded default: one node.
    Sqlite,
    /// For several nodes.
    Postgres,
}

/// Connections of PostgreSQL that one node may have, unless set otherwise.
pub const DEFAULT_POSTGRES_CONNECTIONS: u32 = 20;
/// Readers of SQLite beside its one writer.
const SQLITE_READERS: u32 = 4;
/// How much of the file a connection keeps in memory at the most, in KiB as SQLite has it: negative. With its own 2 MiB the writer reads the same inner
/// pages of the audit trail's indexes again for every batch.
const SQLITE_WRITER_CACHE: &str = "-65536";
const SQLITE_READER_CACHE: &str = "-16384";
/// How long SQLite may take to give its writer or its lock before it counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long PostgreSQL may take to give a connection: a sender waits no longer for its 503.
const POSTGRES_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may have been idle and still be taken unasked.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Prepared statements kept per connection: bulk statements come in many lengths.
const STATEMENT_CACHE: usize = 1024;

/// The pools of one database.
#[derive(Debug, Clone)]
pub(crate) enum Pools {
    /// One writer, since SQLite has one write lock and queueing for it in order is kinder than retrying; many readers.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// Readers and writers alike.
    Postgres { pool: PgPool, breaker: Arc<Breaker> },
}

impl Pools {
    /// Connects to a `sqlite:` file or a `postgres:` server.
    pub(crate) async fn connect(url: &str, connections: u32) -> Result<Self, StorageError> {
        if url.starts_with("sqlite:") {
            connect_sqlite(url).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url)
                .map_err(|e| StorageError::Setup(format!("the database URL cannot be read: {e}")))?
                .statement_cache_capacity(STATEMENT_CACHE)
                .application_name("factotum")
                .disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(POSTGRES_TIMEOUT)
                // A connection that was used a moment ago is not asked first whether it lives: that is a round trip for each
                // accept. One that broke since gives an error that is answered like any other loss of the database.
                .test_before_acquire(false)
                .after_connect(|connection, _| {
                    // Its queries are short; compiling one takes longer than any of them.
                    Box::pin(async move { connection.execute("SET jit = off").await.map(drop) })
                })
                .before_acquire(|connection, about| {
                    Box::pin(async move {
                        if about.idle_for > TRUSTED_IDLE {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                .connect_with(options)
                .await?;
            Ok(Self::Postgres { pool, breaker: Arc::default() })
        } else {
            Err(StorageError::Setup(
                "the database URL must begin with `sqlite:` or `postgres://`, as in `postgres://user@host/factotum`".into(),
            ))
        }
    }

    /// Connects to a database that is there, to read only.
    pub(crate) async fn connect_read_only(url: &str) -> Result<Self, StorageError> {
        if !url.starts_with("sqlite:") {
            return Self::connect(url, 2).await;
        }
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|e| StorageError::Setup(format!("the database URL cannot be read: {e}")))?
            .read_only(true)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .disable_statement_logging();
        if !options.get_filename().is_file() {
            let path = options.get_filename().display();
            return Err(StorageError::Setup(format!(
                "there is no database {path}; name its folder with --data"
            )));
        }
        let pool = SqlitePoolOptions::new().max_connections(2).acquire_timeout(ACQUIRE_TIMEOUT);
        let readers = pool.connect_with(options).await?;
        Ok(Self::Sqlite { writer: readers.clone(), readers })
    }

    pub(crate) const fn backend(&self) -> Backend {
        match self {
            Self::Sqlite { .. } => Backend::Sqlite,
            Self::Postgres { .. } => Backend::Postgres,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }
}

async fn connect_sqlite(url: &str) -> Result<Pools, StorageError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|e| StorageError::Setup(format!("the database URL cannot be read: {e}")))?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(ACQUIRE_TIMEOUT)
        .statement_cache_capacity(STATEMENT_CACHE)
        .pragma("temp_store", "memory")
        .disable_statement_logging();
    if let Some(folder) = Path::new(options.get_filename()).parent()
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        return Err(StorageError::Setup(format!(
            "the folder {} of the database does not exist",
            folder.display()
        )));
    }
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // A full disk makes SQLite roll back by itself; sqlx, whose own rollback then fails, goes on believing that the
            // transaction is open. Such a connection could never begin another, and the writer is the only one.
            .before_acquire(|connection, _| {
                let usable = !connection.is_in_transaction();
                Box::pin(async move { Ok(usable) })
            })
    };
    // The writer makes the file's journal mode; a reader that set it too could wait for a lock.
    let writing = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // 16 MiB of log between checkpoints: fewer of them, and still quick to read.
        .pragma("wal_autocheckpoint", "4000")
        .pragma("cache_size", SQLITE_WRITER_CACHE);
    let writer = pool(1).connect_with(writing).await?;
    let reading = options.pragma("query_only", "on").pragma("cache_size", SQLITE_READER_CACHE);
    let readers = pool(SQLITE_READERS).connect_lazy_with(reading);
    Ok(Pools::Sqlite { writer, readers })
}

/// How a transaction that writes begins: SQLite takes its write lock at once, so that it never fails half-way.
pub(crate) const fn begin(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN",
    }
}

/// How a transaction begins that reads one instant. SQLite's sees what was there at its first read.
pub(crate) const fn begin_snapshot(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "BEGIN",
        Backend::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    }
}

/// Replaces the markers of row locks in a text: `/*SHARE*/`, `/*UPDATE*/`, `/*SKIP*/`. SQLite has one writer and needs none.
pub(crate) fn row_locks(backend: Backend, sql: &str) -> String {
    let (share, update, skip) = match backend {
        Backend::Sqlite => ("", "", ""),
        Backend::Postgres => ("FOR SHARE", "FOR UPDATE", "FOR UPDATE SKIP LOCKED"),
    };
    sql.replace("/*SHARE*/", share).replace("/*UPDATE*/", update).replace("/*SKIP*/", skip)
}

/// Waits for the turn that a number names, and keeps it until the transaction ends. SQLite has one writer: whoever writes has it.
pub(crate) const fn turn(backend: Backend) -> Option<&'static str> {
    match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some("SELECT pg_advisory_xact_lock($1)"),
    }
}

/// The function that removes the beginning of an audit log up to a leaf (`$1` organization, `$2` leaf, `$3` the time that all of it is older
/// than, `$4` now), as the owner of the tables. SQLite has no roles.
pub(crate) const fn retain_audit(backend: Backend) -> Option<&'static str> {
    match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some("SELECT retain_audit($1, $2, $3, $4)"),
    }
}

/// Makes what is deleted from now on be overwritten with zeros, or no longer. PostgreSQL keeps old rows until it is vacuumed.
pub(crate) const fn overwrite_deleted(backend: Backend, on: bool) -> Option<&'static str> {
    match (backend, on) {
        (Backend::Sqlite, true) => Some("PRAGMA secure_delete = ON"),
        (Backend::Sqlite, false) => Some("PRAGMA secure_delete = OFF"),
        (Backend::Postgres, _) => None,
    }
}

/// Whether other nodes may be at work on the database. A SQLite file is one node's: the lock on its data folder proves it.
pub(crate) const fn is_shared(backend: Backend) -> bool {
    matches!(backend, Backend::Postgres)
}

/// The database's clock in microseconds since the epoch: what leases go by.
pub(crate) const fn clock_sql(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        Backend::Postgres => "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
    }
}

/// How many rows one statement takes at the most. SQLite bounds the placeholders of a text and keeps a text per number of
/// rows; PostgreSQL takes arrays.
pub(crate) const fn bulk_rows(backend: Backend) -> usize {
    match backend {
        Backend::Sqlite => 64,
        Backend::Postgres => 512,
    }
}

/// What a text for `n` rows depends on: on PostgreSQL, nothing.
pub(crate) const fn rows_in_text(backend: Backend, n: usize) -> usize {
    match backend {
        Backend::Sqlite => n,
        Backend::Postgres => 1,
    }
}

/// Puts `n` rows of `columns` values in place of `VALUES {rows}`, and one more value in place of `{after}`. SQLite gets
/// `VALUES (?,?),(?,?)`: it looks numbered placeholders up by name, one after another. PostgreSQL gets one array per column,
/// under the names that `VALUES` has, since it plans a text anew for each number of rows, which costs more than to run it.
pub(crate) fn with_rows(backend: Backend, sql: &str, columns: usize, n: usize) -> String {
    let sql = row_locks(backend, sql);
    match backend {
        Backend::Sqlite => {
            let row = format!("({})", vec!["?"; columns].join(","));
            sql.replace("{rows}", &vec![row; n].join(",")).replace("{after}", "?")
        }
        Backend::Postgres => {
            let list =
                |prefix: &str| (1..=columns).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>().join(",");
            let rows = format!("SELECT * FROM unnest({}) AS u({})", list("$"), list("column"));
            sql.replace("VALUES {rows}", &rows).replace("{after}", &format!("${}", columns + 1))
        }
    }
}

/// Runs the migrations that are missing. Where none is, nothing is written: the role that serves need not own the tables.
pub(crate) async fn migrate(pools: &Pools) -> Result<(), StorageError> {
    const APPLIED: &str = "SELECT count(*) FROM _sqlx_migrations WHERE success";
    let outcome = match pools {
        Pools::Sqlite { writer, .. } => {
            let migrator = sqlx::migrate!("migrations/sqlite");
            let applied: i64 = sqlx::query_scalar(APPLIED).fetch_one(writer).await.unwrap_or(0);
            if applied == migrator.iter().count() as i64 { Ok(()) } else { migrator.run(writer).await }
        }
        Pools::Postgres { pool, .. } => {
            let migrator = sqlx::migrate!("migrations/postgres");
            let applied: i64 = sqlx::query_scalar(APPLIED).fetch_one(pool).await.unwrap_or(0);
            if applied == migrator.iter().count() as i64 { Ok(()) } else { migrator.run(pool).await }
        }
    };
    outcome.map_err(|e| StorageError::Setup(format!("the database cannot be migrated: {e}")))
}

/// Tables that what is known of people is erased from, or removed from in numbers.
const COMPACTED: [&str; 11] = [
    "accounts",
    "people",
    "credentials",
    "identities",
    "sessions",
    "invitations",
    "idempotency_keys",
    "notice_recipients",
    "runs",
    "audit_personal",
    "audit_entries",
];

/// Writes tables anew, without the rows that nobody sees any more. Outside of any transaction.
pub(crate) async fn compact(pools: &Pools) -> Result<(), StorageError> {
    match pools {
        Pools::Sqlite { writer, .. } => {
            sqlx::query("VACUUM").execute(writer).await?;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(writer).await?;
        }
        Pools::Postgres { pool, .. } => {
            for table in COMPACTED {
                let sql = trusted(format!("VACUUM (FULL) {table}").into());
                sqlx::query(sql).execute(pool).await?;
            }
        }
    }
    Ok(())
}

/// What a driver's error means to the caller.
pub(crate) fn classify(error: sqlx::Error) -> StorageError {
    use sqlx::Error as E;
    match &error {
        E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Tls(_) | E::Protocol(_) => {
            StorageError::Unavailable(error)
        }
        E::Database(db) => {
            let message = db.message();
            if let Some(guard) = message.split("guard: ").nth(1) {
                // SQLite's guards say in words what is a unique violation elsewhere.
                return match guard.trim().strip_suffix(" exists") {
                    Some(what) => StorageError::Exists { what: what.to_owned() },
                    None => StorageError::Refused(guard.trim().to_owned()),
                };
            }
            if db.is_unique_violation() {
                return StorageError::Exists { what: unique_name(db.as_ref()) };
            }
            if db.is_foreign_key_violation() || db.is_check_violation() {
                return StorageError::Refused(message.to_owned());
            }
            match db.code().as_deref() {
                // PostgreSQL: connection failures, shutdown, too many connections, no room, read-only after a failover.
                Some(code)
                    if code.starts_with("08")
                        || code.starts_with("57P")
                        || code.starts_with("53")
                        || code == "25006" =>
                {
                    StorageError::Unavailable(error)
                }
                // PostgreSQL: a character that its text cannot hold, U+0000.
                Some("22021" | "22P05") => StorageError::Refused(message.to_owned()),
                // PostgreSQL: serialization failure, deadlock, lock not available.
                Some("40001" | "40P01" | "55P03") => StorageError::Conflict(error),
                Some(code) if is_sqlite_outage(code) => StorageError::Unavailable(error),
                _ => StorageError::Other(error),
            }
        }
        _ => StorageError::Other(error),
    }
}

/// SQLite's primary result codes BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN, in the low byte of the extended code.
fn is_sqlite_outage(code: &str) -> bool {
    code.parse::<u32>().is_ok_and(|code| code < 10_000 && matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
}

/// SQLite names the columns, PostgreSQL the constraint.
fn unique_name(error: &dyn sqlx::error::DatabaseError) -> String {
    error
        .constraint()
        .map_or_else(|| error.message().rsplit(": ").next().unwrap_or("it").to_owned(), ToOwned::to_owned)
}

/// A text as the driver takes it: built by this crate from constants, never from input.
pub(crate) fn trusted(text: Arc<str>) -> sqlx::SqlStr {
    sqlx::AssertSqlSafe(text).into_sql_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_as_the_backend_takes_them() {
        let sql = "DELETE FROM t WHERE (a, b) IN (VALUES {rows}) AND c < {after}";
        assert_eq!(
            with_rows(Backend::Sqlite, sql, 2, 2),
            "DELETE FROM t WHERE (a, b) IN (VALUES (?,?),(?,?)) AND c < ?"
        );
        assert_eq!(
            with_rows(Backend::Postgres, sql, 2, 2),
            "DELETE FROM t WHERE (a, b) IN (SELECT * FROM unnest($1,$2) AS u(column1,column2)) AND c < $3"
        );
    }

    #[test]
    fn outages_are_told_from_faults() {
        assert!(is_sqlite_outage("13") && is_sqlite_outage("778") && is_sqlite_outage("5"));
        assert!(!is_sqlite_outage("1") && !is_sqlite_outage("2067") && !is_sqlite_outage("23505"));
    }
}
