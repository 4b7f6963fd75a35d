//! `/hooks/{token}` and what lies below it: what the world calls. What must hold: axum's part ends here; the path, which holds the token,
//! is in no log.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_webhook::Delivery;
use http::header::HOST;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Deserialize;

use super::State;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::http::ClientCertificate;
use crate::operations::{Origin, Services};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let hook = |path, id, summary| {
        Endpoint::post(path, id, summary)
            .needs(Needs::Nothing)
            .takes_raw("*/*")
            .gives::<Accepted>(202, "Committed")
            .gives_raw(200, "The workflow's answer, where the trigger replies with the outcome", "*/*")
            .refuses(400, "The body, or the name of the delivery, cannot be read")
            .refuses(401, "The delivery is not verified")
            .refuses(403, "The sender is not admitted, or its handshake is refused")
            .refuses(405, "The webhook does not take the method")
            .refuses(408, "The body did not arrive in time")
            .refuses(413, "The body is larger than the webhook takes")
            .refuses(414, "The address is too long")
            .refuses(431, "The headers are too large")
            .refuses(502, "The workflow failed")
    };
    routes
        .add_any(
            hook("/hooks/{token}", "deliver", "Deliver to a webhook trigger, with any method it takes"),
            deliver,
        )
        .add_any(
            hook("/hooks/{token}/{*path}", "deliverBelow", "Deliver to a path below a webhook trigger"),
            deliver,
        )
}

/// What `factotum_webhook` answers, for the OpenAPI document.
#[derive(JsonSchema)]
#[schemars(rename = "AcceptedDelivery")]
#[expect(dead_code, reason = "only its schema is used")]
struct Accepted {
    /// The id of the run that it started; of a batch, `runs` has those.
    run: Option<String>,
    /// The ids of the runs that a batch of CloudEvents started, in its order.
    runs: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

async fn deliver(
    services: State,
    Extension(origin): Extension<Origin>,
    Path(Token { token }): Path<Token>,
    parts: Parts,
    mut body: Body,
) -> Response {
    let whole = parts.uri.path();
    let mut headers = parts.headers;
    // HTTP/2 says who is asked elsewhere (RFC 9113 §8.3.1).
    if let (false, Some(asked)) = (headers.contains_key(HOST), parts.uri.authority())
        && let Ok(asked) = asked.as_str().parse()
    {
        headers.insert(HOST, asked);
    }
    // What follows `/hooks/<token>`, as sent.
    let below = whole.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap_or_default();
    let delivery = Delivery {
        url: services.hooks.url_of(&token),
        certificate: parts.extensions.get::<ClientCertificate>().map(|shown| shown.0),
        method: parts.method,
        path: below,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
    };
    let origin = factotum_storage::accept::Origin {
        ip: Some(origin.address),
        user_agent: origin.user_agent,
        request_id: Some(origin.request_id),
    };
    let answer = services.webhooks.receive(&token, delivery, origin, &mut body).await;
    (answer.status, answer.headers, answer.body).into_response()
}
