//! Ending sessions: logging out, here or elsewhere. What must hold: a person ends their own and nobody else's; each end is on the record.

use factotum_model::SessionId;
use factotum_model::audit::Target;
use factotum_storage::sessions;
use serde_json::json;

use super::own;
use crate::operations::{Caller, OperationError, Services, Work};

/// Ends the caller's session.
pub async fn log_out(services: &Services, caller: &Caller) -> Result<(), OperationError> {
    let (_, this) = own(services, caller, "session.end").await?;
    end(services, caller, &this.to_string()).await
}

/// Ends one of the caller's own sessions.
pub async fn end(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let (person, _) = own(services, caller, "session.end").await?;
    let mut work = Work::begin(services, caller, "session.end", Some(Target::new("session", id))).await?;
    let done = match id.parse::<SessionId>() {
        Ok(id) => match sessions::end(&mut work.tx, person, id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(OperationError::NotFound),
            Err(error) => Err(error.into()),
        },
        Err(_) => Err(OperationError::NotFound),
    };
    work.end(done).await
}

/// Ends all of the caller's sessions but this one.
pub async fn end_others(services: &Services, caller: &Caller) -> Result<(), OperationError> {
    let (person, this) = own(services, caller, "session.end_others").await?;
    let mut work = Work::begin(services, caller, "session.end_others", None).await?;
    let done = sessions::end_all(&mut work.tx, person, Some(this)).await;
    let done = done.map(|ended| work.change(json!({"ended": ended}))).map_err(OperationError::from);
    work.end(done).await
}
