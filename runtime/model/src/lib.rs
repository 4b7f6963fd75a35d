//! Factotum's pure types and rules: accounts, grants, workflows, triggers, runs, retry, audit. What must hold: no
//! I/O, no clock and no randomness but as parameters, and nothing of ours is imported, so that every other crate
//! can rely on it and a rule stands in one place.

pub mod account;
pub mod api_key;
pub mod audit;
pub mod audit_action;
pub mod audit_log;
pub mod authority;
pub mod capability;
pub mod digest;
pub mod edi;
pub mod email;
pub mod event;
pub mod grant;
pub mod http_response;
pub mod id;
pub mod nickname;
pub mod notice;
pub mod object;
pub mod redacted;
pub mod run;
pub mod time;
pub mod trigger;
pub mod workflow;

pub use account::{AccountKind, Principal};
pub use authority::{Action, Authority, Denied, authorize};
pub use digest::Digest;
pub use event::{Event, EventInput};
pub use grant::{Grant, Grants};
pub use http_response::HttpResponse;
pub use id::{
    AccountId, AuditId, EventId, InterchangeId, InvitationId, KeyId, NodeId, NoticeId, OrgId, PartnerId,
    PersonId, PluginId, RecipientId, RequestId, RoleId, RunId, SessionId, TriggerId, WorkflowId,
};
pub use redacted::Redacted;
pub use run::{ErrorCode, Failure, Initiator, InitiatorKind, Outcome, RunState};
pub use time::{Clock, SystemClock, Timestamp};
