//! Rotating an API key: a new key with a new account, the same nickname, the same grants or new ones; the old one works on for a stated
//! overlap. What must hold: whoever rotates holds the grants of both; a key is rotated once, and not after its revocation.

use std::time::Duration;

use factotum_model::audit::Target;
use factotum_model::nickname::check_nickname;
use factotum_model::{Action, Grants, Timestamp};
use factotum_storage::api_keys::{self, ApiKey, NewApiKey};
use factotum_storage::revocations::{self, Revocations};
use factotum_storage::runs::Ended;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::revoke::{end_key, stopped};
use super::{Made, fresh_text, held};
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::key::KeyView;
use crate::view::schema;

/// The longest overlap, in seconds: 30 days.
pub const MAX_OVERLAP_S: u64 = 30 * 24 * 3600;

/// What `POST /api-keys/{id}/rotate` takes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// What the new key may do; as the old one unless given.
    #[schemars(schema_with = "schema::maybe_grants")]
    pub grants: Option<Grants>,
    /// How long the old key goes on working, in seconds; 0 ends it at once.
    #[schemars(range(max = MAX_OVERLAP_S))]
    pub overlap_s: u64,
    /// When the new key ends by itself, RFC 3339; never unless given.
    #[schemars(schema_with = "schema::maybe_time")]
    pub expires_at: Option<Timestamp>,
}

/// Rotates it: the new key.
pub async fn rotate(
    services: &Services,
    caller: &Caller,
    id: &str,
    rotation: Rotation,
    once: Option<&Once>,
) -> Result<Made, OperationError> {
    let work = Work::begin(services, caller, "api_key.rotate", Some(Target::new("api_key", id))).await?;
    let mut work = work.guarded().once(once).await?;
    let done = act(&mut work, id, rotation).await;
    let Rotated { made, old, ended, count } = work.end(done).await?;
    services.key_cache.moved_on(count);
    if let Some(ended) = ended {
        stopped(services, &old, &ended);
    }
    services.key_cache.revoked(&services.storage, count).await;
    Ok(made)
}

struct Rotated {
    made: Made,
    old: ApiKey,
    /// The runs of the old key, where it had no overlap.
    ended: Option<Vec<Ended>>,
    /// The old key's shorter life counts among these.
    count: Revocations,
}

async fn act(work: &mut Work<'_>, id: &str, rotation: Rotation) -> Result<Rotated, OperationError> {
    let (org, now) = (work.caller.org_id, work.now);
    work.authorize(Action::API_KEYS_UPDATE, None)?;
    let old = held(&mut work.tx, org, id).await?;
    if old.revoked_at.is_some() {
        return Err(OperationError::NotFound);
    }
    if old.rotated_at.is_some() {
        return Err(OperationError::Conflict(
            "the key was rotated already; rotate the one that took its place".into(),
        ));
    }
    let grants = rotation.grants.unwrap_or_else(|| old.grants.clone());
    if grants.is_empty() {
        return Err(OperationError::invalid(
            "grants",
            "the list of grants is empty: leave it out to keep those of the key",
        ));
    }
    work.holds(&old.grants, "the key")?;
    work.holds(&grants, "the new key")?;
    if rotation.overlap_s > MAX_OVERLAP_S {
        return Err(OperationError::invalid("overlap_s", format!("at most {MAX_OVERLAP_S} seconds")));
    }
    if rotation.expires_at.is_some_and(|at| at <= now) {
        return Err(OperationError::invalid(
            "expires_at",
            "the time lies in the past; give one to come, or none",
        ));
    }
    let until = now.plus(Duration::from_secs(rotation.overlap_s));
    let ended = if rotation.overlap_s == 0 {
        Some(end_key(work, &old).await?)
    } else {
        if !api_keys::rotate_out(&mut work.tx, org, old.id, until, now).await? {
            return Err(OperationError::NotFound);
        }
        None
    };
    let text = fresh_text()?;
    let row = NewApiKey {
        skeleton: check_nickname(&old.nickname).map_err(|e| OperationError::invalid("nickname", e))?,
        nickname: old.nickname.clone(),
        grants,
        secret_hash: text.hash(),
        prefix: text.prefix().to_owned(),
        created_by: work.caller.principal.id,
        expires_at: rotation.expires_at,
        allowed_networks: old.allowed_networks.clone(),
    };
    let key = api_keys::create(&mut work.tx, org, &row, now).await?;
    work.target(Target::named("api_key", key.id, &key.nickname));
    work.change(json!({
        "before": {"id": old.id, "grants": old.grants, "works_until": until},
        "after": {"id": key.id, "grants": key.grants, "expires_at": key.expires_at, "prefix": key.prefix},
    }));
    work.answered(201, &KeyView::from(&key)).await?;
    let count = revocations::count(&mut work.tx).await?;
    Ok(Rotated { made: Made { key, text }, old, ended, count })
}
