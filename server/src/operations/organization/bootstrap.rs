//! The first organization and its Admin, from the command line: for scripts, tests and the first start. What must hold: all of it is one
//! transaction, on the record as done by the base account, started by the system.

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::nickname::check_nickname;
use factotum_model::{AccountKind, Clock, Grants, InitiatorKind, OrgId, Principal, Redacted};
use factotum_storage::api_keys::{self, NewApiKey};
use factotum_storage::{Storage, audit_entries, credentials, organizations, people};
use serde_json::json;

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
    /// The machine or the database.
    #[error(transparent)]
    Operation(#[from] OperationError),
}

impl From<factotum_storage::StorageError> for BootstrapError {
    fn from(error: factotum_storage::StorageError) -> Self {
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
    let hash = password::hash_now(&asked.password)?;
    let now = clock.now();
    let mut tx = storage.write().await?;
    let org = organizations::create(&mut tx, asked.org.trim(), now).await?;
    let person = people::find_or_create(&mut tx, &asked.email, &asked.email, now).await?;
    credentials::set_password(&mut tx, person, &hash, now).await?;
    let admin = people::add_member(&mut tx, org.id, person, &asked.email, "Admin", now).await?;
    let actor =
        Principal { id: org.base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let entry = |action: &str, target: Target| {
        let initiator = AuditInitiator::of(InitiatorKind::System);
        let mut entry = AuditEntry::new(org.id, now, action, AuditOutcome::Ok, actor.clone(), initiator);
        entry.reason = Some("by `factotum admin bootstrap` on the server's machine".to_owned());
        entry.targets = vec![target];
        entry
    };
    let mut entries = vec![
        entry("org.create", Target::named("org", org.id, &org.name)),
        entry("member.create", Target::new("account", admin)),
    ];
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
        let mut created = entry("api_key.create", Target::named("api_key", key.id, &key.nickname));
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

/// Checks what can be checked without a database; the nickname's skeleton.
fn check(asked: &Bootstrap) -> Result<Option<String>, BootstrapError> {
    let wrong = |what, reason: String| Err(BootstrapError::Invalid { what, reason });
    let name = asked.org.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return wrong("--org", format!("give a name of 1 to {MAX_NAME_CHARS} printable characters"));
    }
    let email = asked.email.trim();
    let fine = email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.len() > 1);
    if !fine || email.len() > 254 || email.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return wrong("--email", "not an e-mail address; write it as `admin@example.com`".to_owned());
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
