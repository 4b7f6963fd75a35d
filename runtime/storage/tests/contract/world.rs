//! What a test stands on: a database of its own on either backend, a clock turned by hand, one organization with a
//! workflow. What must hold: tests share nothing, so they run side by side; on PostgreSQL the database sorts text by a
//! language's rules, as many do in production, so that nothing relies on byte order unasked.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use factotum_model::{AccountId, Clock, Timestamp, WorkflowId};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::{MasterKey, Options, Storage, StorageError, Tx};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::fixture;

/// Where the PostgreSQL server to test on is named.
const SERVER_VARIABLE: &str = "FACTOTUM_TEST_POSTGRES";
/// The master key of every test that does not bring its own.
pub const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Runs one behaviour on both backends: `on_both! { async fn name(world: &World) { … } }` makes `name::sqlite` and
/// `name::postgres`.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: &$type:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "what a test uses of its file differs")]
            use super::*;

            async fn behaves($world: &$type) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let world = $type::sqlite().await;
                behaves(&world).await;
                world.close().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let world = $type::postgres().await;
                behaves(&world).await;
                world.close().await;
            }
        }
    )*};
}

/// A clock that stands still until it is turned.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Turns it on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// One test's database and what is in it.
pub struct World {
    /// The database as a `factotum` process opens it.
    pub storage: Storage,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Where it is.
    pub url: String,
    /// An organization.
    pub org: Organization,
    /// A workflow of it, with all capability grants and no limit of concurrency.
    pub workflow: WorkflowId,
    place: Place,
}

enum Place {
    Sqlite { _folder: tempfile::TempDir },
    Postgres { server: String, name: String },
}

impl World {
    /// On SQLite, in a folder of its own.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("factotum.db").display());
        Self::start(url, Place::Sqlite { _folder: folder }).await
    }

    /// On PostgreSQL, in a database of its own.
    pub async fn postgres() -> Self {
        let server = std::env::var(SERVER_VARIABLE).unwrap_or_else(|_| {
            panic!("{SERVER_VARIABLE} names no PostgreSQL server to test on: run `cargo xtask test`, or `cargo xtask postgres` and set it as that says")
        });
        let name = format!("contract_{}", uuid::Uuid::now_v7().simple());
        admin(
            &server,
            &format!(
                "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
            ),
        )
        .await;
        let (base, _) = server.rsplit_once('/').expect("the server's URL names a database");
        let url = format!("{base}/{name}");
        Self::start(url, Place::Postgres { server, name }).await
    }

    async fn start(url: String, place: Place) -> Self {
        let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000_000_000)));
        let storage = open(&url, &clock, MASTER_KEY, None).await.unwrap();
        let mut tx = storage.write().await.unwrap();
        let org = organizations::create(&mut tx, "Acme", clock.now()).await.unwrap();
        let workflow =
            fixture::workflow(&mut tx, &org, "echo", &["http:request", "kv:read", "kv:write"], None)
                .await
                .unwrap();
        tx.commit().await.unwrap();
        Self { storage, clock, url, org, workflow, place }
    }

    /// Closes the database and removes it.
    pub async fn close(self) {
        self.storage.close().await;
        if let Place::Postgres { server, name } = &self.place {
            admin(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// Opens the same database once more, as another node does.
    pub async fn another_node(&self) -> Storage {
        open(&self.url, &self.clock, MASTER_KEY, None).await.unwrap()
    }

    /// Does something in one transaction and commits it.
    pub async fn write<T>(&self, act: impl AsyncFnOnce(&mut Tx) -> Result<T, StorageError>) -> T {
        self.try_write(act).await.unwrap()
    }

    /// Does something in one transaction and commits it, if it does not fail.
    pub async fn try_write<T>(
        &self,
        act: impl AsyncFnOnce(&mut Tx) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut tx = self.storage.write().await?;
        let value = act(&mut tx).await?;
        tx.commit().await?;
        Ok(value)
    }

    /// Reads something.
    pub async fn read<T>(&self, act: impl AsyncFnOnce(&mut Tx) -> Result<T, StorageError>) -> T {
        let mut tx = self.storage.read().await.unwrap();
        act(&mut tx).await.unwrap()
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The organization's base service account.
    pub fn base(&self) -> AccountId {
        self.org.base_account
    }

    /// A bare connection, as an attacker with the database's password has.
    pub async fn raw(&self) -> Raw {
        match &self.place {
            Place::Sqlite { .. } => {
                let options = sqlx::sqlite::SqliteConnectOptions::from_str(&self.url).unwrap();
                Raw::Sqlite(options.busy_timeout(Duration::from_secs(10)).connect().await.unwrap())
            }
            Place::Postgres { .. } => Raw::Postgres(sqlx::PgConnection::connect(&self.url).await.unwrap()),
        }
    }
}

/// Opens a database.
pub async fn open(
    url: &str,
    clock: &Arc<ManualClock>,
    master_key: &str,
    previous: Option<&str>,
) -> Result<Storage, StorageError> {
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    Storage::open(Options {
        url: url.to_owned(),
        connections: 12,
        master_key: MasterKey::from_hex(master_key).unwrap(),
        previous_master_key: previous.map(|key| MasterKey::from_hex(key).unwrap()),
        clock,
        migrate: true,
    })
    .await
}

async fn admin(server: &str, sql: &str) {
    let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A connection without any of our code around it.
pub enum Raw {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Raw {
    /// Runs statements; the database's words if it refuses.
    pub async fn run(&mut self, sql: &str) -> Result<u64, String> {
        let text = sqlx::AssertSqlSafe(sql.to_owned());
        let outcome = match self {
            Self::Sqlite(c) => sqlx::raw_sql(text).execute(c).await.map(|done| done.rows_affected()),
            Self::Postgres(c) => sqlx::raw_sql(text).execute(c).await.map(|done| done.rows_affected()),
        };
        outcome.map_err(|e| e.to_string())
    }

    /// The first column of the first row, a number.
    pub async fn number(&mut self, sql: &str) -> i64 {
        let text = sqlx::AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(c) => sqlx::query_scalar(text).fetch_one(c).await.unwrap(),
            Self::Postgres(c) => sqlx::query_scalar(text).fetch_one(c).await.unwrap(),
        }
    }

    /// The first column of the first row, a text.
    pub async fn text(&mut self, sql: &str) -> String {
        match self {
            Self::Sqlite(c) => {
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(c).await.unwrap()
            }
            Self::Postgres(c) => {
                // What SQLite calls hex, of an id.
                let sql = sql.replace("lower(hex(entry_id))", "replace(CAST(entry_id AS TEXT), '-', '')");
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(c).await.unwrap()
            }
        }
    }

    /// Runs statements on a table as its owner does who first takes its guards away, and puts them back.
    pub async fn without_guards(&mut self, table: &str, sql: &str) {
        match self {
            Self::Sqlite(c) => {
                let find = format!(
                    "SELECT sql || ';' FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'"
                );
                let guards: Vec<String> =
                    sqlx::query_scalar(sqlx::AssertSqlSafe(find)).fetch_all(&mut *c).await.unwrap();
                let find = format!(
                    "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '{table}'"
                );
                let drops: Vec<String> =
                    sqlx::query_scalar(sqlx::AssertSqlSafe(find)).fetch_all(&mut *c).await.unwrap();
                let all = format!("{}{sql};{}", drops.concat(), guards.concat());
                sqlx::raw_sql(sqlx::AssertSqlSafe(all)).execute(c).await.unwrap();
            }
            Self::Postgres(c) => {
                let all = format!(
                    "ALTER TABLE {table} DISABLE TRIGGER ALL; {sql}; ALTER TABLE {table} ENABLE TRIGGER ALL"
                );
                sqlx::raw_sql(sqlx::AssertSqlSafe(all)).execute(c).await.unwrap();
            }
        }
    }

    /// The bound of a database of which nothing is sealed, as it is written in a statement.
    pub const fn no_bound(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "'0'",
            Self::Postgres(_) => "'1:1:'",
        }
    }

    /// An id as it is written in a statement.
    pub fn id(&self, id: uuid::Uuid) -> String {
        match self {
            Self::Sqlite(_) => format!("X'{}'", id.simple()),
            Self::Postgres(_) => format!("'{id}'::uuid"),
        }
    }

    /// Bytes as they are written in a statement.
    pub fn bytes(&self, byte: u8, n: usize) -> String {
        let hex = format!("{byte:02x}").repeat(n);
        match self {
            Self::Sqlite(_) => format!("X'{hex}'"),
            Self::Postgres(_) => format!(r"'\x{hex}'::bytea"),
        }
    }
}
