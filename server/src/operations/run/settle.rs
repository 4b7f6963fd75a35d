//! Replaying or dismissing many dead letters. What must hold: each is done by its own operation in its own transaction, so that one that fails keeps
//! none of the others back, and what was not reached is a dead letter still.

use factotum_storage::runs::Run;

use super::{dismiss, replay};
use crate::operations::{Caller, OperationError, Services};

/// What is done about a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is run again.
    Replay,
    /// Nothing more is done.
    Dismiss,
}

/// What came of one.
#[derive(Debug)]
pub struct Settled {
    /// The dead letter's id.
    pub id: String,
    /// The new run of a replay, or the run that was dismissed; or why not, in words.
    pub result: Result<Run, String>,
}

/// Does it to each. The error of one that is not about the one alone ends it: whoever may not, or is logged out, or nothing can be stored.
pub async fn settle(
    services: &Services,
    caller: &Caller,
    way: Way,
    ids: &[String],
) -> Result<Vec<Settled>, OperationError> {
    let mut settled = Vec::with_capacity(ids.len());
    for id in ids {
        let done = match way {
            Way::Replay => replay(services, caller, id, None).await,
            Way::Dismiss => dismiss(services, caller, id, None).await,
        };
        let result = match done {
            Ok(run) => Ok(run),
            Err(error @ (OperationError::NotFound | OperationError::Conflict(_))) => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        settled.push(Settled { id: id.clone(), result });
    }
    Ok(settled)
}
