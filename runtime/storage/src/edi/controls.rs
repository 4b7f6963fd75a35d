//! The control numbers that came. What must hold: one transaction set of a partner is taken once, whichever node and connection it comes by: its numbers
//! are a key, written by the transaction that starts its runs; they are written in order, so that two nodes wait for each other and never in a circle.

use factotum_model::edi::Control;
use factotum_model::{InterchangeId, PartnerId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// Numbers that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub control: Control,
    /// The interchange that they came with last.
    pub interchange_id: InterchangeId,
}

/// Which of these came before, as long as that is remembered.
pub async fn seen(
    tx: &mut Tx,
    partner: PartnerId,
    controls: &[Control],
    now: Timestamp,
) -> Result<Vec<Seen>, StorageError> {
    let mut seen = Vec::new();
    for chunk in controls.chunks(tx.bulk_rows()) {
        let mut statement = tx.query_rows(
            "SELECT c.interchange, c.grp, c.st, c.interchange_id FROM (VALUES {rows}) AS v \
             JOIN edi_controls c ON c.partner_id = v.column1 AND c.interchange = v.column2 AND c.grp = v.column3 AND c.st = v.column4 \
             WHERE c.expires_at >= {after}",
            4,
            chunk.len(),
        );
        for control in chunk {
            statement = statement
                .bind(partner.0)
                .bind(control.interchange.clone())
                .bind(control.group.clone())
                .bind(control.set.clone());
        }
        for row in statement.bind(now.as_micros()).fetch_all().await? {
            let control = Control { interchange: row.get(0)?, group: row.get(1)?, set: row.get(2)? };
            seen.push(Seen { control, interchange_id: row.id(3)? });
        }
    }
    Ok(seen)
}

/// Writes numbers down as those of an interchange; of each the interchange that it replaces, as [`seen`] told. False if another transaction
/// was faster: then this one is to be rolled back, and tried again.
pub async fn claim(
    tx: &mut Tx,
    (partner, interchange): (PartnerId, InterchangeId),
    controls: &[(Control, Option<InterchangeId>)],
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let mut sorted: Vec<_> = controls.iter().collect();
    sorted.sort_unstable_by_key(|(control, _)| control);
    sorted.dedup_by_key(|(control, _)| control);
    let mut claimed = 0;
    for chunk in sorted.chunks(tx.bulk_rows()) {
        let mut statement = tx.query_rows(
            "INSERT INTO edi_controls (partner_id, interchange, grp, st, interchange_id, replaces_id, expires_at) VALUES {rows} \
             ON CONFLICT (partner_id, interchange, grp, st) DO UPDATE SET interchange_id = excluded.interchange_id, \
             replaces_id = excluded.replaces_id, expires_at = excluded.expires_at \
             WHERE edi_controls.expires_at < {after} OR edi_controls.interchange_id = excluded.replaces_id RETURNING st",
            7,
            chunk.len(),
        );
        for (control, replaces) in chunk {
            statement = statement
                .bind(partner.0)
                .bind(control.interchange.clone())
                .bind(control.group.clone())
                .bind(control.set.clone())
                .bind(interchange.0)
                .bind(replaces.map(|id| id.0))
                .bind(expires_at.as_micros());
        }
        claimed += statement.bind(now.as_micros()).fetch_all().await?.len();
    }
    Ok(claimed == sorted.len())
}
