//! Factotum's database: the only crate that knows sqlx
