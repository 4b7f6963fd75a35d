//! `/audit/checkpoint`, `/audit/keys`, `/audit/{id}/proof`

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_model::Action;
use http::{HeaderName, header};

use super::{Answer, State};
use crate::api::endpoint::{Endpoint, Routes};
use crate::operations::{Caller, Services, audit};
use crate::view::PageView;
use crate::view::audit_log::{ProofView, VerifierKeyView};

/// The header that a checkpoint comes with: the key that signed it.
const VERIFIER_KEY: HeaderName = HeaderName::from_static("factotum-verifier-key");
const NOT_YET: &str = "Nothing, or not this, is sealed yet";

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::get(
                "/api/v1/audit/checkpoint",
                "getAuditCheckpoint",
                "The newest signed checkpoint of the audit trail; the header Factotum-Verifier-Key has the key that signed it",
            )
            .grant(Action::AUDIT_READ)
            .gives_raw(200, "The signed note (C2SP tlog-checkpoint)", "text/plain")
            .refuses(409, NOT_YET),
            checkpoint,
        )
        .add(
            Endpoint::get("/api/v1/audit/keys", "listAuditKeys", "The keys that sign checkpoints, the newest first")
                .grant(Action::AUDIT_READ)
                .gives::<PageView<VerifierKeyView>>(200, "The keys"),
            keys,
        )
        .add(
            Endpoint::get(
                "/api/v1/audit/{id}/proof",
                "proveAuditEntry",
                "The proof that an entry is in the signed log; that is on the record too",
            )
            .grant(Action::AUDIT_READ)
            .gives::<ProofView>(200, "Leaf, path and checkpoint")
            .refuses(409, NOT_YET),
            proof,
        )
}

async fn checkpoint(services: State, caller: Caller) -> Answer<Response> {
    let (stored, key) = audit::checkpoint(&services, &caller).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (VERIFIER_KEY, key.text)];
    Ok((headers, stored.note).into_response())
}

async fn keys(services: State, caller: Caller) -> Answer<Json<PageView<VerifierKeyView>>> {
    let items = audit::keys(&services, &caller).await?.into_iter().map(Into::into).collect();
    Ok(Json(PageView { items, next: None }))
}

async fn proof(services: State, caller: Caller, Path(id): Path<String>) -> Answer<Json<ProofView>> {
    let (proof, key) = audit::inclusion(&services, &caller, &id).await?;
    Ok(Json(ProofView::of(&proof, key)))
}
