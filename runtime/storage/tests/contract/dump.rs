//! All that a database holds, as text: what a search for a word finds in any table.

use std::collections::BTreeMap;

use sqlx::Row as _;

use crate::world::Raw;

/// Each table's rows as one text; bytes in hexadecimal.
pub type Dump = BTreeMap<String, String>;

impl Raw {
    /// Everything.
    pub async fn dump(&mut self) -> Dump {
        let tables = match self {
            Self::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            Self::Postgres(_) => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        };
        let mut dump = Dump::new();
        for table in self.texts(tables).await {
            let rows = match self {
                Self::Sqlite(_) => {
                    let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
                    let quoted: Vec<_> = columns.iter().map(|name| format!("quote({name})")).collect();
                    self.texts(&format!("SELECT {} FROM {table} ORDER BY 1", quoted.join(" || '|' || ")))
                        .await
                }
                Self::Postgres(_) => self.texts(&format!("SELECT t::text FROM {table} t ORDER BY 1")).await,
            };
            dump.insert(table, rows.join("\n"));
        }
        dump
    }

    /// The first column of each row.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let text = sqlx::AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(c) => {
                sqlx::query(text).fetch_all(c).await.unwrap().iter().map(|row| row.get(0)).collect()
            }
            Self::Postgres(c) => {
                sqlx::query(text).fetch_all(c).await.unwrap().iter().map(|row| row.get(0)).collect()
            }
        }
    }
}

/// The tables in which a word stands, as text or as bytes.
pub fn found_in<'d>(dump: &'d Dump, word: &str) -> Vec<&'d str> {
    let hex = hex::encode(word);
    let holds = |rows: &str| {
        let rows = rows.to_lowercase();
        rows.contains(&word.to_lowercase()) || rows.contains(&hex)
    };
    dump.iter().filter(|(_, rows)| holds(rows)).map(|(table, _)| table.as_str()).collect()
}
