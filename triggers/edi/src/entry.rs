//! What the audit trail says of interchanges. What must hold: names, numbers and digests; never what a document says.

use factotum_model::account::BASE_ACCOUNT_NAME;
use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::edi::State;
use factotum_model::{AccountId, AccountKind, InitiatorKind, Principal, Timestamp};
use factotum_storage::accept::Origin;
use factotum_storage::edi::interchanges::Interchange;

/// The entry about what became of an interchange; none where its runs say it, each for itself.
pub(crate) fn about(
    interchange: &Interchange,
    (base_account, origin): (AccountId, &Origin),
    starts_runs: bool,
    now: Timestamp,
) -> Option<AuditEntry> {
    let (action, outcome) = match interchange.state {
        State::Accepted if starts_runs => return None,
        State::Accepted => ("event.keep", AuditOutcome::Ok),
        State::Partial | State::Rejected => ("event.reject", AuditOutcome::Denied),
        State::Duplicate => ("event.duplicate", AuditOutcome::Ok),
        State::Quarantined => ("event.quarantine", AuditOutcome::Denied),
        State::Discarded => ("event.discard", AuditOutcome::Ok),
    };
    let actor = Principal { id: base_account, kind: AccountKind::Base, name: BASE_ACCOUNT_NAME.to_owned() };
    let initiator = AuditInitiator {
        kind: InitiatorKind::Edi,
        trigger_id: interchange.trigger_id,
        external_ref: external_ref(interchange),
    };
    let mut entry = AuditEntry::new(interchange.org_id, now, action, outcome, actor, initiator);
    entry.reason.clone_from(&interchange.reason);
    entry.ip = origin.ip;
    entry.user_agent.clone_from(&origin.user_agent);
    entry.request_id = origin.request_id;
    entry.targets = vec![Target::new("interchange", interchange.id)];
    if let Some((id, name)) = &interchange.partner {
        entry.targets.push(Target::named("partner", id, name.clone()));
    }
    Some(entry)
}

/// The sender's name for it: standard, sender and control number.
pub(crate) fn external_ref(interchange: &Interchange) -> Option<String> {
    let standard = interchange.standard?.as_str();
    let (sender, control) = (interchange.sender.as_deref()?, interchange.control.as_deref()?);
    Some(format!("{standard} {sender} {control}").chars().filter(|c| !c.is_control()).collect())
}
