//! Invitations to an organization. What must hold: only the SHA-256 of an invitation's token is stored, and it goes when the invitation is taken
//! up or withdrawn, which happens once; an address has one open invitation at a time.

use factotum_model::{AccountId, Digest, InvitationId, OrgId, PersonId, RoleId, Timestamp};

use crate::connection::{Row, Tx};
use crate::error::StorageError;

/// An invitation.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The organization.
    pub org_id: OrgId,
    /// Whom it is for, lower-case.
    pub email: String,
    /// The roles that it gives.
    pub roles: Vec<RoleId>,
    /// Who invites.
    pub invited_by: AccountId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// What is needed to make one.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Whom it is for, lower-case.
    pub email: String,
    /// The roles that it gives.
    pub roles: Vec<RoleId>,
    /// SHA-256 of its token.
    pub token_hash: Digest,
    /// Who invites.
    pub invited_by: AccountId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// The person with the address that an invitation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their password's hash, if they have one (PHC string).
    pub password_hash: Option<String>,
    /// Whether they log in with a second factor.
    pub second_factor: bool,
    /// Their account in the organization, if they are a member.
    pub account: Option<AccountId>,
}

const COLUMNS: &str = "id, org_id, email, roles, invited_by, created_at, expires_at";

/// Makes an invitation; one to the same address that has expired is withdrawn. [`StorageError::Exists`] if one is open.
pub async fn create(
    tx: &mut Tx,
    org: OrgId,
    new: &NewInvitation,
    now: Timestamp,
) -> Result<Invitation, StorageError> {
    tx.query(
        "UPDATE invitations SET revoked_at = $3, token_hash = NULL \
         WHERE org_id = $1 AND email = $2 AND token_hash IS NOT NULL AND expires_at <= $3",
    )
    .bind(org.0)
    .bind(new.email.clone())
    .bind(now.as_micros())
    .execute()
    .await?;
    let id = InvitationId::random();
    tx.query(
        "INSERT INTO invitations (id, org_id, email, roles, token_hash, invited_by, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.0)
    .bind(org.0)
    .bind(new.email.clone())
    .bind(serde_json::to_string(&new.roles).unwrap_or_default())
    .bind(new.token_hash.0.to_vec())
    .bind(new.invited_by.0)
    .bind(now.as_micros())
    .bind(new.expires_at.as_micros())
    .execute()
    .await?;
    Ok(Invitation {
        id,
        org_id: org,
        email: new.email.clone(),
        roles: new.roles.clone(),
        invited_by: new.invited_by,
        created_at: now,
        expires_at: new.expires_at,
    })
}

/// The invitations of an organization that can still be taken up, newest first.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    now: Timestamp,
    before: Option<InvitationId>,
    limit: u32,
) -> Result<Vec<Invitation>, StorageError> {
    let rows = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM invitations WHERE org_id = $1 AND token_hash IS NOT NULL AND expires_at > $2 AND id < $3 \
             ORDER BY id DESC LIMIT $4"
        ))
        .bind(org.0)
        .bind(now.as_micros())
        .bind(before.map_or(uuid::Uuid::max(), |id| id.0))
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    rows.iter().map(read).collect()
}

/// Whether an invitation that can still be taken up gives this role.
pub async fn gives(tx: &mut Tx, org: OrgId, role: RoleId, now: Timestamp) -> Result<bool, StorageError> {
    let row = tx
        .query(
            "SELECT id FROM invitations WHERE org_id = $1 AND token_hash IS NOT NULL AND expires_at > $2 AND roles LIKE $3 LIMIT 1",
        )
        .bind(org.0)
        .bind(now.as_micros())
        .bind(format!("%\"{role}\"%"))
        .fetch_optional()
        .await?;
    Ok(row.is_some())
}

/// An invitation that was neither taken up nor withdrawn. It may have expired.
pub async fn open(tx: &mut Tx, org: OrgId, id: InvitationId) -> Result<Option<Invitation>, StorageError> {
    let row = tx
        .query_built(format!(
            "SELECT {COLUMNS} FROM invitations WHERE org_id = $1 AND id = $2 AND token_hash IS NOT NULL"
        ))
        .bind(org.0)
        .bind(id.0)
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// The invitation with this token, unless it was taken up or withdrawn. It may have expired.
pub async fn by_token(tx: &mut Tx, token_hash: Digest) -> Result<Option<Invitation>, StorageError> {
    let row = tx
        .query_built(format!("SELECT {COLUMNS} FROM invitations WHERE token_hash = $1"))
        .bind(token_hash.0.to_vec())
        .fetch_optional()
        .await?;
    row.as_ref().map(read).transpose()
}

/// Withdraws it; whether it could still be.
pub async fn withdraw(
    tx: &mut Tx,
    org: OrgId,
    id: InvitationId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query("UPDATE invitations SET revoked_at = $3, token_hash = NULL WHERE org_id = $1 AND id = $2 AND token_hash IS NOT NULL")
        .bind(org.0)
        .bind(id.0)
        .bind(now.as_micros())
        .execute()
        .await?;
    Ok(changed > 0)
}

/// Takes it up as this member; whether it could still be.
pub async fn take_up(
    tx: &mut Tx,
    invitation: &Invitation,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let changed = tx
        .query(
            "UPDATE invitations SET accepted_at = $3, accepted_by = $4, token_hash = NULL \
             WHERE org_id = $1 AND id = $2 AND token_hash IS NOT NULL AND expires_at > $3",
        )
        .bind(invitation.org_id.0)
        .bind(invitation.id.0)
        .bind(now.as_micros())
        .bind(account.0)
        .execute()
        .await?;
    Ok(changed > 0)
}

/// The person with this address, if they are known, as they stand to this organization.
pub async fn guest(tx: &mut Tx, org: OrgId, email: &str) -> Result<Option<Guest>, StorageError> {
    let row = tx
        .query(
            "SELECT p.id, p.name, c.password_hash, t.confirmed_at, a.id FROM people p \
             LEFT JOIN credentials c ON c.person_id = p.id LEFT JOIN totp t ON t.person_id = p.id \
             LEFT JOIN accounts a ON a.person_id = p.id AND a.org_id = $1 AND a.deleted_at IS NULL WHERE p.email = $2",
        )
        .bind(org.0)
        .bind(email.to_owned())
        .fetch_optional()
        .await?;
    row.map(|row| {
        Ok(Guest {
            person: row.id(0)?,
            name: row.get(1)?,
            password_hash: row.get(2)?,
            second_factor: row.get::<Option<i64>>(3)?.is_some(),
            account: crate::principal::maybe(row.get(4)?),
        })
    })
    .transpose()
}

fn read(row: &Row) -> Result<Invitation, StorageError> {
    Ok(Invitation {
        id: row.id(0)?,
        org_id: row.id(1)?,
        email: row.get(2)?,
        roles: row.json(3, "invitations.roles")?,
        invited_by: row.id(4)?,
        created_at: row.time(5)?,
        expires_at: row.time(6)?,
    })
}
