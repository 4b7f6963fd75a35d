//! Events as they came in. What must hold: the bytes are given back as they were.

use factotum_model::{Event, EventId, OrgId, TriggerId};

use crate::connection::Tx;
use crate::error::StorageError;
use crate::principal::maybe;

/// An event with its trigger.
pub async fn get(
    tx: &mut Tx,
    org: OrgId,
    id: EventId,
) -> Result<Option<(Event, Option<TriggerId>)>, StorageError> {
    let row = tx
        .query(
            "SELECT e.id, e.received_at, e.input, e.payload, b.bytes, e.trigger_id FROM events e \
             LEFT JOIN blobs b ON b.digest = e.payload_digest WHERE e.org_id = $1 AND e.id = $2",
        )
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.map(|row| {
        let inline: Option<Vec<u8>> = row.get(3)?;
        let blob: Option<Vec<u8>> = row.get(4)?;
        let event = Event {
            id: row.id(0)?,
            received_at: row.time(1)?,
            input: row.json(2, "events.input")?,
            payload: inline.or(blob).unwrap_or_default(),
        };
        Ok((event, maybe(row.get(5)?)))
    })
    .transpose()
}
