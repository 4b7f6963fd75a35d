//! Who calls: the account behind a request, with what it may do and where the request came from.

use std::net::IpAddr;

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Credential, Target};
use factotum_model::{
    Action, Authority, Grants, Initiator, InitiatorKind, OrgId, PersonId, Principal, RequestId, SessionId,
    Timestamp, authorize,
};

use super::{OperationError, Services};

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Our name for it.
    pub request_id: RequestId,
    /// The client's address, as far as trusted proxies tell.
    pub address: IpAddr,
    /// The client's program, as it calls itself.
    pub user_agent: Option<String>,
}

impl Origin {
    /// An audit entry of what was done from here; by whom, the request alone does not say.
    pub fn entry(
        &self,
        org: OrgId,
        at: Timestamp,
        action: &str,
        outcome: AuditOutcome,
        (actor, started_by): (Principal, InitiatorKind),
    ) -> AuditEntry {
        AuditEntry {
            ip: Some(self.address),
            user_agent: self.user_agent.clone(),
            request_id: Some(self.request_id),
            ..AuditEntry::new(org, at, action, outcome, actor, AuditInitiator::of(started_by))
        }
    }
}

/// What a caller showed.
#[derive(Debug, Clone)]
pub enum Via {
    /// An API key.
    Key(Credential),
    /// A session.
    Session {
        /// Which.
        id: SessionId,
        /// Whose.
        person: PersonId,
    },
}

/// The account behind a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its organization.
    pub org_id: OrgId,
    /// Who it is.
    pub principal: Principal,
    /// What it may do, as its key said when the request came in.
    pub authority: Authority,
    /// What it came with.
    pub via: Via,
    /// Where from.
    pub origin: Origin,
}

impl Caller {
    /// The key, if it came with one.
    pub fn credential(&self) -> Option<Credential> {
        match &self.via {
            Via::Key(credential) => Some(credential.clone()),
            Via::Session { .. } => None,
        }
    }

    /// What starts a run that this caller asks for.
    pub fn initiator(&self) -> Initiator {
        match &self.via {
            Via::Key(key) => Initiator { kind: InitiatorKind::Api, id: Some(key.key_id.to_string()) },
            Via::Session { .. } => {
                Initiator { kind: InitiatorKind::Member, id: Some(self.principal.id.to_string()) }
            }
        }
    }

    /// The person, if it is one in a session.
    pub fn person(&self) -> Option<(PersonId, SessionId)> {
        match self.via {
            Via::Session { id, person } => Some((person, id)),
            Via::Key(_) => None,
        }
    }

    /// An audit entry of what this caller does or tries.
    pub fn entry(&self, at: Timestamp, action: &str, outcome: AuditOutcome) -> AuditEntry {
        let session_id = match self.via {
            Via::Session { id, .. } => Some(id),
            Via::Key(_) => None,
        };
        let by = (self.principal.clone(), self.initiator().kind);
        AuditEntry {
            credential: self.credential(),
            session_id,
            ..self.origin.entry(self.org_id, at, action, outcome, by)
        }
    }

    /// Whether the caller may; for what is then only read. A denial is on the record when this returns.
    pub async fn allowed(
        &self,
        services: &Services,
        doing: &'static str,
        action: Action,
        name: Option<&str>,
        target: Option<Target>,
    ) -> Result<(), OperationError> {
        match authorize(&self.authority, action, name) {
            Ok(()) => Ok(()),
            Err(denied) => Err(self.refused(services, doing, target, denied.into()).await),
        }
    }

    /// Puts a refusal on the record, and gives it back; or the reason why it could not be recorded.
    pub async fn refused(
        &self,
        services: &Services,
        doing: &'static str,
        target: Option<Target>,
        error: OperationError,
    ) -> OperationError {
        let mut entry = self.entry(services.now(), doing, AuditOutcome::Denied);
        entry.targets = target.into_iter().collect();
        services.denials.settle(services, entry, error).await
    }

    /// Where the request came from, as storage takes it.
    pub fn stored_origin(&self) -> factotum_storage::accept::Origin {
        factotum_storage::accept::Origin {
            ip: Some(self.origin.address),
            user_agent: self.origin.user_agent.clone(),
            request_id: Some(self.origin.request_id),
        }
    }
}

/// That `held` covers all of `wanted`: whoever sets something up must hold what it will be able to do.
pub fn covers(held: &Grants, wanted: &Grants, what: &str) -> Result<(), OperationError> {
    let missing: Vec<String> = wanted.missing_from(held).map(ToString::to_string).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(", ");
    let reason = format!("{what} has grants that your account lacks: {list}");
    Err(OperationError::Denied { permission: list, reason })
}
