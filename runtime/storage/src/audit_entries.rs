//! The audit trail's table: append and read, nothing else. What must hold: entries are written in the transaction of the
//! action they tell of (audit.md, A1), and the table refuses to change or lose one; values about people stand beside it, in
//! `audit_personal`, and an entry only commits to them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use factotum_model::account::AccountKind;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Credential, Target};
use factotum_model::{AuditId, Digest, InitiatorKind, OrgId, Principal, RequestId, RunId, SessionId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::audit_filter::AuditFilter;
use crate::audit_personal::{self, Stored};
use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// What an entry says beside the columns that are searched. Borrowed when written: every run writes two.
#[derive(Serialize, Deserialize)]
struct Detail<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_prefix: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_ref: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    chain: Cow<'a, [RunId]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin_digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permission: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    targets: Cow<'a, [Target]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<Cow<'a, serde_json::Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    /// What the entry commits to, by JSON pointer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    personal: Cow<'a, BTreeMap<String, Digest>>,
}

/// The columns, in the order in which [`append`] binds and [`read`] reads them.
pub(crate) const COLUMNS: &str = "id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, trigger_id, key_id, run_id, target_id, detail";

/// Appends entries.
pub async fn append(tx: &mut Tx, entries: &[AuditEntry]) -> Result<(), StorageError> {
    let (stored, values) = audit_personal::split(entries)?;
    audit_personal::write(tx, &values).await?;
    tx.insert_rows(
        "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, trigger_id, key_id, run_id, target_id, detail) VALUES {rows}",
        14,
        &stored,
        |statement, Stored { entry, commitments }| {
            let detail = Detail {
                reason: entry.reason.as_deref().map(Cow::Borrowed),
                key_prefix: entry.credential.as_ref().map(|c| Cow::Borrowed(c.prefix.as_str())),
                session_id: entry.session_id,
                external_ref: entry.initiator.external_ref.as_deref().map(Cow::Borrowed),
                chain: Cow::Borrowed(&entry.chain),
                attempt: entry.attempt,
                workflow: entry.workflow.as_deref().map(Cow::Borrowed),
                plugin_digest: entry.plugin_digest,
                permission: entry.permission.as_deref().map(Cow::Borrowed),
                targets: Cow::Borrowed(&entry.targets),
                change: entry.change.as_ref().map(Cow::Borrowed),
                ip: entry.ip,
                user_agent: entry.user_agent.as_deref().map(Cow::Borrowed),
                request_id: entry.request_id,
                personal: Cow::Borrowed(commitments),
            };
            statement
                .bind(entry.id.0)
                .bind(entry.org_id.0)
                .bind(entry.at.as_micros())
                .bind(entry.action.clone())
                .bind(entry.outcome.as_str())
                .bind(entry.actor.id.0)
                .bind(entry.actor.kind.as_str())
                .bind(entry.actor.name.clone())
                .bind(entry.initiator.kind.as_str())
                .bind(entry.initiator.trigger_id.map(|t| t.0))
                .bind(entry.credential.as_ref().map(|c| c.key_id.0))
                .bind(entry.run_id.map(|r| r.0))
                .bind(entry.targets.first().map(|t| t.id.clone()).filter(|id| !id.is_empty()))
                .bind(serde_json::to_string(&detail).unwrap_or_default())
        },
    )
    .await
    .map(drop)
}

/// The entries that match, newest first, at most `limit`, older than `before`, with what they say about people put back.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    filter: &AuditFilter,
    before: Option<AuditId>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StorageError> {
    crate::audit_search::find::find(tx, org, filter, before, limit).await
}

/// One entry, with what it says about people put back.
pub async fn get(tx: &mut Tx, org: OrgId, id: AuditId) -> Result<Option<AuditEntry>, StorageError> {
    Ok(by_ids(tx, org, &[id.0]).await?.pop())
}

/// The entries with these ids, as far as there are such, in no order. At most as many as one statement takes.
pub(crate) async fn by_ids(tx: &mut Tx, org: OrgId, ids: &[Uuid]) -> Result<Vec<AuditEntry>, StorageError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = tx.query_rows(
        "SELECT e.id, e.org_id, e.at, e.action, e.outcome, e.actor_id, e.actor_kind, e.actor_name, e.initiator_kind, e.trigger_id, \
         e.key_id, e.run_id, e.target_id, e.detail FROM (VALUES {rows}) AS v \
         JOIN audit_entries e ON e.org_id = v.column1 AND e.id = v.column2",
        2,
        ids.len(),
    );
    for id in ids {
        statement = statement.bind(org.0).bind(*id);
    }
    let rows = statement.fetch_all().await?;
    read_all(tx, &rows).await
}

/// Entries from rows of [`COLUMNS`].
pub(crate) async fn read_all(tx: &mut Tx, rows: &[Row]) -> Result<Vec<AuditEntry>, StorageError> {
    let mut read: Vec<(AuditEntry, BTreeMap<String, Digest>)> =
        rows.iter().map(read).collect::<Result<_, _>>()?;
    audit_personal::put_back(tx, &mut read).await?;
    Ok(read.into_iter().map(|(entry, _)| entry).collect())
}

/// An entry as it stands in its row, and what it commits to.
fn read(row: &Row) -> Result<(AuditEntry, BTreeMap<String, Digest>), StorageError> {
    let detail: Detail<'static> = row.json(13, "audit_entries.detail")?;
    let outcome: String = row.get(4)?;
    let kind: String = row.get(6)?;
    let initiator: String = row.get(8)?;
    let bad = |what: &str| StorageError::damaged("audit_entries", format!("`{what}` is not a known word"));
    let entry = AuditEntry {
        id: row.id(0)?,
        org_id: row.id(1)?,
        at: row.time(2)?,
        action: row.get(3)?,
        outcome: AuditOutcome::from_word(&outcome).ok_or_else(|| bad(&outcome))?,
        reason: detail.reason.map(Cow::into_owned),
        actor: Principal {
            id: row.id(5)?,
            kind: AccountKind::from_word(&kind).ok_or_else(|| bad(&kind))?,
            name: row.get(7)?,
        },
        credential: row.get::<Option<Uuid>>(10)?.map(|id| Credential {
            key_id: id.into(),
            prefix: detail.key_prefix.map(Cow::into_owned).unwrap_or_default(),
        }),
        session_id: detail.session_id,
        initiator: AuditInitiator {
            kind: InitiatorKind::from_word(&initiator).ok_or_else(|| bad(&initiator))?,
            trigger_id: row.get::<Option<Uuid>>(9)?.map(Into::into),
            external_ref: detail.external_ref.map(Cow::into_owned),
        },
        chain: detail.chain.into_owned(),
        run_id: row.get::<Option<Uuid>>(11)?.map(Into::into),
        attempt: detail.attempt,
        workflow: detail.workflow.map(Cow::into_owned),
        plugin_digest: detail.plugin_digest,
        permission: detail.permission.map(Cow::into_owned),
        targets: detail.targets.into_owned(),
        change: detail.change.map(Cow::into_owned),
        ip: detail.ip,
        user_agent: detail.user_agent.map(Cow::into_owned),
        request_id: detail.request_id,
        erased: Vec::new(),
        altered: Vec::new(),
    };
    Ok((entry, detail.personal.into_owned()))
}
