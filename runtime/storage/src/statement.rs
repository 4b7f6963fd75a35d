//! A statement with its values, and the rows it gives. What must hold: every value is bound; many rows go to SQLite as
//! placeholders, and to PostgreSQL as one array per column, so that one text, prepared once, serves any number of rows.

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{PgConnection, Postgres, Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::error::StorageError;

/// A value of either database.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Id(Option<Uuid>),
    Text(Option<Cow<'static, str>>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($type:ty => $variant:ident($from:expr);)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(Some($from(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map($from))
            }
        }
    )*};
}

values! {
    i64 => Int(|n| n);
    Uuid => Id(|id| id);
    String => Text(Cow::Owned);
    &'static str => Text(Cow::Borrowed);
    Vec<u8> => Bytes(|bytes| bytes);
}

/// The values of one column of many rows.
#[derive(Debug)]
enum Column {
    Ints(Vec<Option<i64>>),
    Ids(Vec<Option<Uuid>>),
    Texts(Vec<Option<Cow<'static, str>>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    fn begin(value: Value, rows: usize) -> Self {
        fn first<T>(value: T, rows: usize) -> Vec<T> {
            let mut values = Vec::with_capacity(rows);
            values.push(value);
            values
        }
        match value {
            Value::Int(n) => Self::Ints(first(n, rows)),
            Value::Id(id) => Self::Ids(first(id, rows)),
            Value::Text(text) => Self::Texts(first(text, rows)),
            Value::Bytes(bytes) => Self::Bytes(first(bytes, rows)),
        }
    }

    fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Ints(column), Value::Int(n)) => column.push(n),
            (Self::Ids(column), Value::Id(id)) => column.push(id),
            (Self::Texts(column), Value::Text(text)) => column.push(text),
            (Self::Bytes(column), Value::Bytes(bytes)) => column.push(bytes),
            // Each column is bound by one expression of this crate, so it has one type.
            (column, value) => unreachable!("{value:?} in a column of {column:?}"),
        }
    }
}

/// Many rows on their way to PostgreSQL.
pub(crate) struct Columns {
    arrays: Vec<Column>,
    width: usize,
    rows: usize,
    bound: usize,
    after: Option<Value>,
}

impl Columns {
    fn bind(&mut self, value: Value) {
        let place = self.bound % self.width;
        if self.bound == self.width * self.rows {
            self.after = Some(value);
            return;
        }
        match self.arrays.get_mut(place) {
            Some(column) => column.push(value),
            None => self.arrays.push(Column::begin(value, self.rows)),
        }
        self.bound += 1;
    }

    fn bind_to(self, mut query: PostgresQuery<'_>) -> PostgresQuery<'_> {
        for column in self.arrays {
            query = match column {
                Column::Ints(values) => query.bind(values),
                Column::Ids(values) => query.bind(values),
                Column::Texts(values) => query.bind(values),
                Column::Bytes(values) => query.bind(values),
            };
        }
        match self.after {
            Some(value) => bind_postgres(query, value),
            None => query,
        }
    }
}

type PostgresQuery<'c> = Query<'c, Postgres, PgArguments>;

fn bind_postgres(query: PostgresQuery<'_>, value: Value) -> PostgresQuery<'_> {
    match value {
        Value::Int(n) => query.bind(n),
        Value::Id(id) => query.bind(id),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    }
}

/// A statement with its values.
pub(crate) enum Statement<'c> {
    Sqlite(&'c mut SqliteConnection, Query<'c, Sqlite, SqliteArguments>),
    Postgres(&'c mut PgConnection, PostgresQuery<'c>),
    PostgresRows(&'c mut PgConnection, PostgresQuery<'c>, Columns),
}

impl<'c> Statement<'c> {
    /// A statement of PostgreSQL that takes `rows` rows of `width` values, row by row, as one array per column.
    pub(crate) fn by_column(
        connection: &'c mut PgConnection,
        query: PostgresQuery<'c>,
        width: usize,
        rows: usize,
    ) -> Self {
        let columns = Columns { arrays: Vec::with_capacity(width), width, rows, bound: 0, after: None };
        Self::PostgresRows(connection, query, columns)
    }

    /// Binds the next value.
    pub(crate) fn bind(self, value: impl Into<Value>) -> Self {
        match self {
            Self::Sqlite(connection, query) => {
                let query = match value.into() {
                    Value::Int(n) => query.bind(n),
                    Value::Id(id) => query.bind(id),
                    Value::Text(text) => query.bind(text),
                    Value::Bytes(bytes) => query.bind(bytes),
                };
                Self::Sqlite(connection, query)
            }
            Self::Postgres(connection, query) => {
                Self::Postgres(connection, bind_postgres(query, value.into()))
            }
            Self::PostgresRows(connection, query, mut columns) => {
                columns.bind(value.into());
                Self::PostgresRows(connection, query, columns)
            }
        }
    }

    /// Runs it; how many rows it changed.
    pub(crate) async fn execute(self) -> Result<u64, StorageError> {
        Ok(match self {
            Self::Sqlite(connection, query) => query.execute(connection).await?.rows_affected(),
            Self::Postgres(connection, query) => query.execute(connection).await?.rows_affected(),
            Self::PostgresRows(connection, query, columns) => {
                columns.bind_to(query).execute(connection).await?.rows_affected()
            }
        })
    }

    /// Runs it; all its rows.
    pub(crate) async fn fetch_all(self) -> Result<Vec<Row>, StorageError> {
        let (connection, query) = match self {
            Self::Sqlite(connection, query) => {
                return Ok(query.fetch_all(connection).await?.into_iter().map(Row::Sqlite).collect());
            }
            Self::Postgres(connection, query) => (connection, query),
            Self::PostgresRows(connection, query, columns) => (connection, columns.bind_to(query)),
        };
        Ok(query.fetch_all(connection).await?.into_iter().map(Row::Postgres).collect())
    }

    /// Runs it; its first row, if there is one.
    pub(crate) async fn fetch_optional(self) -> Result<Option<Row>, StorageError> {
        let (connection, query) = match self {
            Self::Sqlite(connection, query) => {
                return Ok(query.fetch_optional(connection).await?.map(Row::Sqlite));
            }
            Self::Postgres(connection, query) => (connection, query),
            Self::PostgresRows(connection, query, columns) => (connection, columns.bind_to(query)),
        };
        Ok(query.fetch_optional(connection).await?.map(Row::Postgres))
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
    pub(crate) fn id<T: From<Uuid>>(&self, column: usize) -> Result<T, StorageError> {
        self.get::<Uuid>(column).map(T::from)
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
