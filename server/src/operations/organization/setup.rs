//! The first organization by a link that works once: how a server without one is begun in a browser. What must hold: there is no default password; the
//! link works for a day, once, only while there is no organization, and a new start ends the old one; two who use it at once make one organization.

use std::time::Duration;

use factotum_model::nickname::check_nickname;
use factotum_model::{Redacted, Timestamp};
use factotum_storage::people::Membership;
use factotum_storage::sessions::Method;
use factotum_storage::{Storage, audit_entries, one_time_links, organizations};
use schemars::JsonSchema;
use serde::Deserialize;

use super::bootstrap::{Founding, check_org_name, found};
use crate::mail::check_address;
use crate::operations::session::{LoggedIn, begin};
use crate::operations::{OperationError, Origin, Services, Token, password};
use crate::view::schema;

/// How long the link works.
pub const SETUP_LINK_LASTS: Duration = Duration::from_hours(24);

/// What `POST /setup` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// What stands after `#token=` in the link.
    #[schemars(schema_with = "schema::token")]
    pub token: Redacted,
    /// The organization's name.
    #[schemars(length(min = 1))]
    pub org: String,
    /// The Admin's name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The Admin's e-mail address.
    #[schemars(schema_with = "schema::email")]
    pub email: String,
    /// The Admin's password.
    #[schemars(schema_with = "schema::password")]
    pub password: Redacted,
}

/// Makes the link's token, and ends the one before; none if there is an organization.
pub async fn offer_setup(storage: &Storage, now: Timestamp) -> Result<Option<Token>, OperationError> {
    let mut tx = storage.write().await?;
    let token = Token::fresh()?;
    // First the link, which waits for whoever uses the old one; then the look at what they have made.
    one_time_links::make_setup(&mut tx, token.hash(), now, now.plus(SETUP_LINK_LASTS)).await?;
    if !organizations::list(&mut tx).await?.is_empty() {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(token))
}

/// Whether nobody has set this server up yet: there is no organization.
pub async fn is_missing(services: &Services) -> Result<bool, OperationError> {
    let mut tx = services.storage.read().await?;
    Ok(organizations::list(&mut tx).await?.is_empty())
}

/// Makes organization and Admin, and logs the Admin in.
pub async fn setup(services: &Services, asked: &Setup, origin: &Origin) -> Result<LoggedIn, OperationError> {
    services.attempts.by_anybody(origin.address)?;
    let no_link = || {
        services.refusals.count(origin.address, "an unknown, used or expired link to the first organization");
        OperationError::invalid(
            "token",
            "this link is unknown, was used, or has expired; while there is no organization, a new start of the server prints another",
        )
    };
    let token: Token = asked.token.expose().parse().map_err(|_| no_link())?;
    let mut tx = services.storage.read().await?;
    if !one_time_links::is_setup(&mut tx, token.hash(), services.now()).await? {
        return Err(no_link());
    }
    drop(tx);
    let (org, name) = (asked.org.trim(), asked.name.trim());
    check_org_name(org).map_err(|reason| OperationError::invalid("org", reason))?;
    check_nickname(name)
        .map_err(|e| OperationError::invalid("name", e.to_string().replace("nickname", "name")))?;
    let email = check_address(&asked.email).map_err(|e| OperationError::invalid("email", e))?;
    password::check(&asked.password, false, &[&email, name, org])?;
    let hash = password::hash(services, &asked.password).await?;

    let now = services.now();
    let mut tx = services.storage.write().await?;
    let taken = one_time_links::take_setup(&mut tx, token.hash(), now).await?;
    if !taken || !organizations::list(&mut tx).await?.is_empty() {
        return Err(no_link());
    }
    let founding = Founding { org, name, email: &email, password_hash: Some(&hash) };
    let mut founded = found(&mut tx, &founding, "by the one-time link of the first start", now).await?;
    for entry in &mut founded.entries {
        entry.ip = Some(origin.address);
        entry.user_agent.clone_from(&origin.user_agent);
        entry.request_id = Some(origin.request_id);
    }
    audit_entries::append(&mut tx, &founded.entries).await?;
    let member = (founded.org.id, &founded.admin, founded.person);
    let begun = begin(&mut tx, services, member, Method::Setup, origin).await?;
    tx.commit().await?;
    let membership =
        Membership { org_id: founded.org.id, org_name: founded.org.name, principal: founded.admin };
    Ok(LoggedIn { begun, memberships: vec![membership.clone()], membership })
}
