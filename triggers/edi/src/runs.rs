//! The runs that an interchange starts, with the event of each. What must hold: an event has the bytes of what it is about: of a set from its first byte to its
//! terminator, of an interchange all of them.

use factotum_edi_codec::{Group, Interchange, Set};
use factotum_model::edi::{Edi, Standard};
use factotum_model::trigger::Per;
use factotum_model::{EventInput, Initiator, InitiatorKind, InterchangeId, RunId};
use factotum_storage::accept::{EventSource, NewRun, Origin};
use factotum_storage::triggers::Trigger;
use serde_json::{Value, json};

use crate::plan::{Match, Take};
use crate::read::{Read, part};

/// The runs, each with the places of the sets that it is about.
pub(crate) type Runs = Vec<(NewRun, Vec<(usize, usize)>)>;

/// What is the same of all events of an interchange.
struct Common<'a> {
    id: InterchangeId,
    read: &'a Read,
    take: &'a Take,
    standard: Standard,
    origin: &'a Origin,
}

/// All runs of an interchange that is taken.
pub(crate) fn all(id: InterchangeId, read: &Read, take: &Take, origin: &Origin) -> Runs {
    let Some(standard) = read.standard() else { return Vec::new() };
    let common = Common { id, read, take, standard, origin };
    take.matches.iter().flat_map(|found| common.of(found)).collect()
}

impl Common<'_> {
    fn of(&self, found: &Match) -> Runs {
        match found.per {
            Per::Set => found.sets.iter().map(|at| (self.set(&found.trigger, *at), vec![*at])).collect(),
            Per::Interchange => vec![(self.whole(found), found.sets.clone())],
        }
    }

    fn at(&self, (group, set): (usize, usize)) -> (&Group, &Set) {
        let group = &self.take.interchange.groups[group];
        (group, &group.sets[set])
    }

    fn set(&self, trigger: &Trigger, at: (usize, usize)) -> NewRun {
        let (group, set) = self.at(at);
        let mut envelope = interchange_envelope(&self.take.interchange);
        envelope["group"] = group_envelope(group);
        envelope["set"] = set_envelope(set);
        let edi = Edi { set: Some(set.id.clone()), envelope, document: self.document(at), ..self.event() };
        self.run(trigger, edi, part(&self.read.bytes, &set.range).to_vec())
    }

    fn whole(&self, found: &Match) -> NewRun {
        let sets = found.sets.iter().map(|at| {
            let (group, set) = self.at(*at);
            let envelope = json!({"group": group_envelope(group), "set": set_envelope(set)});
            json!({"set": set.id, "envelope": envelope, "document": self.document(*at)})
        });
        let document = json!({"sets": sets.collect::<Vec<_>>()});
        let edi = Edi { envelope: interchange_envelope(&self.take.interchange), document, ..self.event() };
        self.run(&found.trigger, edi, self.read.bytes.clone())
    }

    fn event(&self) -> Edi {
        Edi {
            standard: self.standard,
            partner: self.take.partner.spec.name.clone(),
            interchange: self.id,
            set: None,
            envelope: Value::Null,
            document: Value::Null,
            duplicate: self.take.repeats.is_some(),
        }
    }

    fn document(&self, at: (usize, usize)) -> Value {
        self.read.documents.get(&at).map(|(document, _)| document.clone()).unwrap_or_default()
    }

    fn run(&self, trigger: &Trigger, edi: Edi, payload: Vec<u8>) -> NewRun {
        NewRun {
            run_id: RunId::random(),
            org_id: trigger.org_id,
            workflow_id: trigger.workflow_id,
            account_id: trigger.base_account,
            initiator: Initiator { kind: InitiatorKind::Edi, id: Some(trigger.id.to_string()) },
            trigger_id: Some(trigger.id),
            parent: None,
            credential: None,
            // Its control numbers are a key of their own, in the same transaction.
            dedup: None,
            event: EventSource::New { input: EventInput::Edi(Box::new(edi)), payload },
            replay_of: None,
            due_at: None,
            origin: self.origin.clone(),
        }
    }
}

fn party(qualifier: &str, id: &str) -> Value {
    json!({"qualifier": qualifier, "id": id})
}

fn interchange_envelope(interchange: &Interchange) -> Value {
    json!({"interchange": {
        "sender": party(&interchange.sender.qualifier, &interchange.sender.id),
        "receiver": party(&interchange.receiver.qualifier, &interchange.receiver.id),
        "control": interchange.control,
        "date": interchange.date,
        "time": interchange.time,
        "version": interchange.version,
        "test": interchange.test,
    }})
}

/// None where an EDIFACT interchange has no groups.
fn group_envelope(group: &Group) -> Value {
    if !group.explicit {
        return Value::Null;
    }
    json!({
        "id": group.functional,
        "sender": party(&group.sender.qualifier, &group.sender.id),
        "receiver": party(&group.receiver.qualifier, &group.receiver.id),
        "control": group.control,
        "date": group.date,
        "time": group.time,
        "agency": group.agency,
        "version": group.version,
    })
}

fn set_envelope(set: &Set) -> Value {
    json!({"id": set.id, "control": set.control, "version": set.version, "segments": set.segments})
}
