//! Erasing a person from one organization: name, e-mail address and addresses go from every table that has them; ids stay, so that what was done
//! can still be told apart. What must hold: nobody who is a member is erased; another organization's trail is left alone, and so is the person
//! while another organization knows them; what is erased is overwritten where the database allows it.

use factotum_model::audit::ERASED;
use factotum_model::{AccountId, AccountKind, OrgId, PersonId, Timestamp};
use uuid::Uuid;

use crate::audit_filter::escape_like;
use crate::audit_personal::{self, Erased};
use crate::connection::Tx;
use crate::dialect;
use crate::error::StorageError;

/// What an account is, to whoever wants it erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A service account: it is no person.
    Service(AccountKind),
    /// A member, or a former one who has come back.
    Member,
    /// Nobody's any more, but the person is invited again.
    Invited,
    /// A former member.
    Removed(PersonId),
}

/// What an account of this organization is, removed ones too. The person's row is held: nobody becomes a member with it meanwhile.
pub async fn standing(
    tx: &mut Tx,
    org: OrgId,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<Standing>, StorageError> {
    let row = tx
        .query("SELECT kind, person_id FROM accounts WHERE org_id = $1 AND id = $2")
        .bind(org.0)
        .bind(account.0)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let word: String = row.get(0)?;
    let kind = AccountKind::from_word(&word).ok_or_else(|| StorageError::damaged("accounts.kind", word))?;
    let Some(person) = row.get::<Option<Uuid>>(1)? else { return Ok(Some(Standing::Service(kind))) };
    tx.query("SELECT id FROM people WHERE id = $1 /*UPDATE*/").bind(person).fetch_optional().await?;
    let live = "SELECT count(*) FROM accounts WHERE org_id = $1 AND person_id = $2 AND deleted_at IS NULL";
    if count(tx.query(live).bind(org.0).bind(person).fetch_optional().await?)? > 0 {
        return Ok(Some(Standing::Member));
    }
    let open = "SELECT count(*) FROM invitations i JOIN people p ON p.email = i.email \
                WHERE i.org_id = $1 AND p.id = $2 AND i.token_hash IS NOT NULL AND i.expires_at > $3";
    let open = tx.query(open).bind(org.0).bind(person).bind(now.as_micros()).fetch_optional().await?;
    Ok(Some(if count(open)? > 0 { Standing::Invited } else { Standing::Removed(PersonId(person)) }))
}

fn count(row: Option<crate::connection::Row>) -> Result<i64, StorageError> {
    row.map_or(Ok(0), |row| row.get(0))
}

/// Erases a former member; how many values of the audit trail went. Once more, it erases what has come since.
pub async fn erase(tx: &mut Tx, org: OrgId, person: PersonId, now: Timestamp) -> Result<u64, StorageError> {
    overwrite(tx, true).await?;
    let known = Known::look_up(tx, org, person).await?;
    let erased = audit_personal::erase(tx, org, &known.erased()).await?;
    from_runs(tx, org, &known).await?;
    from_answers(tx, org, &known).await?;
    from_invitations(tx, org, &known, now).await?;
    from_recipients(tx, org, &known).await?;
    let sql = "UPDATE accounts SET name = $4, erased_at = $3 WHERE org_id = $1 AND person_id = $2 AND deleted_at IS NOT NULL AND erased_at IS NULL";
    tx.query(sql).bind(org.0).bind(person.0).bind(now.as_micros()).bind(ERASED).execute().await?;
    from_people(tx, person).await?;
    overwrite(tx, false).await?;
    Ok(erased)
}

/// What is known of a person in an organization.
struct Known {
    person: PersonId,
    accounts: Vec<Uuid>,
    invitations: Vec<Uuid>,
    names: Vec<String>,
    /// Unless it is erased already.
    email: Option<String>,
}

impl Known {
    async fn look_up(tx: &mut Tx, org: OrgId, person: PersonId) -> Result<Self, StorageError> {
        let mut known =
            Self { person, accounts: Vec::new(), invitations: Vec::new(), names: Vec::new(), email: None };
        let sql = "SELECT id, name, erased_at FROM accounts WHERE org_id = $1 AND person_id = $2";
        for row in tx.query(sql).bind(org.0).bind(person.0).fetch_all().await? {
            known.accounts.push(row.get(0)?);
            if row.get::<Option<i64>>(2)?.is_none() {
                known.names.push(row.get(1)?);
            }
        }
        let row =
            tx.query("SELECT name, email FROM people WHERE id = $1").bind(person.0).fetch_optional().await?;
        if let Some(row) = row {
            let (name, email): (String, String) = (row.get(0)?, row.get(1)?);
            if email.contains('@') {
                known.names.push(name);
                known.email = Some(email);
            }
        }
        known.names.sort_unstable();
        known.names.dedup();
        let sql = "SELECT i.id FROM invitations i WHERE i.org_id = $1 AND (i.email = $2 OR i.accepted_by IN \
                   (SELECT a.id FROM accounts a WHERE a.org_id = $1 AND a.person_id = $3))";
        let email = known.email.clone().unwrap_or_default();
        for row in tx.query(sql).bind(org.0).bind(email).bind(person.0).fetch_all().await? {
            known.invitations.push(row.get(0)?);
        }
        Ok(known)
    }

    fn erased(&self) -> Erased {
        let subjects = [self.accounts.as_slice(), &self.invitations, &[self.person.0]].concat();
        let words = self.names.iter().chain(&self.email).cloned().collect();
        Erased { subjects, words }
    }
}

async fn from_runs(tx: &mut Tx, org: OrgId, known: &Known) -> Result<(), StorageError> {
    for account in &known.accounts {
        let sql = "UPDATE runs SET principal_name = $3 WHERE org_id = $1 AND account_id = $2 AND principal_name <> $3";
        tx.query(sql).bind(org.0).bind(*account).bind(ERASED).execute().await?;
    }
    Ok(())
}

/// Answers that are kept for repeated requests, the person's own and those that name them; and the views that they saved.
async fn from_answers(tx: &mut Tx, org: OrgId, known: &Known) -> Result<(), StorageError> {
    for account in &known.accounts {
        let views = "DELETE FROM saved_views WHERE org_id = $1 AND account_id = $2";
        tx.query(views).bind(org.0).bind(*account).execute().await?;
        tx.query("DELETE FROM idempotency_keys WHERE account_id = $1").bind(*account).execute().await?;
    }
    if let Some(email) = &known.email {
        tx.query(
            "DELETE FROM idempotency_keys WHERE lower(answer) LIKE $2 ESCAPE '\\' \
             AND account_id IN (SELECT id FROM accounts WHERE org_id = $1)",
        )
        .bind(org.0)
        .bind(format!("%{}%", escape_like(email)))
        .execute()
        .await?;
    }
    Ok(())
}

async fn from_invitations(
    tx: &mut Tx,
    org: OrgId,
    known: &Known,
    now: Timestamp,
) -> Result<(), StorageError> {
    for invitation in &known.invitations {
        // One that has expired is open as the table has it.
        tx.query("UPDATE invitations SET revoked_at = $3, token_hash = NULL WHERE org_id = $1 AND id = $2 AND token_hash IS NOT NULL")
            .bind(org.0)
            .bind(*invitation)
            .bind(now.as_micros())
            .execute()
            .await?;
        tx.query("UPDATE invitations SET email = $3 WHERE org_id = $1 AND id = $2 AND email <> $3")
            .bind(org.0)
            .bind(*invitation)
            .bind(ERASED)
            .execute()
            .await?;
    }
    Ok(())
}

/// Whoever is erased is told nothing any more.
async fn from_recipients(tx: &mut Tx, org: OrgId, known: &Known) -> Result<(), StorageError> {
    let Some(email) = &known.email else { return Ok(()) };
    let sql = "DELETE FROM notice_recipients WHERE org_id = $1 AND kind = 'mail' AND shown = $2";
    tx.query(sql).bind(org.0).bind(email.clone()).execute().await.map(drop)
}

/// The person goes with the last organization that knows them.
async fn from_people(tx: &mut Tx, person: PersonId) -> Result<(), StorageError> {
    let others = "SELECT count(*) FROM accounts WHERE person_id = $1 AND erased_at IS NULL";
    if count(tx.query(others).bind(person.0).fetch_optional().await?)? > 0 {
        return Ok(());
    }
    for sql in [
        "DELETE FROM sessions WHERE person_id = $1",
        "DELETE FROM one_time_links WHERE person_id = $1",
        "DELETE FROM recovery_codes WHERE person_id = $1",
        "DELETE FROM totp WHERE person_id = $1",
        "DELETE FROM identities WHERE person_id = $1",
        "DELETE FROM credentials WHERE person_id = $1",
    ] {
        tx.query(sql).bind(person.0).execute().await?;
    }
    // Not an address, so that nobody logs in by it; and one of its own, since addresses are unique.
    tx.query("UPDATE people SET email = $2, name = $3 WHERE id = $1")
        .bind(person.0)
        .bind(format!("erased:{}", person.0.simple()))
        .bind(ERASED)
        .execute()
        .await
        .map(drop)
}

async fn overwrite(tx: &mut Tx, on: bool) -> Result<(), StorageError> {
    match dialect::overwrite_deleted(tx.backend(), on) {
        // It answers with what is set now.
        Some(sql) => tx.query(sql).fetch_all().await.map(drop),
        None => Ok(()),
    }
}
