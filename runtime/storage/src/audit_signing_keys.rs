//! The keys that sign an organization's checkpoints. What must hold: the public halves stay for ever, in the clear, so that the trail is
//! verified without the master key; there is one private half, the newest, sealed; each key names its successor before it goes.

use factotum_model::audit_log::{PublicKey, SigningKey};
use factotum_model::{OrgId, Redacted, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::storage::Storage;
use crate::vault::{Sealed, random};

const PLACE: &str = "audit_signing_keys";

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its number in the organization, from 0.
    pub index: u64,
    /// The key.
    pub public: PublicKey,
    /// The note by which the key before it names it.
    pub endorsement: Option<String>,
    /// Since when it signs.
    pub created_at: Timestamp,
}

/// All of an organization, the first one first.
pub async fn list(tx: &mut Tx, org: OrgId) -> Result<Vec<StoredKey>, StorageError> {
    let rows = tx
        .query("SELECT key_index, public_key, endorsement, created_at FROM audit_signing_keys WHERE org_id = $1 ORDER BY key_index")
        .bind(org.0)
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<StoredKey, StorageError> {
    let public: Vec<u8> = row.get(1)?;
    let public = public.try_into().map(PublicKey);
    Ok(StoredKey {
        index: row.get::<i64>(0)? as u64,
        public: public.map_err(|_| StorageError::damaged("audit_signing_keys.public_key", "not 32 bytes"))?,
        endorsement: row.get(2)?,
        created_at: row.time(3)?,
    })
}

fn place(org: OrgId, index: u64) -> String {
    format!("{org}/{PLACE}/{index}")
}

/// The key that signs now; made if there is none yet.
pub(crate) async fn current(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    now: Timestamp,
) -> Result<SigningKey, StorageError> {
    match open(storage, tx, org).await? {
        Some((_, key)) => Ok(key),
        None => make(storage, tx, org, 0, None, now).await,
    }
}

/// Puts a new key in the place of the one that signs now, which names it and goes. Gives both public halves; none where there was no key.
pub async fn rotate(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    now: Timestamp,
) -> Result<Option<(PublicKey, PublicKey)>, StorageError> {
    let Some((index, old)) = open(storage, tx, org).await? else { return Ok(None) };
    tx.query("DELETE FROM audit_signing_secrets WHERE org_id = $1").bind(org.0).execute().await?;
    let new = make(storage, tx, org, index + 1, Some(&old), now).await?;
    Ok(Some((old.public(), new.public())))
}

async fn open(storage: &Storage, tx: &mut Tx, org: OrgId) -> Result<Option<(u64, SigningKey)>, StorageError> {
    let row = tx
        .query("SELECT key_index, data_key_id, sealed FROM audit_signing_secrets WHERE org_id = $1")
        .bind(org.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let index = row.get::<i64>(0)? as u64;
    let sealed = Sealed { data_key_id: row.get(1)?, bytes: row.get(2)? };
    let seed = storage.vault().unseal(tx, &place(org, index), &sealed).await?;
    let seed: [u8; 32] = seed.expose().as_slice().try_into().map_err(|_| {
        StorageError::damaged("audit_signing_secrets.sealed", "the private half is not 32 bytes")
    })?;
    Ok(Some((index, SigningKey::from_seed(&Redacted::new(seed)))))
}

async fn make(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    index: u64,
    before: Option<&SigningKey>,
    now: Timestamp,
) -> Result<SigningKey, StorageError> {
    let seed = Redacted::new(random::<32>()?);
    let key = SigningKey::from_seed(&seed);
    let endorse = |old: &SigningKey| old.endorse(org, key.public());
    let endorsement = before.map(endorse).transpose().map_err(|e| StorageError::damaged(PLACE, e))?;
    let sealed = storage.vault().seal(&place(org, index), seed.expose())?;
    tx.query("INSERT INTO audit_signing_keys (org_id, key_index, public_key, endorsement, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(org.0)
        .bind(index as i64)
        .bind(key.public().0.to_vec())
        .bind(endorsement)
        .bind(now.as_micros())
        .execute()
        .await?;
    tx.query(
        "INSERT INTO audit_signing_secrets (org_id, key_index, data_key_id, sealed) VALUES ($1, $2, $3, $4)",
    )
    .bind(org.0)
    .bind(index as i64)
    .bind(sealed.data_key_id)
    .bind(sealed.bytes)
    .execute()
    .await?;
    Ok(key)
}
