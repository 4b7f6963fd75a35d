//! Verifying the audit trail against its log, from the database alone. What must hold: nothing is believed that can be computed again; it
//! runs in bounded memory, needs no master key and changes nothing; and the first thing that is wrong is named with its kind.

mod checkpoints;
pub mod entry;
mod personal;
mod walk;

use factotum_model::audit_log::{Checkpoint, PublicKey, SignedCheckpoint};
use factotum_model::{AuditId, OrgId, Timestamp};
use serde::Serialize;

use crate::audit_checkpoints::{self, Epoch};
use crate::audit_signing_keys::{self, StoredKey};
use crate::connection::Tx;
use crate::error::StorageError;
use crate::{audit_sealing, dialect, organizations, retention};

/// For how long an entry may have waited for its commit, at the most, before it was sealed: one that says to be older than that, and is no
/// leaf, was put there later.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// What kind of tampering it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What is stored is not what was sealed.
    Altered,
    /// Something that was sealed is gone, with others after it still there.
    Missing,
    /// What was sealed stands in another order.
    Reordered,
    /// Something is there that was never sealed by the program.
    Forged,
    /// The end of the trail is gone.
    Truncated,
    /// The whole log is another one than that of a checkpoint from outside.
    Rewritten,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// The leaf, if it is about one; the first of several that it may be.
    pub index: Option<u64>,
    /// The leaf before which the last of those is that it may be.
    pub before: Option<u64>,
    /// The entry, if it is known.
    pub entry: Option<AuditId>,
    /// In words.
    pub reason: String,
}

impl Finding {
    fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self { kind, index: None, before: None, entry: None, reason: reason.into() }
    }

    fn at(mut self, index: u64, entry: Option<AuditId>) -> Self {
        (self.index, self.entry) = (Some(index), entry);
        self
    }

    fn before(mut self, index: u64) -> Self {
        self.before = Some(index);
        self
    }
}

/// What the caller knows from outside.
#[derive(Debug, Default)]
pub struct Known {
    /// Checkpoints that were taken off the host, with what to call them in words.
    pub checkpoints: Vec<(String, SignedCheckpoint)>,
    /// Keys of which one must be among the organization's, and by which the later ones were named.
    pub keys: Vec<PublicKey>,
}

/// What came out for one organization.
#[derive(Debug)]
pub struct Report {
    /// Which.
    pub org: OrgId,
    /// Its name, if the database knows one.
    pub name: Option<String>,
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// How many checkpoints were checked.
    pub checkpoints: u64,
    /// Its epochs.
    pub epochs: Vec<Epoch>,
    /// The keys that sign.
    pub keys: Vec<PublicKey>,
    /// How many at the beginning were removed for their age; their leaves are there.
    pub removed: u64,
    /// Entries that are not sealed yet.
    pub unsealed: u64,
    /// When the oldest of them was recorded.
    pub unsealed_since: Option<Timestamp>,
    /// The first thing that is wrong; none if the trail is whole.
    pub finding: Option<Finding>,
}

/// The organizations that have a trail, with their names.
pub async fn organizations(tx: &mut Tx) -> Result<Vec<(OrgId, Option<String>)>, StorageError> {
    let mut found: Vec<_> =
        organizations::list(tx).await?.into_iter().map(|org| (org.id, Some(org.name))).collect();
    let rows = tx.query("SELECT DISTINCT org_id FROM audit_epochs ORDER BY org_id").fetch_all().await?;
    for row in rows {
        let org: OrgId = row.id(0)?;
        if !found.iter().any(|(id, _)| *id == org) {
            found.push((org, None));
        }
    }
    Ok(found)
}

/// Verifies the trail of one organization.
pub async fn organization(
    tx: &mut Tx,
    org: OrgId,
    name: Option<String>,
    known: &Known,
) -> Result<Report, StorageError> {
    let keys = audit_signing_keys::list(tx, org).await?;
    let head = audit_checkpoints::newest(tx, org).await?;
    let mut report = Report {
        org,
        name,
        checkpoint: head.map(|stored| stored.checkpoint),
        checkpoints: 0,
        epochs: audit_checkpoints::epochs(tx, org).await?,
        keys: keys.iter().map(|key| key.public).collect(),
        removed: retention::removed(tx, org).await?,
        unsealed: 0,
        unsealed_since: None,
        finding: None,
    };
    let outside: Vec<_> = known.checkpoints.iter().filter(|(_, c)| c.checkpoint.org == org).collect();
    let mut finding = trusted_keys(org, &keys, &known.keys);
    if finding.is_none() {
        let walked = walk::leaves(tx, &report, &checkpoints::not_cut(&report, &outside)).await?;
        report.checkpoints = walked.checkpoints;
        finding = walked.finding;
    }
    if finding.is_none() {
        finding = removal(tx, &report).await?;
    }
    if finding.is_none() {
        finding = checkpoints::outside(&report, &outside, &known.keys);
    }
    let unsealed = unsealed(tx, &mut report).await?;
    report.finding = finding.or(unsealed);
    Ok(report)
}

/// That each key but the first was named by the one before it, and that a key known from outside is among them.
fn trusted_keys(org: OrgId, keys: &[StoredKey], pinned: &[PublicKey]) -> Option<Finding> {
    for (before, key) in keys.iter().zip(keys.iter().skip(1)) {
        let note = key.endorsement.as_deref().unwrap_or_default();
        if !factotum_model::audit_log::key::endorses(note, org, before.public, key.public) {
            let reason = format!(
                "signing key {:?} was not named by the key before it, {:?}",
                key.public, before.public
            );
            return Some(Finding::new(Kind::Forged, reason));
        }
    }
    if pinned.is_empty() || keys.is_empty() || keys.iter().any(|key| pinned.contains(&key.public)) {
        return None;
    }
    let reason = format!(
        "the key that was given is none of the keys that sign this log ({}): the log was signed anew by another key",
        keys.iter().map(|key| key.public.short()).collect::<Vec<_>>().join(", ")
    );
    Some(Finding::new(Kind::Rewritten, reason))
}

/// That a beginning that is gone was removed by the program, which puts that on the record.
async fn removal(tx: &mut Tx, report: &Report) -> Result<Option<Finding>, StorageError> {
    if report.removed == 0 {
        return Ok(None);
    }
    let size = report.removed;
    let row = tx
        .query(
            "SELECT count(*) FROM audit_entries WHERE org_id = $1 AND action = 'audit.retain' AND (detail LIKE $2 OR detail LIKE $3)",
        )
        .bind(report.org.0)
        .bind(format!("%\"to\":{size},%"))
        .bind(format!("%\"to\":{size}}}%"))
        .fetch_optional()
        .await?;
    if row.map_or(Ok(0), |row| row.get::<i64>(0))? > 0 {
        return Ok(None);
    }
    let reason = format!(
        "the entries of the first {size} leaves are gone, and no entry says that they were past their time"
    );
    Ok(Some(Finding::new(Kind::Missing, reason).at(0, None).before(size)))
}

/// Counts what is not sealed, and looks for what cannot simply be new.
async fn unsealed(tx: &mut Tx, report: &mut Report) -> Result<Option<Finding>, StorageError> {
    let count = tx
        .query(
            "SELECT count(*), min(e.at) FROM audit_entries e WHERE e.org_id = $1 \
             AND NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.entry_id = e.id AND l.org_id = e.org_id)",
        )
        .bind(report.org.0)
        .fetch_optional()
        .await?;
    let Some(count) = count else { return Ok(None) };
    report.unsealed = u64::try_from(count.get::<i64>(0)?).unwrap_or(0);
    report.unsealed_since = count.maybe_time(1)?;
    if report.unsealed == 0 {
        return Ok(None);
    }
    let sealing = audit_sealing::now(tx).await?;
    // The bound of another cluster says nothing of this one's entries.
    let foreign = audit_sealing::is_foreign(tx, &sealing.bound).await?;
    let bound = if foreign { dialect::seal::no_bound(tx.backend()).to_owned() } else { sealing.bound };
    let newest = report.checkpoint.as_ref().map(|head| head.at);
    let backdated = newest.map_or(i64::MIN, |at| at.minus(PATIENCE).as_micros());
    let sql = dialect::seal::never_sealed(tx.backend());
    let row = tx.query_built(sql).bind(report.org.0).bind(bound).bind(backdated).fetch_optional().await?;
    let Some(row) = row else { return Ok(None) };
    let (id, at) = (row.id::<AuditId>(0)?, row.time(1)?);
    let (kind, reason) = match newest {
        None => (
            Kind::Truncated,
            "entries were sealed, and there is no log of them: leaves and checkpoints are gone".to_owned(),
        ),
        Some(newest) => (
            Kind::Forged,
            format!(
                "this entry, recorded at {at} by its own account, is no leaf, though all up to {newest} is sealed: it was put there later, or its leaf and all checkpoints since were removed"
            ),
        ),
    };
    Ok(Some(Finding { entry: Some(id), ..Finding::new(kind, reason) }))
}
