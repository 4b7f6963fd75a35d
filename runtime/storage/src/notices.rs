//! Messages that tell how workflows do: on their way, and those that have ended. What must hold: one node sends a message at a time, and one that it died with is sent by
//! another; a recipient has one message waiting, into which goes whatever comes meanwhile; each ends once.

use std::time::Duration;

use factotum_model::notice::Content;
use factotum_model::{AccountId, NodeId, NoticeId, OrgId, RecipientId, Timestamp};
use uuid::Uuid;

use crate::connection::{Row, Tx};
use crate::dialect;
use crate::error::StorageError;

/// How long a node may take to send one before another may.
pub const LEASE: Duration = Duration::from_secs(45);
/// How often one is tried at the most.
pub const MAX_TRIES: u32 = 8;
/// How often one is still tried that something was added to.
const TRIES_LEFT: i64 = 3;
/// How long those that have ended are kept.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Whom a message goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A member who is an Admin, by mail.
    Admin(AccountId),
    /// A recipient by mail.
    Mail(RecipientId),
    /// A webhook.
    Webhook(RecipientId),
}

impl To {
    const fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Admin(account) => ("admin", account.0),
            Self::Mail(recipient) => ("mail", recipient.0),
            Self::Webhook(recipient) => ("webhook", recipient.0),
        }
    }

    fn read(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "admin" => Some(Self::Admin(AccountId(id))),
            "mail" => Some(Self::Mail(RecipientId(id))),
            "webhook" => Some(Self::Webhook(RecipientId(id))),
            _ => None,
        }
    }

    /// How it is called in published forms.
    pub const fn kind(self) -> &'static str {
        self.parts().0
    }

    /// The Admin's account, if it is one.
    pub const fn admin(self) -> Option<AccountId> {
        match self {
            Self::Admin(account) => Some(account),
            Self::Mail(_) | Self::Webhook(_) => None,
        }
    }

    /// The id of account or recipient, as text.
    pub fn id(self) -> String {
        match self {
            Self::Admin(account) => account.to_string(),
            Self::Mail(recipient) | Self::Webhook(recipient) => recipient.to_string(),
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id: the same each time it is tried.
    pub id: NoticeId,
    /// Whose.
    pub org_id: OrgId,
    /// Whom it goes to.
    pub to: To,
    /// What it says.
    pub content: Content,
    /// How often it was tried.
    pub tries: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is tried next, if it waits.
    pub due_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// `waiting`, `sent`, `failed` or `dropped`.
    pub state: String,
    /// Why it was not sent, or not yet.
    pub reason: Option<String>,
}

const SELECT: &str = "SELECT id, org_id, kind, recipient, content, tries, created_at, due_at, ended_at, state, reason FROM notices";

fn read(row: &Row) -> Result<Notice, StorageError> {
    let kind: String = row.get(2)?;
    Ok(Notice {
        id: row.id(0)?,
        org_id: row.id(1)?,
        to: To::read(&kind, row.get(3)?).ok_or_else(|| StorageError::damaged("notices.kind", kind))?,
        content: row.json(4, "notices.content")?,
        tries: u32::try_from(row.get::<i64>(5)?).unwrap_or(0),
        created_at: row.time(6)?,
        due_at: row.time(7)?,
        ended_at: row.maybe_time(8)?,
        state: row.get(9)?,
        reason: row.get(10)?,
    })
}

/// Puts a message on its way. One that waits for the same recipient, and is not being sent now, becomes part of it: whoever could not be reached for a while gets one
/// message, at the time at which that one was to be tried again.
pub async fn enqueue(
    tx: &mut Tx,
    org: OrgId,
    to: To,
    mut content: Content,
    now: Timestamp,
) -> Result<NoticeId, StorageError> {
    let database_now = crate::nodes::database_time(tx).await?;
    let (kind, recipient) = to.parts();
    let (mut due, mut tries) = (now, 0);
    if !content.test {
        let waiting = tx
            .query(
                "SELECT id, content, due_at, tries FROM notices WHERE org_id = $1 AND kind = $2 AND recipient = $3 AND ended_at IS NULL \
                 AND test = 0 AND leased_until <= $4 ORDER BY id LIMIT 1 /*UPDATE*/",
            )
            .bind(org.0)
            .bind(kind)
            .bind(recipient)
            .bind(database_now.as_micros())
            .fetch_optional()
            .await?;
        if let Some(row) = waiting {
            let mut earlier: Content = row.json(1, "notices.content")?;
            earlier.merge(content);
            content = earlier;
            due = row.time(2)?.max(now);
            tries = row.get::<i64>(3)?.min(i64::from(MAX_TRIES) - TRIES_LEFT);
            let id = row.get::<Uuid>(0)?;
            tx.query("DELETE FROM notices WHERE id = $1").bind(id).execute().await?;
        }
    }
    content.bound();
    let text = serde_json::to_string(&content).map_err(|e| StorageError::damaged("notices.content", e))?;
    let id = NoticeId::random();
    tx.query(
        "INSERT INTO notices (id, org_id, kind, recipient, content, test, created_at, due_at, tries, leased_until, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 'waiting')",
    )
    .bind(id.0)
    .bind(org.0)
    .bind(kind)
    .bind(recipient)
    .bind(text)
    .bind(i64::from(content.test))
    .bind(now.as_micros())
    .bind(due.as_micros())
    .bind(tries)
    .execute()
    .await?;
    Ok(id)
}

/// Whether a message is due that nobody may be sending.
pub async fn any_due(tx: &mut Tx, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "SELECT id FROM notices WHERE ended_at IS NULL AND due_at <= $1 LIMIT 1";
    Ok(tx.query(sql).bind(now.as_micros()).fetch_optional().await?.is_some())
}

/// Takes a message that is due for this node to send. What another node of a database that only one can have was sending is taken over at once.
pub async fn claim(tx: &mut Tx, node: NodeId, now: Timestamp) -> Result<Option<Notice>, StorageError> {
    let alone = !dialect::is_shared(tx.backend());
    let database_now = crate::nodes::database_time(tx).await?;
    let row = tx
        .query(
            "UPDATE notices SET node_id = $1, leased_until = $2, tries = tries + 1 WHERE id = (SELECT id FROM notices \
             WHERE ended_at IS NULL AND due_at <= $3 AND (leased_until <= $4 OR ($5 = 1 AND node_id <> $1)) ORDER BY due_at, id LIMIT 1 /*SKIP*/) \
             RETURNING id, org_id, kind, recipient, content, tries, created_at, due_at, ended_at, state, reason",
        )
        .bind(node.0)
        .bind(database_now.plus(LEASE).as_micros())
        .bind(now.as_micros())
        .bind(database_now.as_micros())
        .bind(i64::from(alone))
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It arrived.
    Sent,
    /// It is tried again at that time.
    Again(Timestamp, String),
    /// It is not tried again.
    Failed(String),
    /// There is nobody any more whom it could go to.
    Dropped(String),
}

impl Tried {
    /// What the message is after it.
    pub const fn state(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Again(..) => "waiting",
            Self::Failed(_) => "failed",
            Self::Dropped(_) => "dropped",
        }
    }
}

/// Writes down how a try ended; whether it was this node's to write.
pub async fn tried(
    tx: &mut Tx,
    node: NodeId,
    notice: NoticeId,
    tried: &Tried,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let (due, reason) = match tried {
        Tried::Sent => (None, None),
        Tried::Again(at, reason) => (Some(at.as_micros()), Some(reason.clone())),
        Tried::Failed(reason) | Tried::Dropped(reason) => (None, Some(reason.clone())),
    };
    let changed = tx
        .query(
            "UPDATE notices SET state = $3, reason = $4, ended_at = $5, due_at = coalesce($6, due_at), leased_until = 0, node_id = NULL \
             WHERE id = $1 AND node_id = $2 AND ended_at IS NULL",
        )
        .bind(notice.0)
        .bind(node.0)
        .bind(tried.state())
        .bind(reason)
        .bind(due.is_none().then_some(now.as_micros()))
        .bind(due)
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Those of an organization, newest first, before `before`.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    before: Option<NoticeId>,
    limit: u32,
) -> Result<Vec<Notice>, StorageError> {
    let rows = tx
        .query_built(format!("{SELECT} WHERE org_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"))
        .bind(org.0)
        .bind(before.map_or(Uuid::max(), |notice| notice.0))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Removes those that ended long ago; how many.
pub async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<u64, StorageError> {
    let sql = "DELETE FROM notices WHERE ended_at < $1";
    tx.query(sql).bind(now.minus(KEPT).as_micros()).execute().await
}
