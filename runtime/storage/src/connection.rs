//! One connection of either database, and statements on it. What must hold: a transaction that is dropped without
//! [`commit`](Tx::commit) is rolled back; a text is a constant of this crate, and every value is bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, Transaction};

use crate::dialect::{self, Backend, Pools};
use crate::error::StorageError;

/// A connection, in a transaction if it was made to write.
#[derive(Debug)]
pub struct Tx {
    inner: Inner,
    texts: Arc<Texts>,
}

#[derive(Debug)]
enum Inner {
    SqliteWrite(Transaction<'static, Sqlite>),
    SqliteRead(PoolConnection<Sqlite>),
    PostgresWrite(Transaction<'static, Postgres>),
    PostgresRead(PoolConnection<Postgres>),
}

/// Texts built once: those with row locks, and bulk inserts of each length.
#[derive(Debug, Default)]
pub(crate) struct Texts(Mutex<HashMap<(&'static str, usize), Arc<str>>>);

impl Texts {
    fn get(&self, key: (&'static str, usize), build: impl FnOnce() -> String) -> Arc<str> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(texts.entry(key).or_insert_with(|| build().into()))
    }
}

/// What can be bound to a statement on either database.
pub trait Bind:
    for<'q> sqlx::Encode<'q, Sqlite>
    + sqlx::Type<Sqlite>
    + for<'q> sqlx::Encode<'q, Postgres>
    + sqlx::Type<Postgres>
    + Send
{
}

impl<T> Bind for T where
    T: for<'q> sqlx::Encode<'q, Sqlite>
        + sqlx::Type<Sqlite>
        + for<'q> sqlx::Encode<'q, Postgres>
        + sqlx::Type<Postgres>
        + Send
{
}

impl Tx {
    pub(crate) async fn write(pools: &Pools, texts: Arc<Texts>) -> Result<Self, StorageError> {
        let begin = dialect::begin(pools.backend());
        let inner = match pools {
            Pools::Sqlite { writer, .. } => Inner::SqliteWrite(writer.begin_with(begin).await?),
            Pools::Postgres { pool } => Inner::PostgresWrite(pool.begin_with(begin).await?),
        };
        Ok(Self { inner, texts })
    }

    pub(crate) async fn read(pools: &Pools, texts: Arc<Texts>) -> Result<Self, StorageError> {
        let inner = match pools {
            Pools::Sqlite { readers, .. } => Inner::SqliteRead(readers.acquire().await?),
            Pools::Postgres { pool } => Inner::PostgresRead(pool.acquire().await?),
        };
        Ok(Self { inner, texts })
    }

    pub(crate) const fn backend(&self) -> Backend {
        match self.inner {
            Inner::SqliteWrite(_) | Inner::SqliteRead(_) => Backend::Sqlite,
            Inner::PostgresWrite(_) | Inner::PostgresRead(_) => Backend::Postgres,
        }
    }

    /// Makes all that was done last.
    pub async fn commit(self) -> Result<(), StorageError> {
        match self.inner {
            Inner::SqliteWrite(tx) => tx.commit().await?,
            Inner::PostgresWrite(tx) => tx.commit().await?,
            Inner::SqliteRead(_) | Inner::PostgresRead(_) => {}
        }
        Ok(())
    }

    /// A statement of a constant text.
    pub(crate) fn query(&mut self, sql: &'static str) -> Statement<'_> {
        let text = if sql.contains("/*") {
            let backend = self.backend();
            dialect::trusted(self.texts.get((sql, 0), || dialect::row_locks(backend, sql)))
        } else {
            sqlx::SqlSafeStr::into_sql_str(sql)
        };
        self.statement(text)
    }

    /// A statement with `n` rows of `columns` placeholders where the text says `{rows}`, and at most one more value where it
    /// says `{after}`.
    pub(crate) fn query_rows(&mut self, sql: &'static str, columns: usize, n: usize) -> Statement<'_> {
        let backend = self.backend();
        let text = self.texts.get((sql, n), || {
            let rows = dialect::placeholders(backend, columns, n);
            let after = dialect::placeholder(backend, columns * n + 1);
            dialect::row_locks(backend, sql).replace("{rows}", &rows).replace("{after}", &after)
        });
        self.statement(dialect::trusted(text))
    }

    /// A statement put together from constants, for lists with optional filters.
    pub(crate) fn query_built(&mut self, sql: String) -> Statement<'_> {
        self.statement(dialect::trusted(sql.into()))
    }

    fn statement(&mut self, text: sqlx::SqlStr) -> Statement<'_> {
        match &mut self.inner {
            Inner::SqliteWrite(tx) => Statement::Sqlite(&mut *tx, sqlx::query(text)),
            Inner::SqliteRead(connection) => Statement::Sqlite(&mut *connection, sqlx::query(text)),
            Inner::PostgresWrite(tx) => Statement::Postgres(&mut *tx, sqlx::query(text)),
            Inner::PostgresRead(connection) => Statement::Postgres(&mut *connection, sqlx::query(text)),
        }
    }

    /// Writes many rows with one statement per [`BULK_ROWS`]; gives back what `RETURNING` names.
    pub(crate) async fn insert_rows<R>(
        &mut self,
        sql: &'static str,
        columns: usize,
        rows: &[R],
        bind: impl for<'c> Fn(Statement<'c>, &R) -> Statement<'c>,
    ) -> Result<Vec<Row>, StorageError> {
        let mut returned = Vec::new();
        for chunk in rows.chunks(BULK_ROWS) {
            let mut statement = self.query_rows(sql, columns, chunk.len());
            for row in chunk {
                statement = bind(statement, row);
            }
            returned.extend(statement.fetch_all().await?);
        }
        Ok(returned)
    }
}

/// How many rows one statement writes at the most: 64 rows of 30 columns stay far below either database's bound.
pub(crate) const BULK_ROWS: usize = 64;

/// A statement with its values.
pub(crate) enum Statement<'c> {
    Sqlite(&'c mut SqliteConnection, sqlx::query::Query<'c, Sqlite, SqliteArguments>),
    Postgres(&'c mut PgConnection, sqlx::query::Query<'c, Postgres, PgArguments>),
}

impl Statement<'_> {
    /// Binds the next value.
    pub(crate) fn bind(self, value: impl Bind) -> Self {
        match self {
            Self::Sqlite(connection, query) => Self::Sqlite(connection, query.bind(value)),
            Self::Postgres(connection, query) => Self::Postgres(connection, query.bind(value)),
        }
    }

    /// Runs it; how many rows it changed.
    pub(crate) async fn execute(self) -> Result<u64, StorageError> {
        Ok(match self {
            Self::Sqlite(connection, query) => query.execute(connection).await?.rows_affected(),
            Self::Postgres(connection, query) => query.execute(connection).await?.rows_affected(),
        })
    }

    /// Runs it; all its rows.
    pub(crate) async fn fetch_all(self) -> Result<Vec<Row>, StorageError> {
        Ok(match self {
            Self::Sqlite(connection, query) => {
                query.fetch_all(connection).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(connection, query) => {
                query.fetch_all(connection).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Runs it; its first row, if there is one.
    pub(crate) async fn fetch_optional(self) -> Result<Option<Row>, StorageError> {
        Ok(match self {
            Self::Sqlite(connection, query) => query.fetch_optional(connection).await?.map(Row::Sqlite),
            Self::Postgres(connection, query) => query.fetch_optional(connection).await?.map(Row::Postgres),
        })
    }
}

/// A row.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of a column, counted from 0.
    pub(crate) fn get<T>(&self, column: usize) -> Result<T, StorageError>
    where
        T: for<'r> sqlx::Decode<'r, Sqlite>
            + sqlx::Type<Sqlite>
            + for<'r> sqlx::Decode<'r, Postgres>
            + sqlx::Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// An id.
    pub(crate) fn id<T: From<uuid::Uuid>>(&self, column: usize) -> Result<T, StorageError> {
        self.get::<uuid::Uuid>(column).map(T::from)
    }

    /// A JSON text.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: usize,
        place: &'static str,
    ) -> Result<T, StorageError> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|e| StorageError::damaged(place, e))
    }

    /// A time.
    pub(crate) fn time(&self, column: usize) -> Result<factotum_model::Timestamp, StorageError> {
        self.get::<i64>(column).map(factotum_model::Timestamp::from_micros)
    }

    /// A time that may be missing.
    pub(crate) fn maybe_time(
        &self,
        column: usize,
    ) -> Result<Option<factotum_model::Timestamp>, StorageError> {
        Ok(self.get::<Option<i64>>(column)?.map(factotum_model::Timestamp::from_micros))
    }
}
