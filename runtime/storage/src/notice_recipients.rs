//! Who is told how workflows do, beside the Admins: mail addresses and webhooks. What must hold: a URL may hold a secret, so it is sealed together with the key that its
//! messages are signed with, and only its host is shown.

use factotum_model::{OrgId, RecipientId, Redacted, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::connection::{Row, Tx};
use crate::error::StorageError;
use crate::storage::Storage;
use crate::vault::Sealed;

/// How many an organization may have.
pub const MOST: usize = 20;

/// How a recipient is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// By mail.
    Mail,
    /// By a `POST`.
    Webhook,
}

impl Channel {
    /// As it is stored and published.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "mail" => Some(Self::Mail),
            "webhook" => Some(Self::Webhook),
            _ => None,
        }
    }
}

/// A recipient, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its id.
    pub id: RecipientId,
    /// How it is reached.
    pub channel: Channel,
    /// The address; of a webhook, scheme and host.
    pub shown: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a webhook is, and what its messages are signed with.
#[derive(Serialize, Deserialize)]
pub struct Endpoint {
    /// The URL.
    pub url: String,
    /// The secret, as it is shown once.
    pub secret: String,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.url.zeroize();
        self.secret.zeroize();
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

fn place(org: OrgId, id: RecipientId) -> String {
    format!("{org}/notice_recipients/{id}")
}

/// Makes one; `endpoint` is a webhook's. The caller looks after their number.
pub async fn create(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    new: &Recipient,
    endpoint: Option<&Endpoint>,
) -> Result<(), StorageError> {
    let sealed = match endpoint {
        None => None,
        Some(endpoint) => {
            let text = serde_json::to_string(endpoint);
            let text = Redacted::new(text.map_err(|e| StorageError::damaged("notice_recipients.sealed", e))?);
            Some(storage.vault().seal(&place(org, new.id), text.expose().as_bytes())?)
        }
    };
    let (key, bytes) = sealed.map(|sealed| (sealed.data_key_id, sealed.bytes)).unzip();
    tx.query(
        "INSERT INTO notice_recipients (id, org_id, kind, shown, data_key_id, sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.id.0)
    .bind(org.0)
    .bind(new.channel.as_str())
    .bind(new.shown.clone())
    .bind(key)
    .bind(bytes)
    .bind(new.created_at.as_micros())
    .execute()
    .await
    .map(drop)
}

/// All of an organization, oldest first.
pub async fn list(tx: &mut Tx, org: OrgId) -> Result<Vec<Recipient>, StorageError> {
    let rows = tx
        .query("SELECT id, kind, shown, created_at FROM notice_recipients WHERE org_id = $1 ORDER BY id")
        .bind(org.0)
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// One.
pub async fn get(tx: &mut Tx, org: OrgId, id: RecipientId) -> Result<Option<Recipient>, StorageError> {
    let row = tx
        .query("SELECT id, kind, shown, created_at FROM notice_recipients WHERE org_id = $1 AND id = $2")
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Where a webhook is: for who posts to it.
pub async fn reveal(
    storage: &Storage,
    tx: &mut Tx,
    org: OrgId,
    id: RecipientId,
) -> Result<Option<Endpoint>, StorageError> {
    let row = tx
        .query("SELECT data_key_id, sealed FROM notice_recipients WHERE org_id = $1 AND id = $2 AND sealed IS NOT NULL")
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed = Sealed { data_key_id: row.get(0)?, bytes: row.get(1)? };
    let opened = storage.vault().unseal(tx, &place(org, id), &sealed).await?;
    serde_json::from_slice(opened.expose())
        .map(Some)
        .map_err(|e| StorageError::damaged("notice_recipients.sealed", e))
}

/// Deletes one; whether it was there.
pub async fn delete(tx: &mut Tx, org: OrgId, id: RecipientId) -> Result<bool, StorageError> {
    let sql = "DELETE FROM notice_recipients WHERE org_id = $1 AND id = $2";
    Ok(tx.query(sql).bind(org.0).bind(id.0).execute().await? > 0)
}

fn read(row: &Row) -> Result<Recipient, StorageError> {
    let kind: String = row.get(1)?;
    Ok(Recipient {
        id: row.id(0)?,
        channel: Channel::from_word(&kind)
            .ok_or_else(|| StorageError::damaged("notice_recipients.kind", kind))?,
        shown: row.get(2)?,
        created_at: row.time(3)?,
    })
}
