//! Making an API key with its service account. What must hold: its grants are a subset of its maker's, as they are in the transaction; its
//! nickname cannot be taken for another active one's; a refusal is on the record whatever was wrong.

use std::net::IpAddr;

use factotum_model::audit::Target;
use factotum_model::nickname::check_nickname;
use factotum_model::{Action, Grants, Timestamp};
use factotum_storage::StorageError;
use factotum_storage::api_keys::{self, NewApiKey};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Made, fresh_text};
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::key::KeyView;
use crate::view::schema;

/// The most networks of a key.
const MAX_NETWORKS: usize = 50;

/// What `POST /api-keys` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewApiKey")]
pub struct NewKey {
    /// The name of its service account.
    #[schemars(schema_with = "schema::nickname")]
    pub nickname: String,
    /// What it may do; at least one grant.
    #[schemars(schema_with = "schema::some_grants")]
    pub grants: Grants,
    /// When it ends by itself, RFC 3339.
    #[serde(default)]
    #[schemars(schema_with = "schema::maybe_time")]
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from, such as `10.0.0.0/8`; any unless given.
    #[serde(default)]
    #[schemars(length(max = MAX_NETWORKS))]
    pub allowed_networks: Vec<String>,
}

/// Makes it.
pub async fn create(
    services: &Services,
    caller: &Caller,
    new: NewKey,
    once: Option<&Once>,
) -> Result<Made, OperationError> {
    let target = Target::named("api_key", &new.nickname, &new.nickname);
    let work = Work::begin(services, caller, "api_key.create", Some(target)).await?;
    let mut work = work.guarded().once(once).await?;
    let done = write(&mut work, new).await;
    work.end(done).await
}

async fn write(work: &mut Work<'_>, new: NewKey) -> Result<Made, OperationError> {
    work.authorize(Action::API_KEYS_CREATE, None)?;
    let skeleton = check_nickname(&new.nickname).map_err(|e| OperationError::invalid("nickname", e))?;
    if new.grants.is_empty() {
        let reason = "the list of grants is empty: name at least one, such as `workflows:run`";
        return Err(OperationError::invalid("grants", reason));
    }
    work.holds(&new.grants, "the key")?;
    if new.expires_at.is_some_and(|at| at <= work.now) {
        return Err(OperationError::invalid(
            "expires_at",
            "the time lies in the past; give one to come, or none",
        ));
    }
    let text = fresh_text()?;
    let row = NewApiKey {
        nickname: new.nickname,
        skeleton,
        grants: new.grants,
        secret_hash: text.hash(),
        prefix: text.prefix().to_owned(),
        created_by: work.caller.principal.id,
        expires_at: new.expires_at,
        allowed_networks: networks(&new.allowed_networks)?,
    };
    let key = match api_keys::create(&mut work.tx, work.caller.org_id, &row, work.now).await {
        Err(StorageError::Exists { .. }) => {
            let reason = format!(
                "an active key has the nickname `{}`, or one that looks like it; choose another, or revoke that key",
                row.nickname
            );
            return Err(OperationError::Conflict(reason));
        }
        other => other?,
    };
    work.target(Target::named("api_key", key.id, &key.nickname));
    work.change(json!({"after": {
        "grants": key.grants, "expires_at": key.expires_at, "allowed_networks": key.allowed_networks,
        "service_account": key.account_id, "prefix": key.prefix,
    }}));
    work.answered(201, &KeyView::from(&key)).await?;
    Ok(Made { key, text })
}

/// Networks in one spelling; an address alone is a network of one.
fn networks(given: &[String]) -> Result<Vec<String>, OperationError> {
    if given.len() > MAX_NETWORKS {
        let reason = format!("{} networks are too many: at most {MAX_NETWORKS}", given.len());
        return Err(OperationError::invalid("allowed_networks", reason));
    }
    let parsed = given.iter().enumerate().map(|(at, text)| {
        let network = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
        network.map(|n| n.trunc().to_string()).map_err(|_| {
            let reason = "not a network; write it as `10.0.0.0/8` or `203.0.113.7`";
            OperationError::invalid(format!("allowed_networks[{at}]"), reason)
        })
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_one_spelling() {
        let given = ["10.1.2.3/8".to_owned(), "203.0.113.7".to_owned(), "fd00::1/16".to_owned()];
        assert_eq!(networks(&given).unwrap(), ["10.0.0.0/8", "203.0.113.7/32", "fd00::/16"]);
        assert!(networks(&["example.com".to_owned()]).is_err());
    }
}
