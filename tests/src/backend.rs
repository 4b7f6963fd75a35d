//! The two databases. What must hold: every test of behaviour runs on both, by [`on_both_backends!`](crate::on_both_backends).

use anyhow::Context as _;

use crate::postgres;

/// The variable that names a PostgreSQL server where databases may be made; `cargo xtask test` sets it.
pub const SERVER_VARIABLE: &str = "FACTOTUM_TEST_POSTGRES";

/// Which database a server under test has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file in the data folder.
    Sqlite,
    /// A fresh database on the server of [`SERVER_VARIABLE`].
    Postgres,
}

impl Backend {
    /// A fresh database's `--database`; none for SQLite, which lives in the data folder.
    pub fn fresh_database(self) -> anyhow::Result<Option<String>> {
        match self {
            Self::Sqlite => Ok(None),
            Self::Postgres => {
                let server = std::env::var(SERVER_VARIABLE).with_context(|| {
                    format!(
                        "{SERVER_VARIABLE} is not set: run `cargo xtask test`, or `cargo xtask postgres` and set what it prints"
                    )
                })?;
                let name = format!("e2e_{}", postgres::random_word()?);
                postgres::create_database(&server, &name).map(Some)
            }
        }
    }
}

/// Whether the long forms were asked for (`cargo xtask soak`).
pub fn soak() -> bool {
    std::env::var_os("FACTOTUM_SOAK").is_some()
}

/// Makes of each function `fn name(backend: Backend)` a module `name` with two tests, `sqlite` and `postgres`.
#[macro_export]
macro_rules! on_both_backends {
    ($($(#[$meta:meta])* fn $name:ident($backend:ident: Backend) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "what a test uses of its file differs")]
            use super::*;

            fn behaves($backend: $crate::Backend) $body

            #[test]
            fn sqlite() {
                behaves($crate::Backend::Sqlite);
            }

            #[test]
            fn postgres() {
                behaves($crate::Backend::Postgres);
            }
        }
    )*};
}
