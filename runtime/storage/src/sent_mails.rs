//! Mails that runs send. What must hold: the same call of a run has one mail, however often the run is executed; one that was sent is not sent again; one whose
//! fate is not known keeps its id, so that whoever receives it twice can tell.

use factotum_model::{Digest, RunId, Timestamp};
use uuid::Uuid;

use crate::children::Call;
use crate::connection::Tx;
use crate::error::StorageError;

/// What is known of a call that sends a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It is to be sent under this id, for the first time or once more.
    ToSend(Uuid),
    /// It was sent under this id.
    Sent(Uuid),
    /// An earlier attempt sent another mail in the place of this call.
    Changed,
}

/// Begins to send: the caller holds the run's lease, and commits before anything leaves. A call with a key stands for its first mail, whatever that said.
pub async fn begin(
    tx: &mut Tx,
    run: RunId,
    call: &Call,
    digest: Digest,
    now: Timestamp,
) -> Result<Begun, StorageError> {
    let row = tx
        .query("SELECT letter_id, digest, sent_at FROM sent_mails WHERE run_id = $1 AND call = $2")
        .bind(run.0)
        .bind(call.text())
        .fetch_optional()
        .await?;
    if let Some(row) = row {
        let (letter, known, sent): (Uuid, Vec<u8>, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let same = known == digest.0;
        return Ok(match (call, sent) {
            // What was not sent is not sent in another form under the same id.
            (Call::Numbered(_), _) | (Call::Keyed(_), None) if !same => Begun::Changed,
            (_, Some(_)) => Begun::Sent(letter),
            (_, None) => Begun::ToSend(letter),
        });
    }
    let letter = Uuid::now_v7();
    tx.query(
        "INSERT INTO sent_mails (run_id, call, letter_id, digest, begun_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(run.0)
    .bind(call.text())
    .bind(letter)
    .bind(digest.0.to_vec())
    .bind(now.as_micros())
    .execute()
    .await?;
    Ok(Begun::ToSend(letter))
}

/// Writes down that the mail was taken. Whether it was not before.
pub async fn sent(tx: &mut Tx, letter: Uuid, now: Timestamp) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE sent_mails SET sent_at = $2 WHERE letter_id = $1 AND sent_at IS NULL")
        .bind(letter)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}
