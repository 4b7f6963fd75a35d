//! Log-in at the identity provider: start, finish, enter, link, accept. What must hold: who somebody is follows from issuer and subject alone, never
//! from an e-mail address (identity.md, "Log-in"); a log-in comes back to the browser that began it, once; a service account never gets in.

mod accept;
mod enter;
mod finish;
mod link;
mod start;

pub use accept::{AcceptAtProvider, start_accept};
pub use finish::{Browser, Callback, Finished, finish};
pub use start::{PATIENCE, Started, start, start_link};

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::nickname::{NicknameError, check_nickname};
use factotum_model::{AccountId, AccountKind, InitiatorKind, OrgId, PersonId, Principal, SessionId};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::{StorageError, Tx, accounts};
use serde::{Deserialize, Serialize};

use super::{OperationError, Origin, Services};
use crate::config::OidcConfig;
use crate::oidc::{Checks, Identified};

/// What is kept, sealed, while the browser is at the provider.
#[derive(Serialize, Deserialize)]
struct Kept {
    checks: Checks,
    return_to: String,
    /// Whose the identity will be, where somebody who is logged in links one.
    #[serde(default)]
    link: Option<Linking>,
    /// What is taken up by logging in.
    #[serde(default)]
    invitation: Option<accept::Taking>,
}

/// Who links an identity, from which session.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Linking {
    org: OrgId,
    account: AccountId,
    person: PersonId,
    session: SessionId,
}

/// Why `[oidc]` names no organization.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoOrganization {
    /// There is more than one that could be meant.
    #[error("`oidc.organization`: there are several organizations; name the one that people log in to")]
    Several,
    /// There is none of this name, or none at all.
    #[error("`oidc.organization`: there is no such organization")]
    Unknown,
}

/// The organization that people log in to.
pub async fn organization(
    tx: &mut Tx,
    config: &OidcConfig,
) -> Result<Result<Organization, NoOrganization>, StorageError> {
    let meant = |o: &Organization| config.organization.as_ref().is_none_or(|name| *name == o.name);
    let mut found = organizations::list(tx).await?.into_iter().filter(meant);
    Ok(match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(NoOrganization::Several),
        (None, _) => Err(NoOrganization::Unknown),
    })
}

/// Why a log-in is refused, and whose record that belongs to.
enum Refused {
    /// Tried in the name of an account of the organization: a denial in its audit trail.
    Of(OrgId, Principal, OperationError),
    /// Refused to who took an invitation up: a denial in the trail of the organization that invited.
    Guest(Box<AuditEntry>, OperationError),
    /// Nobody the organization knows: the server's security log.
    Stranger(&'static str, String),
    /// Not refused: it cannot be decided now.
    Failed(OperationError),
}

impl<E: Into<OperationError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Refused {
    fn of(organization: OrgId, principal: Principal, reason: &str) -> Self {
        Self::Of(organization, principal, denied(reason))
    }

    fn stranger(why: &'static str) -> Self {
        Self::Stranger(why, why.to_owned())
    }

    /// Puts it on the record, and says what is answered. The transaction must be over.
    async fn settle(self, services: &Services, doing: &'static str, origin: &Origin) -> OperationError {
        match self {
            Self::Of(org, principal, error) => {
                let target = Target::named("account", principal.id, &principal.name);
                let mut entry = entry(services, org, principal, doing, origin);
                entry.targets = vec![target];
                services.denials.settle(services, entry, error).await
            }
            Self::Guest(entry, error) => services.denials.settle(services, *entry, error).await,
            Self::Stranger(why, words) => {
                services.refusals.count(origin.address, why);
                denied(&words)
            }
            Self::Failed(error) => error,
        }
    }
}

fn denied(reason: &str) -> OperationError {
    OperationError::Denied { permission: "log-in".to_owned(), reason: reason.to_owned() }
}

/// An entry of what somebody does on the way in.
fn entry(
    services: &Services,
    org: OrgId,
    actor: Principal,
    doing: &'static str,
    origin: &Origin,
) -> AuditEntry {
    origin.entry(org, services.now(), doing, AuditOutcome::Ok, (actor, InitiatorKind::Member))
}

/// The service account that an unknown identity looks like, by subject or e-mail address: it is on the record as tried in its name (I11).
async fn service_account_like(
    tx: &mut Tx,
    org: &Organization,
    who: &Identified,
) -> Result<Option<Principal>, StorageError> {
    for text in [Some(who.subject.as_str()), who.email.as_deref()].into_iter().flatten() {
        if let Ok(id) = text.parse::<AccountId>()
            && let Some(account) = accounts::get(tx, org.id, id).await?
            && account.principal.kind != AccountKind::Member
        {
            return Ok(Some(account.principal));
        }
        let found = match check_nickname(text) {
            Ok(skeleton) => accounts::of_nickname(tx, org.id, &skeleton).await?,
            Err(NicknameError::Reserved) => {
                accounts::get(tx, org.id, org.base_account).await?.map(|a| a.principal)
            }
            Err(_) => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What a service account is told.
const NO_SERVICE_ACCOUNT: &str =
    "this identity reads like a service account, and a service account cannot log in";

/// The address, lower case, if the provider has made sure of it; else why not.
fn verified_address(who: &Identified) -> Result<String, &'static str> {
    let Some(email) = &who.email else {
        return Err("the identity provider tells no e-mail address of yours");
    };
    if !who.email_verified {
        return Err("the identity provider has not verified your e-mail address");
    }
    let email = email.to_lowercase();
    let fine = email.len() <= MAX_EMAIL_BYTES && email.bytes().all(|b| b.is_ascii_graphic());
    match email.rsplit_once('@') {
        Some((local, _)) if fine && !local.is_empty() && !local.contains('@') => Ok(email),
        _ => Err("your e-mail address at the identity provider cannot be used as a name here"),
    }
}

/// The verified address, if its domain is allowed; else why not.
fn allowed_address(who: &Identified, domains: &[String]) -> Result<String, &'static str> {
    let email = verified_address(who)?;
    match email.rsplit_once('@') {
        Some((_, domain)) if domains.iter().any(|allowed| allowed == domain) => Ok(email),
        _ => Err("addresses of your e-mail's domain may not join here; ask for an invitation"),
    }
}

/// The longest e-mail address: it becomes the account's name.
const MAX_EMAIL_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_must_be_verified_and_of_an_allowed_domain() {
        let domains = ["example.com".to_owned()];
        let ask = |email: Option<&str>, email_verified| {
            let email = email.map(ToOwned::to_owned);
            let who = Identified { issuer: "i".into(), subject: "s".into(), email, email_verified };
            allowed_address(&who, &domains)
        };
        assert_eq!(ask(Some("Ann@Example.COM"), true).as_deref(), Ok("ann@example.com"));
        assert!(ask(Some("ann@example.com"), false).is_err());
        assert!(ask(None, true).is_err());
        for foreign in [
            "ann@example.com.evil.example",
            "ann@sub.example.com",
            "ann@evilexample.com",
            "ann@evil.example@example.com",
            "@example.com",
            "example.com",
            "ann@example.com ",
            "ann@\u{0435}xample.com",
            "ann\u{202e}@example.com",
            "ann\r\n@example.com",
        ] {
            assert!(ask(Some(foreign), true).is_err(), "{foreign:?}");
        }
        let long = format!("{}@example.com", "a".repeat(MAX_EMAIL_BYTES));
        assert!(ask(Some(&long), true).is_err());
    }
}
