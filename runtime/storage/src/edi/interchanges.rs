//! Interchanges that came in, with what became of them. What must hold: the bytes are stored in the same transaction, and are those that came; what
//! became of one is final, but for the quarantine, which is left once.

use factotum_model::edi::{Standard, State};
use factotum_model::{Digest, InterchangeId, OrgId, PartnerId, Timestamp, TriggerId};
use serde_json::Value;
use uuid::Uuid;

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// An interchange.
#[derive(Debug, Clone)]
pub struct Interchange {
    /// Its id.
    pub id: InterchangeId,
    /// Whose.
    pub org_id: OrgId,
    /// When it came.
    pub received_at: Timestamp,
    /// How it came: `http`.
    pub transport: String,
    /// The trigger whose door it came to.
    pub trigger_id: Option<TriggerId>,
    /// What it is; none if it cannot be told.
    pub standard: Option<Standard>,
    /// What became of it.
    pub state: State,
    /// From whom.
    pub partner: Option<(PartnerId, String)>,
    /// Its sender, as its envelope has it.
    pub sender: Option<String>,
    /// Its receiver.
    pub receiver: Option<String>,
    /// Its control number.
    pub control: Option<String>,
    /// Whether it is a test.
    pub test: bool,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// How many transaction sets it has.
    pub sets: u64,
    /// How many of them were taken.
    pub accepted: u64,
    /// Why it was refused or kept.
    pub reason: Option<String>,
    /// Groups, sets and findings; only where one interchange was asked for.
    pub report: Value,
    /// What its sender was answered; only where one interchange was asked for.
    pub acknowledgement: Option<Vec<u8>>,
    /// Whether there is an acknowledgement.
    pub acknowledged: bool,
    /// The one that it repeats.
    pub first_id: Option<InterchangeId>,
    /// When it left the quarantine.
    pub settled_at: Option<Timestamp>,
}

/// Which interchanges are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// What became of them.
    pub state: Option<State>,
    /// From whom.
    pub partner: Option<PartnerId>,
}

/// All but what one interchange alone is asked for.
const COLUMNS: &str = "i.id, i.org_id, i.received_at, i.transport, i.trigger_id, i.standard, i.state, i.partner_id, p.name, i.sender, i.receiver, \
    i.control, i.test, i.digest, i.size, i.sets, i.accepted, i.reason, i.first_id, i.settled_at, \
    CAST(CASE WHEN i.acknowledgement IS NULL THEN 0 ELSE 1 END AS BIGINT)";
const FROM: &str = "FROM edi_interchanges i LEFT JOIN edi_partners p ON p.id = i.partner_id";

/// Stores one with its bytes.
pub async fn insert(tx: &mut Tx, new: &Interchange, bytes: &[u8]) -> Result<(), StorageError> {
    crate::blobs::put(tx, new.digest, bytes, new.received_at).await?;
    tx.query(
        "INSERT INTO edi_interchanges (id, org_id, received_at, transport, trigger_id, standard, state, partner_id, sender, receiver, control, test, \
         digest, size, sets, accepted, reason, report, acknowledgement, first_id, settled_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
    )
    .bind(new.id.0)
    .bind(new.org_id.0)
    .bind(new.received_at.as_micros())
    .bind(new.transport.clone())
    .bind(new.trigger_id.map(|id| id.0))
    .bind(new.standard.map(Standard::as_str))
    .bind(new.state.as_str())
    .bind(new.partner.as_ref().map(|(id, _)| id.0))
    .bind(new.sender.as_deref().map(storable))
    .bind(new.receiver.as_deref().map(storable))
    .bind(new.control.as_deref().map(storable))
    .bind(i64::from(new.test))
    .bind(new.digest.0.to_vec())
    .bind(number(new.size))
    .bind(number(new.sets))
    .bind(number(new.accepted))
    .bind(new.reason.as_deref().map(storable))
    .bind(new.report.to_string())
    .bind(new.acknowledgement.clone())
    .bind(new.first_id.map(|id| id.0))
    .bind(new.settled_at.map(Timestamp::as_micros))
    .execute()
    .await
    .map(drop)
}

/// Says what became of one in quarantine. Whether it was still there.
pub async fn settle(tx: &mut Tx, new: &Interchange) -> Result<bool, StorageError> {
    let changed = tx
        .query(
            "UPDATE edi_interchanges SET state = $3, partner_id = $4, sets = $5, accepted = $6, reason = $7, report = $8, acknowledgement = $9, \
             first_id = $10, settled_at = $11, standard = $12, sender = $13, receiver = $14, control = $15, test = $16 \
             WHERE org_id = $1 AND id = $2 AND state = 'quarantined'",
        )
        .bind(new.org_id.0)
        .bind(new.id.0)
        .bind(new.state.as_str())
        .bind(new.partner.as_ref().map(|(id, _)| id.0))
        .bind(number(new.sets))
        .bind(number(new.accepted))
        .bind(new.reason.as_deref().map(storable))
        .bind(new.report.to_string())
        .bind(new.acknowledgement.clone())
        .bind(new.first_id.map(|id| id.0))
        .bind(new.settled_at.map(Timestamp::as_micros))
        .bind(new.standard.map(Standard::as_str))
        .bind(new.sender.as_deref().map(storable))
        .bind(new.receiver.as_deref().map(storable))
        .bind(new.control.as_deref().map(storable))
        .bind(i64::from(new.test))
        .execute()
        .await?;
    Ok(changed > 0)
}

/// One, with all that is known of it.
pub async fn get(tx: &mut Tx, org: OrgId, id: InterchangeId) -> Result<Option<Interchange>, StorageError> {
    let row = tx
        .query_built(format!(
            "SELECT {COLUMNS}, i.report, i.acknowledgement {FROM} WHERE i.org_id = $1 AND i.id = $2"
        ))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut found = read(&row)?;
    found.report = row.json(21, "edi_interchanges.report")?;
    found.acknowledgement = row.get(22)?;
    Ok(Some(found))
}

/// Interchanges, newest first, without report and acknowledgement.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    filter: &Filter,
    before: Option<InterchangeId>,
    limit: u32,
) -> Result<Vec<Interchange>, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {COLUMNS} {FROM} WHERE i.org_id = $1 AND i.id < $2 AND ($3 = '' OR i.state = $3) AND ($4 = 0 OR i.partner_id = $5) \
             ORDER BY i.id DESC LIMIT $6"
        ))
        .bind(org.0)
        .bind(before.map_or(Uuid::max(), |id| id.0))
        .bind(filter.state.map_or("", State::as_str))
        .bind(i64::from(filter.partner.is_some()))
        .bind(filter.partner.map_or(Uuid::nil(), |id| id.0))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// The one in quarantine with these bytes, and how many are in quarantine, counted up to `most`.
pub async fn quarantined(
    tx: &mut Tx,
    org: OrgId,
    digest: Digest,
    most: u32,
) -> Result<(Option<InterchangeId>, u32), StorageError> {
    let row = tx
        .query("SELECT id FROM edi_interchanges WHERE org_id = $1 AND digest = $2 AND state = 'quarantined'")
        .bind(org.0)
        .bind(digest.0.to_vec())
        .fetch_optional()
        .await?;
    let known = row.map(|row| row.id(0)).transpose()?;
    let row = tx
        .query(
            "SELECT count(*) FROM (SELECT 1 FROM edi_interchanges WHERE org_id = $1 AND state = 'quarantined' LIMIT $2) AS q",
        )
        .bind(org.0)
        .bind(i64::from(most))
        .fetch_optional()
        .await?;
    let count: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    Ok((known, u32::try_from(count).unwrap_or(u32::MAX)))
}

/// PostgreSQL stores no U+0000.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<Interchange, StorageError> {
    let maybe_id = |column| row.get::<Option<Uuid>>(column);
    let standard: Option<String> = row.get(5)?;
    let state: String = row.get(6)?;
    let digest: Vec<u8> = row.get(13)?;
    let count = |column| row.get::<i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
    let name: Option<String> = row.get(8)?;
    Ok(Interchange {
        id: row.id(0)?,
        org_id: row.id(1)?,
        received_at: row.time(2)?,
        transport: row.get(3)?,
        trigger_id: maybe_id(4)?.map(TriggerId),
        standard: standard
            .map(|word| {
                Standard::from_word(&word)
                    .ok_or_else(|| StorageError::damaged("edi_interchanges.standard", word))
            })
            .transpose()?,
        state: State::from_word(&state)
            .ok_or_else(|| StorageError::damaged("edi_interchanges.state", state))?,
        partner: maybe_id(7)?.map(PartnerId).zip(name),
        sender: row.get(9)?,
        receiver: row.get(10)?,
        control: row.get(11)?,
        test: row.get::<i64>(12)? != 0,
        digest: Digest(
            digest
                .try_into()
                .map_err(|_| StorageError::damaged("edi_interchanges.digest", "not 32 bytes"))?,
        ),
        size: count(14)?,
        sets: count(15)?,
        accepted: count(16)?,
        reason: row.get(17)?,
        report: Value::Null,
        acknowledgement: None,
        acknowledged: row.get::<i64>(20)? != 0,
        first_id: maybe_id(18)?.map(InterchangeId),
        settled_at: row.maybe_time(19)?,
    })
}
