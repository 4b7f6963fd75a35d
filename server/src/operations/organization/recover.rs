//! Breaking the glass: whoever has the server's machine gets back into an organization whose Admins cannot log in. What must hold: that it is done, and
//! why, is on the record before anything is done; afterwards the person is an Admin with the given password and nothing else lets anybody in as them.

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{AccountId, AccountKind, AuditId, Clock, InitiatorKind, PersonId, Principal, Redacted};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::{
    Storage, StorageError, Tx, audit_entries, credentials, one_time_links, people, sessions, totp,
};
use serde_json::json;

use crate::mail::check_address;
use crate::operations::{OperationError, password};

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 500;

/// What is asked for.
#[derive(Debug)]
pub struct Recovery {
    /// The person's e-mail address.
    pub email: String,
    /// The new password.
    pub password: Redacted,
    /// Why.
    pub reason: String,
    /// The organization's name; the only one unless given.
    pub org: Option<String>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// A value that cannot be.
    #[error("{what}: {reason}")]
    Invalid {
        /// The flag.
        what: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The machine or the database.
    #[error(transparent)]
    Operation(#[from] OperationError),
}

impl From<StorageError> for RecoveryError {
    fn from(error: StorageError) -> Self {
        Self::Operation(error.into())
    }
}

fn wrong<T>(what: &'static str, reason: impl Into<String>) -> Result<T, RecoveryError> {
    Err(RecoveryError::Invalid { what, reason: reason.into() })
}

/// Does it; the organization, and the Admin's account.
pub async fn recover(
    storage: &Storage,
    clock: &dyn Clock,
    asked: &Recovery,
) -> Result<(Organization, AccountId), RecoveryError> {
    let reason = asked.reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON_CHARS {
        return wrong(
            "--reason",
            format!("say why, in 1 to {MAX_REASON_CHARS} characters; it goes on the record"),
        );
    }
    let Ok(email) = check_address(&asked.email) else {
        return wrong("--email", "not an e-mail address; write it as `admin@example.com`");
    };
    let org = choose(storage, asked.org.as_deref()).await?;
    if let Err(error) = password::check(&asked.password, false, &[&email, &org.name]) {
        return wrong("--password-stdin", error.to_string());
    }
    let hash = password::hash_now(&asked.password)?;

    let entry = |action: &str| {
        let actor =
            Principal { id: org.base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
        let initiator = AuditInitiator::of(InitiatorKind::System);
        let mut entry = AuditEntry::new(org.id, clock.now(), action, AuditOutcome::Ok, actor, initiator);
        entry.reason = Some(format!("by `factotum admin recover` on the server's machine: {reason}"));
        entry
    };
    let mut tx = storage.write().await?;
    let known = credentials::find(&mut tx, &email).await?;
    let mut begin = entry("recovery.begin");
    begin.targets = match &known {
        Some(candidate) => vec![Target::named("person", candidate.person_id, &candidate.email)],
        None => vec![Target::named("person", "none yet", &email)],
    };
    audit_entries::append(&mut tx, &[begin]).await?;
    tx.commit().await?;

    let mut tx = storage.write().await?;
    let person = people::find_or_create(&mut tx, &email, &email, clock.now()).await?;
    credentials::set_password(&mut tx, person, &hash, clock.now()).await?;
    one_time_links::end_password_resets(&mut tx, person).await?;
    let had_second_factor = totp::remove(&mut tx, person).await?;
    let ended = sessions::end_all(&mut tx, person, None).await?;
    let (account, was) = make_admin(&mut tx, &org, person, &email, clock).await?;
    let mut finish = entry("recovery.finish");
    finish.targets = vec![Target::named("account", account, &email)];
    let elsewhere = elsewhere(&mut tx, &org, person, &finish).await?;
    finish.change = Some(json!({
        "before": {"member": was != Was::Nobody, "admin": was == Was::Admin, "second_factor": had_second_factor},
        "after": {"member": true, "admin": true, "second_factor": false, "password": "set", "sessions_ended": ended},
    }));
    audit_entries::append(&mut tx, &[vec![finish], elsewhere].concat()).await?;
    tx.commit().await?;
    Ok((org, account))
}

/// The password is the person's, not the organization's: the others that they are a member of are told too.
async fn elsewhere(
    tx: &mut Tx,
    org: &Organization,
    person: PersonId,
    entry: &AuditEntry,
) -> Result<Vec<AuditEntry>, StorageError> {
    let mut entries = Vec::new();
    for other in people::memberships(tx, Some(person)).await?.into_iter().filter(|m| m.org_id != org.id) {
        let actor =
            Principal { id: organizations::base_account(tx, other.org_id).await?, ..entry.actor.clone() };
        entries.push(AuditEntry {
            id: AuditId::random(),
            org_id: other.org_id,
            actor,
            targets: vec![Target::named("account", other.principal.id, other.principal.name)],
            ..entry.clone()
        });
    }
    Ok(entries)
}

/// What the person was in the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    Nobody,
    Member,
    Admin,
}

async fn make_admin(
    tx: &mut Tx,
    org: &Organization,
    person: PersonId,
    email: &str,
    clock: &dyn Clock,
) -> Result<(AccountId, Was), StorageError> {
    let memberships = people::memberships(tx, Some(person)).await?;
    let Some(membership) = memberships.iter().find(|m| m.org_id == org.id) else {
        let account = people::add_member(tx, org.id, person, email, "Admin", clock.now()).await?;
        return Ok((account, Was::Nobody));
    };
    let account = membership.principal.id;
    let given = people::give_role(tx, org.id, account, "Admin").await?;
    Ok((account, if given { Was::Member } else { Was::Admin }))
}

/// The organization of this name; the only one without a name.
async fn choose(storage: &Storage, name: Option<&str>) -> Result<Organization, RecoveryError> {
    let mut tx = storage.read().await?;
    let mut all = organizations::list(&mut tx).await?;
    let names = || all.iter().map(|org| format!("`{}`", org.name)).collect::<Vec<_>>().join(", ");
    let matching =
        |org: &Organization| name.is_none_or(|name| org.name == name || org.id.to_string() == name);
    match all.iter().filter(|org| matching(org)).count() {
        1 => {}
        0 if all.is_empty() => {
            return wrong("--org", "there is no organization yet; `factotum admin bootstrap` makes one");
        }
        0 => return wrong("--org", format!("there is no such organization; there are: {}", names())),
        _ => return wrong("--org", format!("name one of them, or give its id (org_…): {}", names())),
    }
    all.retain(matching);
    all.pop().ok_or_else(|| StorageError::Closed.into())
}
