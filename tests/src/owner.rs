//! Who owns the database: what can be done and seen beside the program, by `sqlite3` and `psql`. What must hold: it needs nothing of the program
//! under test, which goes on meanwhile.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::postgres;
use crate::server::Server;

/// How long a statement waits for SQLite's one writer, in milliseconds.
const PATIENCE_MS: u32 = 60_000;

/// The owner of one server's database.
#[derive(Debug, Clone)]
pub enum Owner {
    /// Of the file.
    Sqlite(std::path::PathBuf),
    /// Of the database with this connection string.
    Postgres(String),
}

/// The rows of tables, each as text, in no order of theirs.
pub type Dump = BTreeMap<String, Vec<String>>;

impl Owner {
    /// Of this server's.
    pub fn of(server: &Server) -> Self {
        match server.database() {
            Some(url) => Self::Postgres(url.to_owned()),
            None => Self::Sqlite(server.data().join("factotum.db")),
        }
    }

    /// Does this; the rows that come of it, one a line, columns separated by `|`.
    pub fn sql(&self, text: &str) -> anyhow::Result<String> {
        match self {
            Self::Postgres(url) => postgres::psql(url, text),
            Self::Sqlite(file) => {
                let done = Command::new("sqlite3")
                    .args(["-batch", "-bail", "-cmd", &format!(".timeout {PATIENCE_MS}")])
                    .arg(file)
                    .arg(text)
                    .output()
                    .context("cannot run sqlite3: install it, on Debian with `apt-get install sqlite3`")?;
                if !done.status.success() {
                    bail!("sqlite3: {}", String::from_utf8_lossy(&done.stderr).trim());
                }
                Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
            }
        }
    }

    /// Makes a table refuse new rows, as a full disk or a lost right would.
    pub fn close(&self, table: &str) -> anyhow::Result<()> {
        let sql = match self {
            Self::Sqlite(_) => format!(
                "CREATE TRIGGER closed_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, '{table} is closed'); END"
            ),
            Self::Postgres(_) => format!(
                "CREATE FUNCTION closed_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{table} is closed'; END $$; \
                 CREATE TRIGGER closed_{table} BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION closed_{table}()"
            ),
        };
        self.sql(&sql).map(drop)
    }

    /// Lets a table that was [closed](Self::close) take rows again.
    pub fn open(&self, table: &str) -> anyhow::Result<()> {
        let sql = match self {
            Self::Sqlite(_) => format!("DROP TRIGGER closed_{table}"),
            Self::Postgres(_) => {
                format!("DROP TRIGGER closed_{table} ON {table}; DROP FUNCTION closed_{table}()")
            }
        };
        self.sql(&sql).map(drop)
    }

    /// All rows of all tables, but those that `leave_out` names: a table, or a `table.column`; a name may end in `*`.
    pub fn dump(&self, leave_out: &[&str]) -> anyhow::Result<Dump> {
        let columns = match self {
            Self::Sqlite(_) => {
                "SELECT m.name, i.name FROM sqlite_master m, pragma_table_info(m.name) i \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, i.cid"
            }
            Self::Postgres(_) => {
                "SELECT table_name, column_name FROM information_schema.columns \
                 WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
            }
        };
        let is_out = |name: &str| {
            leave_out
                .iter()
                .any(|out| out.strip_suffix('*').map_or(*out == name, |start| name.starts_with(start)))
        };
        let mut tables = BTreeMap::<String, Vec<String>>::new();
        for line in self.sql(columns)?.lines() {
            let (table, column) = line.split_once('|').context("a table and a column")?;
            let known = tables.entry(table.to_owned()).or_default();
            if !is_out(&format!("{table}.{column}")) {
                known.push(self.shown(column));
            }
        }
        tables.retain(|table, _| !is_out(table));
        let mut dump = Dump::new();
        for (table, columns) in tables {
            let rows = self.sql(&format!("SELECT {} FROM \"{table}\"", columns.join(", ")))?;
            let mut rows: Vec<String> = rows.lines().map(ToOwned::to_owned).collect();
            rows.sort_unstable();
            dump.insert(table, rows);
        }
        Ok(dump)
    }

    /// A column as text of one line, whatever it holds.
    fn shown(&self, column: &str) -> String {
        match self {
            Self::Sqlite(_) => {
                format!("replace(replace(quote(\"{column}\"), char(10), ' '), char(13), ' ')")
            }
            Self::Postgres(_) => format!("translate(\"{column}\"::text, E'\\n\\r', '  ')"),
        }
    }
}

/// What differs between two dumps, for people.
pub fn difference(before: &Dump, after: &Dump) -> Vec<String> {
    let mut found = Vec::new();
    for (table, rows) in after {
        let old = before.get(table).map_or(&[][..], Vec::as_slice);
        found.extend(rows.iter().filter(|row| !old.contains(row)).map(|row| format!("{table}: + {row}")));
        found.extend(old.iter().filter(|row| !rows.contains(row)).map(|row| format!("{table}: - {row}")));
        if old.len() != rows.len() {
            found.push(format!("{table}: {} rows, and {} before", rows.len(), old.len()));
        }
    }
    found
}
