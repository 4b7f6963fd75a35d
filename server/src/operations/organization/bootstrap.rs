//! The first organization and its Admin, from the command line: for scripts, tests and the first start. What must hold: all of it is one
//! transaction, on the record as done by the base account, started by the system.

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::nickname::check_nickname;
use factotum_model::{
    AccountKind, Clock, Grants, InitiatorKind, OrgId, PersonId, Principal, Redacted, Timestamp,
};
use factotum_storage::api_keys::{self, NewApiKey};
use factotum_storage::credentials::Candidate;
use factotum_storage::organizations::{self, Organization};
use factotum_storage::{Storage, StorageError, Tx, audit_entries, credentials, members, people};
use serde_json::json;

use crate::mail::check_address;
use crate::operations::key::Made;
use crate::operations::{OperationError, password};

const MAX_NAME_CHARS: usize = 100;

/// What is asked for.
#[derive(Debug)]
pub struct Bootstrap {
    /// The organization's name.
    pub org: String,
    /// The Admin's e-mail address.
    pub email: String,
    /// The Admin's password.
    pub password: Redacted,
    /// The nickname of a key with full access, if one is wanted.
    pub api_key: Option<String>,
}

/// What was made.
#[derive(Debug)]
pub struct Bootstrapped {
    /// The organization.
    pub org: OrgId,
    /// The key, if one was wanted.
    pub key: Option<Made>,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A value that cannot be.
    #[error("{what}: {reason}")]
    Invalid {
        /// The flag.
        what: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// What is there already stands in the way.
    #[error("{what}: {reason}")]
    Refused {
        /// The flag.
        what: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The machine or the database.
    #[error(transparent)]
    Operation(#[from] OperationError),
}

impl From<StorageError> for BootstrapError {
    fn from(error: StorageError) -> Self {
        Self::Operation(error.into())
    }
}

/// Makes organization, base account, Admin and, if wanted, a key.
pub async fn bootstrap(
    storage: &Storage,
    clock: &dyn Clock,
    asked: &Bootstrap,
) -> Result<Bootstrapped, BootstrapError> {
    let skeleton = check(asked)?;
    let known = known(storage, asked).await?;
    let hash = if known.is_none() { Some(password::hash_now(&asked.password)?) } else { None };
    let now = clock.now();
    let mut tx = storage.write().await?;
    // Two of these at a time must not take the same name.
    members::take_turn(&mut tx, OrgId(uuid::Uuid::nil())).await?;
    let (name, email) = (asked.org.trim(), asked.email.trim());
    if organizations::list(&mut tx).await?.iter().any(|org| org.name.to_lowercase() == name.to_lowercase()) {
        let reason = format!("there is an organization `{name}` already; choose another name");
        return Err(BootstrapError::Refused { what: "--org", reason });
    }
    if credentials::find(&mut tx, email).await?.map(as_compared) != known {
        let reason = "this person's account changed at the same moment; try again".to_owned();
        return Err(BootstrapError::Refused { what: "--email", reason });
    }
    let founding = Founding { org: name, name: email, email, password_hash: hash.as_deref() };
    let founded =
        found(&mut tx, &founding, "by `factotum admin bootstrap` on the server's machine", now).await?;
    let (org, admin) = (&founded.org, founded.admin.id);
    let mut entries = founded.entries.clone();
    let mut made = None;
    if let (Some(nickname), Some(skeleton)) = (&asked.api_key, skeleton) {
        let text = crate::operations::key::fresh_text()?;
        let new = NewApiKey {
            nickname: nickname.clone(),
            skeleton,
            grants: Grants::all(),
            secret_hash: text.hash(),
            prefix: text.prefix().to_owned(),
            created_by: admin,
            expires_at: None,
            allowed_networks: Vec::new(),
        };
        let key = api_keys::create(&mut tx, org.id, &new, now).await?;
        let mut created = founded.entry("api_key.create", Target::named("api_key", key.id, &key.nickname));
        created.change = Some(
            json!({"after": {"grants": key.grants, "service_account": key.account_id, "prefix": key.prefix}}),
        );
        entries.push(created);
        made = Some(Made { key, text });
    }
    audit_entries::append(&mut tx, &entries).await?;
    tx.commit().await?;
    Ok(Bootstrapped { org: org.id, key: made })
}

/// What an organization begins with.
pub(super) struct Founding<'a> {
    /// Its name.
    pub(super) org: &'a str,
    /// The Admin's name.
    pub(super) name: &'a str,
    /// The Admin's e-mail address.
    pub(super) email: &'a str,
    /// The password of an Admin who is not known yet, hashed.
    pub(super) password_hash: Option<&'a str>,
}

/// An organization that was made in a transaction.
pub(super) struct Founded {
    /// It.
    pub(super) org: Organization,
    /// Its Admin's account.
    pub(super) admin: Principal,
    /// The Admin.
    pub(super) person: PersonId,
    /// What is to be put on the record in the same transaction.
    pub(super) entries: Vec<AuditEntry>,
    reason: &'static str,
}

impl Founded {
    /// An entry of what the base account does, started by the system.
    pub(super) fn entry(&self, action: &str, target: Target) -> AuditEntry {
        let (id, kind) = (self.org.base_account, AccountKind::Base);
        let actor = Principal { id, kind, name: BASE_ACCOUNT_NAME.to_owned() };
        let initiator = AuditInitiator::of(InitiatorKind::System);
        AuditEntry {
            reason: Some(self.reason.to_owned()),
            targets: vec![target],
            ..AuditEntry::new(self.org.id, self.org.created_at, action, AuditOutcome::Ok, actor, initiator)
        }
    }
}

/// Makes organization, base account and Admin in this transaction; `reason` says how it came about.
pub(super) async fn found(
    tx: &mut Tx,
    founding: &Founding<'_>,
    reason: &'static str,
    now: Timestamp,
) -> Result<Founded, StorageError> {
    let org = organizations::create(tx, founding.org, now).await?;
    let person = people::find_or_create(tx, founding.email, founding.name, now).await?;
    if let Some(hash) = founding.password_hash {
        credentials::set_password(tx, person, hash, now).await?;
    }
    let id = people::add_member(tx, org.id, person, founding.name, "Admin", now).await?;
    let admin = Principal { id, kind: AccountKind::Member, name: founding.name.to_owned() };
    let mut founded = Founded { org, admin, person, entries: Vec::new(), reason };
    let mut made = founded.entry("org.create", Target::named("org", founded.org.id, &founded.org.name));
    // Whose address the entry may get: the first start is made by the Admin's browser.
    made.targets.push(Target::new("account", founded.admin.id));
    founded.entries = vec![made, founded.entry("member.create", Target::new("account", founded.admin.id))];
    Ok(founded)
}

/// Checks the name of an organization.
pub(super) fn check_org_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(format!("give a name of 1 to {MAX_NAME_CHARS} printable characters"));
    }
    Ok(())
}

type Compared = (PersonId, Option<String>);

fn as_compared(person: Candidate) -> Compared {
    (person.person_id, person.password_hash)
}

/// The person with this address, if they are known; then the password has to be theirs, and it stays what it is.
async fn known(storage: &Storage, asked: &Bootstrap) -> Result<Option<Compared>, BootstrapError> {
    let mut tx = storage.read().await?;
    let Some(person) = credentials::find(&mut tx, asked.email.trim()).await? else { return Ok(None) };
    drop(tx);
    let reason = match &person.password_hash {
        Some(hash) if password::matches(&asked.password, hash) => return Ok(Some(as_compared(person))),
        Some(_) => {
            "this address is known here, with another password: give the one that this person has, or another address"
        }
        None => {
            "this address is known here, and has no password: set one by `factotum admin recover` first, or give another address"
        }
    };
    Err(BootstrapError::Refused { what: "--email", reason: reason.to_owned() })
}

/// Checks what can be checked without a database; the nickname's skeleton.
fn check(asked: &Bootstrap) -> Result<Option<String>, BootstrapError> {
    let wrong = |what, reason: String| Err(BootstrapError::Invalid { what, reason });
    let (name, email) = (asked.org.trim(), asked.email.trim());
    if let Err(reason) = check_org_name(name) {
        return wrong("--org", reason);
    }
    if let Err(error) = check_address(email) {
        return wrong("--email", error.to_string());
    }
    if let Err(error) = password::check(&asked.password, false, &[email, name]) {
        return wrong("--password-stdin", error.to_string());
    }
    let skeleton = asked.api_key.as_deref().map(check_nickname).transpose();
    skeleton.map_err(|e| BootstrapError::Invalid { what: "--api-key", reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Bootstrap {
        Bootstrap {
            org: "Acme".into(),
            email: "admin@example.com".into(),
            password: Redacted::new("correct horse battery staple".into()),
            api_key: Some("tests".into()),
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_flag() {
        assert!(check(&asked()).is_ok());
        for (bad, flag) in [
            (Bootstrap { org: " ".into(), ..asked() }, "--org"),
            (Bootstrap { email: "admin".into(), ..asked() }, "--email"),
            (Bootstrap { password: Redacted::new("short".into()), ..asked() }, "--password-stdin"),
            (Bootstrap { api_key: Some("Service Account".into()), ..asked() }, "--api-key"),
        ] {
            let error = check(&bad).unwrap_err().to_string();
            assert!(error.starts_with(flag) && !error.contains("short"), "{error}");
        }
    }
}
