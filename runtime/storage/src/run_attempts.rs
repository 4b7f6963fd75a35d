//! Attempts that did not end their run, so that a run can tell how it went. What must hold: a row is written by the transaction that ends the attempt,
//! and never for the last one, whose end stands in the run.

use factotum_model::{ErrorCode, RunId, Timestamp};

use crate::connection::Tx;
use crate::error::StorageError;

/// How an attempt ended that did not end its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It failed, and another follows.
    Retry,
    /// Its node gave it back unfinished.
    Released,
    /// Its node stopped.
    Lost,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Retry, Self::Released, Self::Lost];

    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Released => "released",
            Self::Lost => "lost",
        }
    }
}

/// An attempt that did not end its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How.
    pub ending: Ending,
    /// What went wrong.
    pub error: Option<(ErrorCode, String)>,
    /// What it used, as a JSON object.
    pub usage: Option<String>,
}

/// The attempts of a run before its last one, in order. What ended before this was kept is not there.
pub async fn list(tx: &mut Tx, run: RunId) -> Result<Vec<Attempt>, StorageError> {
    let rows = tx
        .query(
            "SELECT attempt, ended_at, ending, error_code, error_message, usage FROM run_attempts WHERE run_id = $1 ORDER BY attempt",
        )
        .bind(run.0)
        .fetch_all()
        .await?;
    let mut attempts = Vec::with_capacity(rows.len());
    for row in &rows {
        let (ending, code): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        let code = code.map(|code| {
            ErrorCode::from_word(&code).ok_or_else(|| StorageError::damaged("run_attempts.error_code", code))
        });
        let message: Option<String> = row.get(4)?;
        attempts.push(Attempt {
            number: u32::try_from(row.get::<i64>(0)?).unwrap_or(0),
            ended_at: row.time(1)?,
            ending: Ending::ALL
                .into_iter()
                .find(|known| known.as_str() == ending)
                .ok_or_else(|| StorageError::damaged("run_attempts.ending", ending))?,
            error: code.transpose()?.map(|code| (code, message.unwrap_or_default())),
            usage: row.get(5)?,
        });
    }
    Ok(attempts)
}

/// Notes how attempts ended, all now.
pub(crate) async fn note(tx: &mut Tx, attempts: &[(RunId, Attempt)]) -> Result<(), StorageError> {
    tx.insert_rows(
        "INSERT INTO run_attempts (run_id, attempt, ended_at, ending, error_code, error_message, usage) VALUES {rows} \
         ON CONFLICT (run_id, attempt) DO NOTHING",
        7,
        attempts,
        |s, (run, attempt)| {
            s.bind(run.0)
                .bind(i64::from(attempt.number))
                .bind(attempt.ended_at.as_micros())
                .bind(attempt.ending.as_str())
                .bind(attempt.error.as_ref().map(|(code, _)| code.as_str()))
                // PostgreSQL stores no U+0000.
                .bind(attempt.error.as_ref().map(|(_, message)| message.replace('\0', "\u{FFFD}")))
                .bind(attempt.usage.clone())
        },
    )
    .await
    .map(drop)
}
