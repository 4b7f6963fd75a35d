//! The audit trail's table: append and read, nothing else. What must hold: entries are written in the transaction of the
//! action they tell of (audit.md, A1), and the table refuses to change or lose one.

use std::net::IpAddr;

use factotum_model::account::AccountKind;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Credential, Target};
use factotum_model::{AuditId, Digest, InitiatorKind, OrgId, Principal, RequestId, RunId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::audit_filter::AuditFilter;
use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// What an entry says beside the columns that are searched.
#[derive(Serialize, Deserialize)]
struct Detail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_ref: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin_digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permission: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    targets: Vec<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
}

/// The columns, in the order in which [`append`] binds and [`read`] reads them.
pub(crate) const COLUMNS: &str = "id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, trigger_id, key_id, run_id, target_id, detail";

/// Appends entries.
pub async fn append(tx: &mut Tx, entries: &[AuditEntry]) -> Result<(), StorageError> {
    tx.insert_rows(
        "INSERT INTO audit_entries (id, org_id, at, action, outcome, actor_id, actor_kind, actor_name, initiator_kind, trigger_id, key_id, run_id, target_id, detail) VALUES {rows}",
        14,
        entries,
        |statement, entry| {
            let detail = Detail {
                reason: entry.reason.clone(),
                key_prefix: entry.credential.as_ref().map(|c| c.prefix.clone()),
                external_ref: entry.initiator.external_ref.clone(),
                chain: entry.chain.clone(),
                attempt: entry.attempt,
                workflow: entry.workflow.clone(),
                plugin_digest: entry.plugin_digest,
                permission: entry.permission.clone(),
                targets: entry.targets.clone(),
                change: entry.change.clone(),
                ip: entry.ip,
                user_agent: entry.user_agent.clone(),
                request_id: entry.request_id,
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
                .bind(entry.targets.first().map(|t| t.id.clone()))
                .bind(serde_json::to_string(&detail).unwrap_or_default())
        },
    )
    .await
    .map(drop)
}

/// The entries that match, newest first, at most `limit`, older than `before`.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    filter: &AuditFilter,
    before: Option<AuditId>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StorageError> {
    let rows = filter.select(tx, org, before, limit).fetch_all().await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<AuditEntry, StorageError> {
    let detail: Detail = row.json(13, "audit_entries.detail")?;
    let outcome: String = row.get(4)?;
    let kind: String = row.get(6)?;
    let initiator: String = row.get(8)?;
    let bad = |what: &str| StorageError::damaged("audit_entries", format!("`{what}` is not a known word"));
    Ok(AuditEntry {
        id: row.id(0)?,
        org_id: row.id(1)?,
        at: row.time(2)?,
        action: row.get(3)?,
        outcome: AuditOutcome::from_word(&outcome).ok_or_else(|| bad(&outcome))?,
        reason: detail.reason,
        actor: Principal {
            id: row.id(5)?,
            kind: AccountKind::from_word(&kind).ok_or_else(|| bad(&kind))?,
            name: row.get(7)?,
        },
        credential: row
            .get::<Option<Uuid>>(10)?
            .map(|id| Credential { key_id: id.into(), prefix: detail.key_prefix.unwrap_or_default() }),
        initiator: AuditInitiator {
            kind: InitiatorKind::from_word(&initiator).ok_or_else(|| bad(&initiator))?,
            trigger_id: row.get::<Option<Uuid>>(9)?.map(Into::into),
            external_ref: detail.external_ref,
        },
        chain: detail.chain,
        run_id: row.get::<Option<Uuid>>(11)?.map(Into::into),
        attempt: detail.attempt,
        workflow: detail.workflow,
        plugin_digest: detail.plugin_digest,
        permission: detail.permission,
        targets: detail.targets,
        change: detail.change,
        ip: detail.ip,
        user_agent: detail.user_agent,
        request_id: detail.request_id,
    })
}
