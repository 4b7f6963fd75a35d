//! One change: its transaction, its caller, its audit entry. What must hold: the caller's key or session is checked again in the transaction; the
//! entry commits with the change or the change does not happen; a refusal is on the record before it is answered.

use factotum_model::audit::{AuditEntry, AuditOutcome, Target};
use factotum_model::{Action, Authority, Digest, Grants, RunId, Timestamp, authorize};
use factotum_storage::idempotency_keys::{self, Known};
use factotum_storage::{Tx, accounts, members, sessions};
use serde::Serialize;
use serde_json::Value;

use super::caller::covers;
use super::{Caller, OperationError, Services};

/// A request that is to be done once however often it comes: `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct Once {
    /// Method, path and query.
    pub route: String,
    /// The client's key.
    pub key: String,
    /// SHA-256 of the body.
    pub body: Digest,
}

/// A change under way. [`Work::end`] commits it, or records why not.
pub struct Work<'a> {
    /// The transaction.
    pub tx: Tx,
    /// What there is to work with.
    pub services: &'a Services,
    /// Who works.
    pub caller: &'a Caller,
    /// The instant of the change.
    pub now: Timestamp,
    authority: Authority,
    entry: AuditEntry,
    once: Option<&'a Once>,
    guarded: bool,
}

impl<'a> Work<'a> {
    /// Begins: checks that the caller's session is still there and that their account may still act. `doing` is the audit action, `workflow.put`.
    pub async fn begin(
        services: &'a Services,
        caller: &'a Caller,
        doing: &'static str,
        target: Option<Target>,
    ) -> Result<Self, OperationError> {
        let tx = services.storage.write().await?;
        Self::begin_in(tx, services, caller, doing, target).await
    }

    /// As [`begin`](Self::begin), for changes of members and roles, which take turns in an organization: what the caller holds is asked when
    /// it is this one's turn.
    pub async fn begin_in_turn(
        services: &'a Services,
        caller: &'a Caller,
        doing: &'static str,
        target: Option<Target>,
    ) -> Result<Self, OperationError> {
        let mut tx = services.storage.write().await?;
        members::take_turn(&mut tx, caller.org_id).await?;
        Self::begin_in(tx, services, caller, doing, target).await
    }

    async fn begin_in(
        mut tx: Tx,
        services: &'a Services,
        caller: &'a Caller,
        doing: &'static str,
        target: Option<Target>,
    ) -> Result<Self, OperationError> {
        let now = services.now();
        if let Some((_, session)) = caller.person()
            && !sessions::is_open(&mut tx, session, now).await?
        {
            return Err(OperationError::Unauthenticated);
        }
        let grants = accounts::effective_grants(&mut tx, caller.org_id, caller.principal.id, now).await?;
        let authority = Authority::of(grants.ok_or(OperationError::Unauthenticated)?);
        let mut entry = caller.entry(now, doing, AuditOutcome::Ok);
        entry.targets = target.into_iter().collect();
        Ok(Self { tx, services, caller, now, authority, entry, once: None, guarded: false })
    }

    /// Says that impossible values are on the record as well: attackers try them here.
    pub fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    /// Takes the request's idempotency key; [`OperationError::Replayed`] if it was answered before.
    pub async fn once(mut self, once: Option<&'a Once>) -> Result<Self, OperationError> {
        if let Some(once) = once {
            let account = self.caller.principal.id;
            let known =
                idempotency_keys::take(&mut self.tx, account, &once.route, &once.key, once.body, self.now)
                    .await?;
            match known {
                Known::New => self.once = Some(once),
                Known::Answered { status, answer } => {
                    return Err(OperationError::Replayed { status, body: answer });
                }
                Known::OtherBody => return Err(OperationError::IdempotencyMismatch),
            }
        }
        Ok(self)
    }

    /// Asks the one decision.
    pub fn authorize(&mut self, action: Action, name: Option<&str>) -> Result<(), OperationError> {
        authorize(&self.authority, action, name)?;
        self.entry.permission = Some(action.to_string());
        Ok(())
    }

    /// That the caller holds all of these grants: nobody sets up what they could not do.
    pub fn holds(&self, grants: &Grants, what: &str) -> Result<(), OperationError> {
        covers(self.authority.grants(), grants, what)
    }

    /// Names what the change is done to, before whatever else it is about.
    pub fn target(&mut self, target: Target) {
        self.entry.targets.retain(|t| t.kind != target.kind);
        self.entry.targets.insert(0, target);
    }

    /// States before and after, without secrets.
    pub fn change(&mut self, change: Value) {
        self.entry.change = Some(change);
    }

    /// Another action than the one it began with: `workflow.update` when it is not new.
    pub fn doing(&mut self, doing: &'static str) {
        doing.clone_into(&mut self.entry.action);
    }

    /// The entry as it stands, for others that commit with it.
    pub fn entry(&self) -> &AuditEntry {
        &self.entry
    }

    /// Names the workflow that it is about.
    pub fn workflow(&mut self, name: &str) {
        self.entry.workflow = Some(name.to_owned());
    }

    /// Names the run that it is about, and those above it.
    pub fn run(&mut self, id: RunId, chain: &[RunId]) {
        self.entry.run_id = Some(id);
        chain.clone_into(&mut self.entry.chain);
    }

    /// Keeps the answer for a repetition of this request. It must hold no secret.
    pub async fn answered(&mut self, status: u16, body: &impl Serialize) -> Result<(), OperationError> {
        if let Some(once) = self.once {
            let body = serde_json::to_string(body).unwrap_or_default();
            let account = self.caller.principal.id;
            idempotency_keys::answer(&mut self.tx, account, &once.route, &once.key, status, &body).await?;
        }
        Ok(())
    }

    /// Commits with the audit entry; or rolls back, and records the refusal.
    pub async fn end<T>(self, done: Result<T, OperationError>) -> Result<T, OperationError> {
        let Self { mut tx, services, entry, guarded, .. } = self;
        match done {
            Ok(value) => {
                factotum_storage::audit_entries::append(&mut tx, &[entry]).await?;
                tx.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // The journal needs the writer that this transaction holds.
                drop(tx);
                if error.is_denial(guarded) {
                    return Err(services.denials.settle(services, entry, error).await);
                }
                Err(error)
            }
        }
    }
}
