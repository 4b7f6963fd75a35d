//! Who asks: `Authorization: Bearer fct_…`, or a session's cookie. What must hold: a mistyped key makes no query; a key in the query string
//! or a cookie counts for nothing; a bearer request ignores cookies; an unknown, a revoked and an expired key get the same answer; a
//! flood of unknown keys costs no queries; a session changes something only from the server's own pages.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use factotum_model::api_key::KeyText;
use factotum_model::audit::{Credential, Target};
use factotum_model::{Authority, Digest};
use factotum_storage::accounts::KeyHolder;
use factotum_storage::sessions::{self, SessionHolder};
use factotum_storage::{StorageError, api_keys};
use http::header;
use http::request::Parts;
use ipnet::IpNet;

use super::error::ApiError;
use super::problem::{Code, Problem};
use super::session;
use crate::operations::key_cache::Found;
use crate::operations::{Caller, OperationError, Origin, Services, Token, Via};

/// How old what is known of a session's last use may be.
const SEEN_EVERY: Duration = Duration::from_mins(1);

impl FromRequestParts<Arc<Services>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, ApiError> {
        let origin = parts.extensions.get::<Origin>().cloned();
        // The edge puts it there before anything else.
        let origin = origin.ok_or_else(|| Problem::new(Code::Internal, "the request passed no edge"))?;
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let Some(key) = bearer(parts) else {
                return Err(unauthenticated(services, &origin, "no usable key"));
            };
            return by_key(services, origin, &key).await;
        }
        match session::token(&parts.headers) {
            Some(token) => by_session(services, origin, &token, parts).await,
            None => Err(unauthenticated(services, &origin, "no key and no session")),
        }
    }
}

async fn by_key(services: &Services, origin: Origin, key: &KeyText) -> Result<Caller, ApiError> {
    let holder = holder(services, &origin, key.hash()).await?;
    let now = services.now();
    let Some(holder) = holder.filter(|h| h.expires_at.is_none_or(|at| at > now)) else {
        return Err(unauthenticated(services, &origin, "an unknown, revoked or expired key"));
    };
    let caller = Caller {
        org_id: holder.org_id,
        principal: holder.principal.clone(),
        authority: Authority::of(holder.grants.clone()),
        via: Via::Key(Credential { key_id: holder.key_id, prefix: holder.prefix.clone() }),
        origin,
    };
    if !allowed_from(&holder.allowed_networks, caller.origin.address) {
        let reason = format!("this key may not be used from {}", caller.origin.address);
        let denied = OperationError::Denied { permission: "network".to_owned(), reason };
        let target = Target::named("api_key", holder.key_id, &caller.principal.name);
        return Err(caller.refused(services, "api_key.use", Some(target), denied).await.into());
    }
    services.key_uses.note(holder.key_id, now, caller.origin.address);
    Ok(caller)
}

/// Who holds a key: from the cache, where that counts, else from the database, about unknown keys only so often.
async fn holder(
    services: &Services,
    origin: &Origin,
    hash: Digest,
) -> Result<Option<Arc<KeyHolder>>, ApiError> {
    let started = Instant::now();
    let guess = match services.key_cache.find(hash, started) {
        Found::Current(holder) => return Ok(Some(holder)),
        Found::Nobodys => return Ok(None),
        Found::Former => false,
        Found::Unknown => true,
    };
    if guess && let Err(wait) = services.unknown_keys.take(origin.address) {
        services.refusals.count(origin.address, "too many unknown keys");
        return Err(OperationError::RateLimited(wait).into());
    }
    services.metrics.key_queries.inc();
    let read = async {
        let mut tx = services.storage.read().await?;
        api_keys::holder(&mut tx, hash).await
    };
    let (holder, count) = read.await.map_err(OperationError::from)?;
    let holder = holder.map(Arc::new);
    services.key_cache.looked_up(hash, holder.clone(), count, started);
    if guess && holder.is_some() {
        services.unknown_keys.give_back(origin.address);
    }
    Ok(holder)
}

async fn by_session(
    services: &Services,
    origin: Origin,
    token: &Token,
    parts: &Parts,
) -> Result<Caller, ApiError> {
    let now = services.now();
    let mut tx = services.storage.read().await.map_err(OperationError::from)?;
    let holder = sessions::holder(&mut tx, token.hash(), now, services.limits.session_idle).await;
    drop(tx);
    let Some(holder) = holder.map_err(OperationError::from)? else {
        return Err(unauthenticated(services, &origin, "an unknown or ended session"));
    };
    if now.since(holder.last_seen_at) >= SEEN_EVERY {
        seen(services, &holder, &origin).await.map_err(OperationError::from)?;
    }
    let caller = Caller {
        org_id: holder.org_id,
        principal: holder.principal,
        authority: Authority::of(holder.grants),
        via: Via::Session { id: holder.session_id, person: holder.person_id },
        origin,
    };
    if !session::same_origin(parts, &services.public_url) {
        let reason = "a session changes something only from this server's own pages; programs use an API key";
        let denied =
            OperationError::Denied { permission: "same-origin".to_owned(), reason: reason.to_owned() };
        return Err(caller.refused(services, "session.use", None, denied).await.into());
    }
    Ok(caller)
}

async fn seen(services: &Services, holder: &SessionHolder, origin: &Origin) -> Result<(), StorageError> {
    let mut tx = services.storage.write().await?;
    sessions::touch(&mut tx, holder.session_id, origin.address, services.now()).await?;
    tx.commit().await
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
        "send a valid API key as `Authorization: Bearer fct_…`, or log in; this request had no key and no session, or one that is unknown, revoked, ended or expired",
    )
    .into()
}
