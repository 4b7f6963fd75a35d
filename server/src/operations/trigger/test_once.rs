//! A test delivery by a request that has an idempotency key. What must hold: however often the request comes, one delivery is sent; the answer to a
//! repetition is that of the first, and while there is none, that it is being worked on.

use factotum_storage::idempotency_keys;

use super::{Sample, Tested, test};
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::trigger::TestedView;

/// What is kept as the status until there is an answer: RFC 2518 §10.1, "Processing".
const UNDER_WAY: u16 = 102;

impl Tested {
    /// As the world sees it.
    pub fn view(&self) -> TestedView {
        let kind = self.answer.headers.get(http::header::CONTENT_TYPE);
        TestedView {
            status: self.answer.status.as_u16(),
            content_type: kind.and_then(|kind| kind.to_str().ok()).map(ToOwned::to_owned),
            body: String::from_utf8_lossy(&self.answer.body).into_owned(),
            run: self.run.map(|run| run.to_string()),
        }
    }
}

/// As [`test`], once.
pub async fn test_once(
    services: &Services,
    caller: &Caller,
    id: &str,
    sent: Sample,
    once: Option<&Once>,
) -> Result<Tested, OperationError> {
    let Some(once) = once else { return test(services, caller, id, sent).await };
    take(services, caller, once).await?;
    let tested = test(services, caller, id, sent).await;
    let account = caller.principal.id;
    let mut tx = services.storage.write().await?;
    match &tested {
        Ok(tested) => {
            let answer = serde_json::to_string(&tested.view()).unwrap_or_default();
            idempotency_keys::answer(&mut tx, account, &once.route, &once.key, 200, &answer).await?;
        }
        // Nothing was sent: the request may come again.
        Err(_) => idempotency_keys::forget(&mut tx, account, &once.route, &once.key).await?,
    }
    tx.commit().await?;
    tested
}

/// Takes the key, in a transaction of its own: the delivery has others.
async fn take(services: &Services, caller: &Caller, once: &Once) -> Result<(), OperationError> {
    match Work::begin(services, caller, "trigger.test", None).await?.once(Some(once)).await {
        Ok(mut work) => {
            work.answered(UNDER_WAY, &()).await?;
            Ok(work.tx.commit().await?)
        }
        Err(OperationError::Replayed { status: UNDER_WAY, .. }) => Err(OperationError::InProgress),
        Err(error) => Err(error),
    }
}
