//! A new password for who has forgotten the old one, by a link that is mailed. What must hold: whoever asks learns nothing, neither by the answer nor
//! by its time; the link works once, for an hour, and only for people who have a password and are members somewhere; with a second factor it needs a
//! code as well; all sessions end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{InitiatorKind, PersonId, Redacted};
use factotum_storage::credentials::{self, Candidate};
use factotum_storage::people::{self, Membership};
use factotum_storage::{audit_entries, one_time_links, sessions, totp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{check_new, hash};
use crate::mail::{Letter, check_address};
use crate::operations::session::evenly;
use crate::operations::{OperationError, Origin, Services, Token, letter};
use crate::view::schema;

/// How long a link works.
pub const LINK_LASTS: Duration = Duration::from_hours(1);
/// What the letter is, in the audit trail.
const ABOUT: &str = "password reset";

/// What `POST /password-reset` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskReset {
    /// The person's e-mail address.
    pub email: String,
}

/// What `POST /password-reset/complete` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// What stands after `#token=` in the link.
    #[schemars(schema_with = "schema::token")]
    pub token: Redacted,
    /// The new password.
    #[schemars(schema_with = "schema::password")]
    pub new: Redacted,
    /// Six digits of the second factor, or a recovery code, for who has one.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub code: Option<Redacted>,
}

/// Mails a link, if there is somebody to mail it to. Either way it ends alike.
pub async fn ask_reset(
    services: &Arc<Services>,
    asked: &AskReset,
    origin: &Origin,
) -> Result<(), OperationError> {
    let started = Instant::now();
    services.attempts.by_anybody(origin.address)?;
    let mailed = offer(services, asked, origin).await;
    evenly(started).await;
    mailed
}

async fn offer(services: &Arc<Services>, asked: &AskReset, origin: &Origin) -> Result<(), OperationError> {
    let email = check_address(&asked.email).unwrap_or_default();
    let mut tx = services.storage.read().await?;
    let candidate = credentials::find(&mut tx, &email).await?;
    let memberships = people::memberships(&mut tx, candidate.as_ref().map(|c| c.person_id)).await?;
    drop(tx);
    let may_be_mailed = services.attempts.letter(&email);
    let (Some(candidate), Some(membership)) =
        (candidate.filter(|c| c.password_hash.is_some()), memberships.first())
    else {
        services.refusals.count(origin.address, "a password reset for no member's address");
        return Ok(());
    };
    if !may_be_mailed {
        services.refusals.count(origin.address, "too many password resets for one address");
        return Ok(());
    }
    if !services.mailer.is_on() {
        services.refusals.count(
            origin.address,
            "a password reset that cannot be mailed: set `mail.relay`, or use `factotum admin recover`",
        );
        return Ok(());
    }
    let (token, now) = (Token::fresh()?, services.now());
    let letter = letter(services, &candidate, &token);
    let entry = entry(services, membership, origin, "password.ask_reset");
    let mut tx = services.storage.write().await?;
    let person = candidate.person_id;
    one_time_links::make_password_reset(&mut tx, person, token.hash(), now, now.plus(LINK_LASTS)).await?;
    let intent = letter::intent(&entry, &letter, ABOUT);
    audit_entries::append(&mut tx, &[entry.clone(), intent]).await?;
    tx.commit().await?;
    // The relay's time would tell that there is somebody.
    let own = Arc::clone(services);
    services.background.spawn(async move { letter::deliver(&own, &entry, &letter, ABOUT).await });
    Ok(())
}

fn letter(services: &Services, candidate: &Candidate, token: &Token) -> Letter {
    let link = format!("{}/password-reset#token={}", services.public_url, token.expose());
    let text = format!(
        "Somebody, probably you, asked for a new password for your Factotum account {}.\n\n\
         Set it here, within an hour; the link works once:\n\n{link}\n\n\
         If it was not you, do nothing: your password stays as it is.\n",
        candidate.email
    );
    Letter::of(&candidate.email, "Set a new Factotum password", text)
}

/// Sets the new password.
pub async fn reset(services: &Services, asked: &Reset, origin: &Origin) -> Result<(), OperationError> {
    services.attempts.by_anybody(origin.address)?;
    let no_link = || {
        services.refusals.count(origin.address, "an unknown, used or expired link for a password");
        OperationError::invalid("token", "this link is unknown, was used, or has expired; ask for another")
    };
    let token: Token = asked.token.expose().parse().map_err(|_| no_link())?;
    let mut tx = services.storage.read().await?;
    let Some(person) = one_time_links::password_reset_of(&mut tx, token.hash(), services.now()).await? else {
        return Err(no_link());
    };
    let candidate = credentials::of_person(&mut tx, person).await?.ok_or_else(no_link)?;
    let memberships = people::memberships(&mut tx, Some(person)).await?;
    let membership = memberships.first().ok_or_else(no_link)?;
    let second = totp::is_on(&mut tx, person).await?;
    drop(tx);
    let mut about = vec![candidate.email.as_str(), &candidate.name];
    about.extend(memberships.iter().map(|m| m.org_name.as_str()));
    check_new(&asked.new, second, &about)?;
    let hash = hash(services, &asked.new).await?;
    match set(services, asked, &token, (person, second), &hash, &memberships, origin).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(no_link()),
        Err(error) if error.is_denial(false) => {
            let entry = entry(services, membership, origin, "password.reset");
            Err(services.denials.settle(services, entry, error).await)
        }
        Err(error) => Err(error),
    }
}

/// In one transaction; false if the link was used meanwhile.
async fn set(
    services: &Services,
    asked: &Reset,
    token: &Token,
    (person, second): (PersonId, bool),
    hash: &str,
    memberships: &[Membership],
    origin: &Origin,
) -> Result<bool, OperationError> {
    let now = services.now();
    let mut tx = services.storage.write().await?;
    if one_time_links::take_password_reset(&mut tx, token.hash(), now).await? != Some(person) {
        return Ok(false);
    }
    if second && !totp::is_on(&mut tx, person).await? {
        return Err(OperationError::Conflict(
            "the second factor was removed meanwhile; try again".to_owned(),
        ));
    }
    crate::operations::totp::demand(services, &mut tx, person, asked.code.as_ref()).await?;
    credentials::set_password(&mut tx, person, hash, now).await?;
    sessions::end_all(&mut tx, person, None).await?;
    let entries: Vec<AuditEntry> =
        memberships.iter().map(|m| entry(services, m, origin, "password.reset")).collect();
    audit_entries::append(&mut tx, &entries).await?;
    tx.commit().await?;
    Ok(true)
}

/// Nobody is logged in: the member is whom it is about, and who does it as far as is known.
fn entry(services: &Services, membership: &Membership, origin: &Origin, action: &str) -> AuditEntry {
    let who = membership.principal.clone();
    AuditEntry {
        targets: vec![Target::named("account", who.id, who.name.clone())],
        ..origin.entry(
            membership.org_id,
            services.now(),
            action,
            AuditOutcome::Ok,
            (who, InitiatorKind::Member),
        )
    }
}
