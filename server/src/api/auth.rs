//! Who asks: `Authorization: Bearer fct_…`. What must hold: a mistyped key makes no query; a key in the query string or a cookie counts
//! for nothing; an unknown, a revoked and an expired key get the same answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use factotum_model::Authority;
use factotum_model::api_key::KeyText;
use factotum_model::audit::{Credential, Target};
use factotum_storage::accounts::KeyHolder;
use factotum_storage::api_keys;
use http::header;
use http::request::Parts;
use ipnet::IpNet;

use super::error::ApiError;
use super::problem::{Code, Problem};
use crate::operations::{Caller, OperationError, Origin, Services};

impl FromRequestParts<Arc<Services>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, ApiError> {
        let origin = parts.extensions.get::<Origin>().cloned();
        // The edge puts it there before anything else.
        let origin = origin.ok_or_else(|| Problem::new(Code::Internal, "the request passed no edge"))?;
        let Some(key) = bearer(parts) else {
            return Err(unauthenticated(services, &origin, "no usable key"));
        };
        let mut tx = services.storage.read().await.map_err(OperationError::from)?;
        let holder = api_keys::holder(&mut tx, key.hash()).await.map_err(OperationError::from)?;
        drop(tx);
        let now = services.now();
        let valid = |h: &KeyHolder| h.revoked_at.is_none() && h.expires_at.is_none_or(|at| at > now);
        let Some(holder) = holder.filter(valid) else {
            return Err(unauthenticated(services, &origin, "an unknown, revoked or expired key"));
        };
        let caller = Self {
            org_id: holder.org_id,
            principal: holder.principal,
            authority: Authority::of(holder.grants),
            credential: Credential { key_id: holder.key_id, prefix: holder.prefix },
            origin,
        };
        if !allowed_from(&holder.allowed_networks, caller.origin.address) {
            let reason = format!("this key may not be used from {}", caller.origin.address);
            let denied = OperationError::Denied { permission: "network".to_owned(), reason };
            let target = Target::named("api_key", caller.credential.key_id, &caller.principal.name);
            return Err(caller.refused(services, "api_key.use", Some(target), denied).await.into());
        }
        services.key_uses.note(caller.credential.key_id, now, caller.origin.address);
        Ok(caller)
    }
}

/// RFC 6750 §2.1; the scheme's name in any case (RFC 9110 §11.1). Two headers are none.
fn bearer(parts: &Parts) -> Option<KeyText> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    KeyText::parse(key.trim()).ok()
}

fn allowed_from(networks: &[String], address: IpAddr) -> bool {
    networks.is_empty() || networks.iter().any(|n| n.parse::<IpNet>().is_ok_and(|n| n.contains(&address)))
}

/// A refusal that belongs to no organization goes to the security log: counted, and written at most once a second.
fn unauthenticated(services: &Services, origin: &Origin, why: &'static str) -> ApiError {
    services.refusals.count(origin.address, why);
    Problem::new(
        Code::Unauthenticated,
        "send a valid API key as `Authorization: Bearer fct_…`; this request had none, or one that is unknown, revoked or expired",
    )
    .into()
}
