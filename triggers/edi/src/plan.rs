//! What is to become of an interchange, from what it says and what is known. What must hold: it is found by sender, receiver and test flag; each of its sets is
//! taken or refused for itself, with the code by which an acknowledgement says so; what is decided here is checked again by the transaction that does it.

use std::collections::HashSet;

use factotum_edi_codec::{Code, Finding, Group, Interchange, Severity, Standard};
use factotum_model::edi::{Control, Duplicates, MAX_SETS, PartnerSpec, State, Validation, same_version};
use factotum_model::trigger::{EdiConfig, Per, TriggerKind};
use factotum_model::{InterchangeId, OrgId};
use factotum_storage::edi::partners::Partner;
use factotum_storage::edi::{controls, interchanges, partners};
use factotum_storage::triggers::{self, Trigger};
use factotum_storage::{Storage, Tx};

use crate::config::ANY_PARTNER;
use crate::door::Door;
use crate::read::Read;
use crate::refusal::Refusal;
use crate::stored;

/// The most EDI triggers of an organization that are looked at.
const MAX_TRIGGERS: u32 = 1_000;

/// What is to become of an interchange.
pub(crate) enum Plan {
    /// It is kept for somebody to look at, for this reason.
    Quarantine(&'static str, String),
    /// It came before, with the same bytes.
    Repeat(Box<interchanges::Interchange>),
    /// It is taken, in whole, in part or not at all.
    Take(Box<Take>),
}

/// How an interchange is taken.
pub(crate) struct Take {
    pub(crate) partner: Partner,
    /// With the findings that were added here.
    pub(crate) interchange: Interchange,
    pub(crate) state: State,
    /// The numbers of the sets that are taken, with the interchange that each replaces.
    pub(crate) controls: Vec<(Control, Option<InterchangeId>)>,
    /// Which triggers get which sets.
    pub(crate) matches: Vec<Match>,
    /// The interchange whose numbers came again.
    pub(crate) repeats: Option<InterchangeId>,
}

/// The sets that a trigger gets, by group and place.
pub(crate) struct Match {
    pub(crate) trigger: Trigger,
    pub(crate) per: Per,
    pub(crate) sets: Vec<(usize, usize)>,
}

impl Take {
    /// How many sets it has, and how many of them are taken.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let sum = |count: fn(&Group) -> u64| self.interchange.groups.iter().map(count).sum();
        (sum(|group| group.received), sum(taken))
    }

    /// The first thing that is wrong.
    pub(crate) fn fault(&self) -> Option<(u64, String)> {
        let mut errors = self.interchange.all_findings().filter(|found| found.severity == Severity::Error);
        errors.next().map(|found| (found.offset, found.to_string()))
    }
}

/// How many sets of a group are taken.
fn taken(group: &Group) -> u64 {
    if is_sound(group) { group.sets.iter().filter(|set| set.accepted()).count() as u64 } else { 0 }
}

/// Whether nothing is wrong with a group itself.
fn is_sound(group: &Group) -> bool {
    group.findings.iter().all(|found| found.severity != Severity::Error)
}

/// Decides. `door` is where it came in; none where somebody lets it out of the quarantine.
pub(crate) async fn plan(
    storage: &Storage,
    tx: &mut Tx,
    (org, door): (OrgId, Option<&Door>),
    read: &Read,
) -> Result<Plan, Refusal> {
    let (sender, receiver, test) = (read.sender(), read.receiver(), read.interchange.test);
    let Some(standard) = read.standard() else {
        let words = "interchanges of this standard are read, and belong to nobody here".to_owned();
        return Ok(Plan::Quarantine("standard_not_served", words));
    };
    let found = partners::of_interchange(tx, org, standard, (&sender, &receiver), test).await?;
    let Some(partner) = found else {
        let kind = if test { "tests" } else { "interchanges" };
        let words = format!("no trading partner sends {kind} as {sender} to {receiver}");
        return Ok(Plan::Quarantine("unknown_partner", words));
    };
    if let Some(door) = door.filter(|door| !door.admits(&partner.spec.name)) {
        let words = format!(
            "it is from {}, and came by a URL that is for {} alone",
            partner.spec.name, door.config.partner
        );
        return Ok(Plan::Quarantine("other_partner", words));
    }
    let mut interchange = read.interchange.clone();
    if interchange.sets().count() > MAX_SETS {
        return Err(Refusal::TooManySets(MAX_SETS));
    }
    let scope = format!(
        "{} {} {sender} {receiver} {}",
        standard.as_str(),
        if test { "T" } else { "P" },
        interchange.control
    );
    let all: Vec<Control> =
        interchange.sets().map(|(group, set)| control(&scope, group, &set.control)).collect();
    let now = storage.clock().now();
    let seen = controls::seen(tx, partner.id, &all, now).await?;
    let mut repeats = None;
    if let Some(last) = seen.iter().map(|seen| seen.interchange_id).max() {
        let first = interchanges::get(tx, org, last).await?;
        if let Some(first) = first.filter(|first| first.digest == read.digest) {
            return Ok(Plan::Repeat(Box::new(first)));
        }
        repeats = Some(last);
        if partner.spec.duplicates == Duplicates::Reject {
            refuse_whole(&mut interchange, "these control numbers came before, with other bytes");
        }
    }
    check_agreement(&mut interchange, &partner.spec);
    check_grammar(&mut interchange, &partner.spec, read);
    let matches = match_triggers(tx, org, (&mut interchange, &partner.spec), test).await?;
    for group in &mut interchange.groups {
        group.accepted = group.sets.iter().filter(|set| set.accepted()).count() as u64;
    }
    let mut take =
        Take { partner, interchange, state: State::Rejected, controls: Vec::new(), matches, repeats };
    take.state = state(&take);
    if take.state == State::Rejected {
        take.matches.clear();
        return Ok(Plan::Take(Box::new(take)));
    }
    for (group, set) in take.interchange.sets().filter(|(group, set)| is_sound(group) && set.accepted()) {
        let control = control(&scope, group, &set.control);
        let replaces = seen.iter().find(|seen| seen.control == control).map(|seen| seen.interchange_id);
        take.controls.push((control, replaces));
    }
    Ok(Plan::Take(Box::new(take)))
}

fn control(scope: &str, group: &Group, set: &str) -> Control {
    // PostgreSQL stores no U+0000.
    let text = |text: &str| text.replace('\0', "\u{FFFD}");
    Control { interchange: text(scope), group: text(&group.control), set: text(set) }
}

fn state(take: &Take) -> State {
    if !take.interchange.envelope_accepted() {
        return State::Rejected;
    }
    match take.counts() {
        (sets, accepted) if sets == accepted => State::Accepted,
        (_, 0) => State::Rejected,
        _ => State::Partial,
    }
}

/// Refuses all of it, by the code for what came before.
fn refuse_whole(interchange: &mut Interchange, words: &str) {
    let (code, tag, element) = match interchange.standard() {
        Standard::X12 => (Code::Ta105(25), "ISA", 13),
        _ => (Code::Un0085(26), "UNB", 5),
    };
    let value = Some(interchange.control.clone());
    interchange.findings.push(finding(
        (interchange.range.start, tag, element),
        code,
        words.to_owned(),
        value,
    ));
}

fn finding(
    (offset, tag, element): (u64, &str, u16),
    code: Code,
    message: String,
    value: Option<String>,
) -> Finding {
    Finding {
        offset,
        tag: tag.to_owned(),
        segment: 1,
        element: Some(element),
        component: None,
        repetition: None,
        code,
        message,
        reference: None,
        value,
        severity: Severity::Error,
    }
}

/// Refuses a set, by the code for what is not taken here.
fn refuse_set(interchange: &mut Interchange, (group, set): (usize, usize), words: String) {
    let (code, tag, element) = match interchange.standard() {
        // 718: the transaction set is not supported.
        Standard::X12 => (Code::Ak502(1), "ST", 1),
        // 0085: no agreement.
        _ => (Code::Un0085(17), "UNH", 2),
    };
    let set = &mut interchange.groups[group].sets[set];
    let found = finding((set.range.start, tag, element), code, words, Some(set.id.clone()));
    set.findings.push(found);
}

/// The places of the sets of which nothing is wrong yet.
fn sound_sets(interchange: &Interchange) -> Vec<(usize, usize)> {
    let groups = interchange.groups.iter().enumerate().filter(|(_, group)| is_sound(group));
    groups
        .flat_map(|(at, group)| {
            let sets = group.sets.iter().enumerate().filter(|(_, set)| set.accepted());
            sets.map(move |(place, _)| (at, place))
        })
        .collect()
}

/// Document types and versions that were not agreed on, and numbers that stand twice.
fn check_agreement(interchange: &mut Interchange, spec: &PartnerSpec) {
    let mut numbers = HashSet::new();
    for at in sound_sets(interchange) {
        let group = &interchange.groups[at.0];
        let set = &group.sets[at.1];
        if set.acknowledges() {
            continue;
        }
        if !numbers.insert((group.control.clone(), set.control.clone())) {
            let words = format!("the control number {} stands twice in this group", set.control);
            refuse_set(interchange, at, words);
        } else if !spec.sets.is_empty() && !spec.sets.contains(&set.id) {
            let words = format!("{} is not among the document types that were agreed on", set.id);
            refuse_set(interchange, at, words);
        } else if !spec.versions.is_empty() && !versions_cover(&spec.versions, group, &set.version) {
            let words = format!("{} is not among the versions that were agreed on", set.version);
            refuse_set(interchange, at, words);
        }
    }
}

/// What is wrong by the grammars that ship: it refuses a set where that was agreed on, and is told for information else.
fn check_grammar(interchange: &mut Interchange, spec: &PartnerSpec, read: &Read) {
    let severity = match spec.validation {
        Validation::Grammar => Severity::Error,
        Validation::Envelope => Severity::Note,
    };
    for at in sound_sets(interchange) {
        if let Some((_, findings)) = read.documents.get(&at) {
            let found = findings.iter().map(|found| Finding { severity, ..found.clone() });
            interchange.groups[at.0].sets[at.1].findings.extend(found);
        }
    }
}

fn versions_cover(versions: &[String], group: &Group, version: &str) -> bool {
    versions.iter().any(|asked| same_version(asked, version) || same_version(asked, &group.version))
}

/// Finds who gets what; a set that nobody gets is refused, but an acknowledgement is kept all the same.
async fn match_triggers(
    tx: &mut Tx,
    org: OrgId,
    (interchange, spec): (&mut Interchange, &PartnerSpec),
    test: bool,
) -> Result<Vec<Match>, Refusal> {
    let sets = sound_sets(interchange);
    if !interchange.envelope_accepted() || sets.is_empty() {
        return Ok(Vec::new());
    }
    let mut matches = Vec::new();
    let mut wanted = HashSet::new();
    for trigger in triggers::of_kind(tx, org, TriggerKind::Edi, MAX_TRIGGERS).await? {
        let config = stored::read(&trigger)?;
        let covers = |config: &EdiConfig| config.partner == ANY_PARTNER || config.partner == spec.name;
        if !covers(&config) || !config.usage.covers(test) {
            continue;
        }
        let own: Vec<_> = sets
            .iter()
            .copied()
            .filter(|(group, set)| {
                let group = &interchange.groups[*group];
                let set = &group.sets[*set];
                (config.sets.is_empty() || config.sets.contains(&set.id))
                    && (config.versions.is_empty() || versions_cover(&config.versions, group, &set.version))
            })
            .collect();
        if own.is_empty() {
            continue;
        }
        if trigger.paused_at.is_some() {
            // Its partner would hear that all is well, and nothing would come of it.
            return Err(Refusal::Paused);
        }
        wanted.extend(own.iter().copied());
        matches.push(Match { trigger, per: config.per, sets: own });
    }
    for at in sets.into_iter().filter(|at| !wanted.contains(at)) {
        let set = &interchange.groups[at.0].sets[at.1];
        if !set.acknowledges() {
            let words = format!("no workflow here takes {} of {}", set.id, spec.name);
            refuse_set(interchange, at, words);
        }
    }
    Ok(matches)
}
