//! Recovery codes: what gets a person in who has lost the second factor. What must hold: only their SHA-256 is stored; each counts once; new ones
//! end the old.

use factotum_model::{Digest, PersonId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// Puts these in the place of all that there were.
pub async fn replace(
    tx: &mut Tx,
    person: PersonId,
    hashes: &[Digest],
    now: Timestamp,
) -> Result<(), StorageError> {
    tx.query("DELETE FROM recovery_codes WHERE person_id = $1").bind(person.0).execute().await?;
    for hash in hashes {
        tx.query("INSERT INTO recovery_codes (person_id, code_hash, created_at) VALUES ($1, $2, $3)")
            .bind(person.0)
            .bind(hash.0.to_vec())
            .bind(now.as_micros())
            .execute()
            .await?;
    }
    Ok(())
}

/// Uses one up; whether it was there.
pub async fn take(tx: &mut Tx, person: PersonId, hash: Digest) -> Result<bool, StorageError> {
    let sql = "DELETE FROM recovery_codes WHERE person_id = $1 AND code_hash = $2";
    Ok(tx.query(sql).bind(person.0).bind(hash.0.to_vec()).execute().await? > 0)
}

/// How many are left.
pub async fn left(tx: &mut Tx, person: PersonId) -> Result<u64, StorageError> {
    let sql = "SELECT count(*) FROM recovery_codes WHERE person_id = $1";
    let row = tx.query(sql).bind(person.0).fetch_optional().await?;
    row.map_or(Ok(0), |row| Ok(row.get::<i64>(0)?.unsigned_abs()))
}
