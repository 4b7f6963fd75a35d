//! One connection of either database, and the texts of statements on it. What must hold: a transaction that is dropped without
//! [`commit`](Tx::commit) is rolled back; a text is a constant of this crate, and every value is bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Sqlite, Transaction};

use crate::dialect::{self, Backend, Pools};
use crate::error::StorageError;
pub(crate) use crate::statement::{Row, Statement};

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

impl Tx {
    pub(crate) async fn write(pools: &Pools, texts: Arc<Texts>) -> Result<Self, StorageError> {
        let begin = dialect::begin(pools.backend());
        let inner = match pools {
            Pools::Sqlite { writer, .. } => Inner::SqliteWrite(writer.begin_with(begin).await?),
            Pools::Postgres { pool, breaker } => {
                Inner::PostgresWrite(breaker.connect(pool.begin_with(begin)).await?)
            }
        };
        Ok(Self { inner, texts })
    }

    pub(crate) async fn read(pools: &Pools, texts: Arc<Texts>) -> Result<Self, StorageError> {
        let inner = match pools {
            Pools::Sqlite { readers, .. } => Inner::SqliteRead(readers.acquire().await?),
            Pools::Postgres { pool, breaker } => Inner::PostgresRead(breaker.connect(pool.acquire()).await?),
        };
        Ok(Self { inner, texts })
    }

    /// A transaction that only reads, and sees one instant.
    pub(crate) async fn snapshot(pools: &Pools, texts: Arc<Texts>) -> Result<Self, StorageError> {
        let begin = dialect::begin_snapshot(pools.backend());
        let inner = match pools {
            Pools::Sqlite { readers, .. } => Inner::SqliteWrite(readers.begin_with(begin).await?),
            Pools::Postgres { pool, breaker } => {
                Inner::PostgresWrite(breaker.connect(pool.begin_with(begin)).await?)
            }
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
        let key = (sql, dialect::rows_in_text(backend, n));
        let text = dialect::trusted(self.texts.get(key, || dialect::with_rows(backend, sql, columns, n)));
        match self.statement(text) {
            Statement::Postgres(connection, query) => Statement::by_column(connection, query, columns, n),
            other => other,
        }
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

    /// How many rows one statement takes at the most.
    pub(crate) const fn bulk_rows(&self) -> usize {
        dialect::bulk_rows(self.backend())
    }

    /// Writes many rows with as few statements as may be; gives back what `RETURNING` names.
    pub(crate) async fn insert_rows<R>(
        &mut self,
        sql: &'static str,
        columns: usize,
        rows: &[R],
        bind: impl for<'c> Fn(Statement<'c>, &R) -> Statement<'c>,
    ) -> Result<Vec<Row>, StorageError> {
        let mut returned = Vec::new();
        for chunk in rows.chunks(self.bulk_rows()) {
            let mut statement = self.query_rows(sql, columns, chunk.len());
            for row in chunk {
                statement = bind(statement, row);
            }
            returned.extend(statement.fetch_all().await?);
        }
        Ok(returned)
    }
}
