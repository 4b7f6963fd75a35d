//! A notice to a webhook: one `POST`, signed in the form of Standard Webhooks. What must hold: it goes only where the egress policy lets workflows go; a repeated one has
//! the same `webhook-id`; only 2xx counts; no redirect is followed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use factotum_host::OutgoingError;
use factotum_model::Redacted;
use factotum_model::notice::Item;
use factotum_storage::notice_recipients::Endpoint;
use factotum_storage::notices::Notice;
use http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::letter::{organization, text_of};
use super::send::Failure;
use crate::operations::{OperationError, Services};
use crate::streams::sink::SinkError;
use crate::streams::webhook::{Message, exchange, signed};
use crate::view::harmless;

/// How long one message may take, with its connection.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a secret begins with (Standard Webhooks).
pub const SECRET_PREFIX: &str = "whsec_";
/// How much randomness is in it, in bytes.
const SECRET_BYTES: usize = 32;

/// A fresh secret for a webhook.
pub fn fresh_secret() -> Result<Redacted, OperationError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|_| OperationError::Unavailable("the operating system gives no random bytes".to_owned()))?;
    Ok(Redacted::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes))))
}

/// Posts a notice.
pub(super) async fn send(services: &Services, notice: &Notice, to: &Endpoint) -> Result<(), Failure> {
    let broken = || Failure::Never("the webhook cannot be read; remove it and add it again".to_owned());
    let url: Uri = to.url.parse().map_err(|_| broken())?;
    let secret = to.secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let secret = Redacted::new(secret.ok_or_else(broken)?);
    let organization = organization(services, notice).await?;
    let message = Message {
        id: notice.id.to_string(),
        content_type: "application/json",
        body: harmless::json(&body(services, notice, &organization)),
        at: services.now(),
    };
    let request = signed(&url, secret.expose(), &message).map_err(|_| broken())?;
    let posted = async {
        let stream = services.host.connect(&url).await.map_err(|error| match error {
            OutgoingError::Prohibited(why) | OutgoingError::Failed(why) => Failure::Later(why),
        })?;
        exchange(stream, request).await.map_err(|error| match error {
            SinkError::Http(_) | SinkError::Io { .. } => {
                Failure::Later("the connection broke off before an answer came".to_owned())
            }
            other => Failure::Later(other.to_string()),
        })
    };
    let answered = tokio::time::timeout(TIMEOUT, posted).await;
    let status =
        answered.map_err(|_| Failure::Later(format!("no answer within {} s", TIMEOUT.as_secs())))??;
    match status {
        status if status.is_success() => Ok(()),
        // Standard Webhooks: whoever answers so wants no more.
        StatusCode::GONE => Err(Failure::Never("the receiver answered 410 Gone".to_owned())),
        status => Err(Failure::Later(format!("the receiver answered {}", status.as_u16()))),
    }
}

/// Standard Webhooks, "Payload structure"; `text` is what chats show.
fn body(services: &Services, notice: &Notice, organization: &str) -> Value {
    let (content, base) = (&notice.content, services.public_url.as_str());
    let all = |items: &[Item], recovered: bool| {
        items.iter().map(|item| of_item(item, base, recovered)).collect::<Vec<_>>()
    };
    json!({
        "type": if content.test { "notice.test" } else { "notice" },
        "timestamp": notice.created_at,
        "text": text_of(content, organization, base),
        "data": {
            "organization": {"id": notice.org_id, "name": organization},
            "failing": all(&content.failing, false),
            "still_failing": all(&content.still_failing, false),
            "recovered": all(&content.recovered, true),
            "more": content.more,
        },
    })
}

fn of_item(item: &Item, base: &str, recovered: bool) -> Value {
    let error = item.error.as_ref().map(|(code, message)| json!({"code": code, "message": message}));
    let mut value = json!({
        "workflow": item.workflow,
        "workflow_id": item.workflow_id,
        "failing_since": item.since,
        "failures": item.failures,
        "run": item.run,
        "url": format!("{base}/runs/{}", item.run),
        "last_error": error,
    });
    value[if recovered { "recovered_at" } else { "last_failure_at" }] = json!(item.at);
    value
}
