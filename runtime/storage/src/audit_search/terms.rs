//! Terms: what an entry is found by, as short byte strings, and what a filter asks of them. What must hold: an entry that the filter
//! [matches](crate::audit_filter::AuditFilter::matches) has every term that [`needs`] asks for; the other way round is not
//! needed, since each entry found is asked the filter itself.

use std::collections::HashSet;

use factotum_model::audit::{AuditEntry, AuditOutcome};
use factotum_model::{AccountId, AccountKind, RunId};
use serde_json::Value;

use super::words::{Wanted, words};
use crate::audit_filter::AuditFilter;

/// A term: a letter that says of what kind, and the value.
pub(super) type Term = Vec<u8>;

/// How many bytes of a value a term keeps.
const MAX_VALUE_BYTES: usize = 200;
/// Beginnings of words up to this many characters are terms of their own: too many words begin with one letter to go through them all.
pub(super) const SHORT_BEGINNING: usize = 2;

const KIND: u8 = b'k';
const ACCOUNT: u8 = b'a';
const KEY: u8 = b'y';
const ACTION: u8 = b'c';
const OUTCOME: u8 = b'o';
const TARGET: u8 = b't';
const TRIGGER: u8 = b'g';
const ADDRESS: u8 = b'i';
const WORD: u8 = b'w';
const BEGINNING: u8 = b'p';
/// What an API key's account did, by [`Facet`].
const KEY_FACET: u8 = b'z';

/// What a key report counts, for each account of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Facet {
    /// `action NUL outcome`.
    Action,
    /// An address.
    Address,
    /// `type NUL id`, but for runs.
    Target,
    /// The name of a workflow that was started.
    Started,
}

impl Facet {
    pub(super) const ALL: [Self; 4] = [Self::Action, Self::Address, Self::Target, Self::Started];

    const fn letter(self) -> u8 {
        match self {
            Self::Action => b'c',
            Self::Address => b'i',
            Self::Target => b't',
            Self::Started => b'w',
        }
    }
}

fn term(kind: u8, value: &[u8]) -> Term {
    let mut term = Vec::with_capacity(value.len().min(MAX_VALUE_BYTES) + 1);
    term.push(kind);
    term.extend_from_slice(&value[..value.len().min(MAX_VALUE_BYTES)]);
    term
}

/// The terms of what the account of a key did, of one facet, begin so.
pub(super) fn facet(account: AccountId, facet: Facet) -> Term {
    let mut term = term(KEY_FACET, account.0.as_bytes());
    term.push(facet.letter());
    term
}

/// What all entries of an account have.
pub(super) fn account(id: AccountId) -> Term {
    term(ACCOUNT, id.0.as_bytes())
}

/// The facets of an entry by a key's account.
pub(super) fn facets(entry: &AuditEntry) -> Vec<(Facet, String)> {
    let mut found = vec![(Facet::Action, format!("{}\0{}", entry.action, entry.outcome.as_str()))];
    if let Some(ip) = entry.ip {
        found.push((Facet::Address, ip.to_canonical().to_string()));
    }
    for target in entry.targets.iter().filter(|target| target.kind != "run") {
        found.push((Facet::Target, format!("{}\0{}", target.kind, target.id)));
    }
    if entry.action == "workflow.run" && entry.outcome == AuditOutcome::Ok {
        found.extend(entry.workflow.clone().map(|name| (Facet::Started, name)));
    }
    found
}

/// Whether the entry's run is this target: such entries are found by their run.
fn is_own_run(entry: &AuditEntry, target: &str) -> bool {
    entry.run_id.is_some_and(|run| target.parse::<RunId>() == Ok(run))
}

/// Shows each text of an entry that is searched for words: what was done by whom to what and why, and the sender's and our names for it.
/// Not the run, which has a filter of its own, nor the address.
pub(crate) fn each_text(entry: &AuditEntry, show: &mut impl FnMut(&str)) {
    show(&entry.action);
    show(&entry.actor.name);
    let texts =
        [&entry.reason, &entry.initiator.external_ref, &entry.workflow, &entry.permission, &entry.user_agent];
    texts.into_iter().flatten().for_each(|text| show(text));
    if let Some(credential) = &entry.credential {
        show(&credential.prefix);
    }
    if let Some(digest) = entry.plugin_digest {
        show(&digest.to_string());
    }
    if let Some(id) = entry.request_id {
        show(&id.to_string());
    }
    if let Some(id) = entry.session_id {
        show(&id.to_string());
    }
    for target in &entry.targets {
        show(&target.kind);
        if !is_own_run(entry, &target.id) {
            show(&target.id);
        }
        target.name.iter().for_each(|name| show(name));
    }
    entry.change.iter().for_each(|change| each_text_of(change, show));
}

fn each_text_of(value: &Value, show: &mut impl FnMut(&str)) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => show(&number.to_string()),
        Value::String(text) => show(text),
        Value::Array(values) => values.iter().for_each(|value| each_text_of(value, show)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            show(name);
            each_text_of(value, show);
        }),
    }
}

/// All terms of an entry.
pub(super) fn terms(entry: &AuditEntry) -> HashSet<Term> {
    let mut all = HashSet::from([
        term(KIND, entry.actor.kind.as_str().as_bytes()),
        account(entry.actor.id),
        term(ACTION, entry.action.as_bytes()),
        term(OUTCOME, entry.outcome.as_str().as_bytes()),
    ]);
    if let Some(credential) = &entry.credential {
        all.insert(term(KEY, credential.key_id.0.as_bytes()));
    }
    if let Some(trigger) = entry.initiator.trigger_id {
        all.insert(term(TRIGGER, trigger.0.as_bytes()));
    }
    if let Some(ip) = entry.ip {
        all.insert(term(ADDRESS, ip.to_canonical().to_string().as_bytes()));
    }
    for target in entry.targets.iter().filter(|target| !is_own_run(entry, &target.id)) {
        all.insert(term(TARGET, target.id.as_bytes()));
    }
    if entry.actor.kind == AccountKind::ApiKey {
        for (kind, value) in facets(entry) {
            let mut term = facet(entry.actor.id, kind);
            term.extend_from_slice(&value.as_bytes()[..value.len().min(MAX_VALUE_BYTES)]);
            all.insert(term);
        }
    }
    each_text(entry, &mut |text| {
        for word in words(text) {
            let mut end = 0;
            for c in word.chars().take(SHORT_BEGINNING) {
                end += c.len_utf8();
                all.insert(term(BEGINNING, &word.as_bytes()[..end]));
            }
            all.insert(term(WORD, word.as_bytes()));
        }
    });
    all
}

/// One thing that a filter asks: at least one of these.
#[derive(Debug)]
pub(super) struct Need(pub(super) Vec<Probe>);

/// How terms are looked up.
#[derive(Debug)]
pub(super) enum Probe {
    /// This one.
    Exact(Term),
    /// All that begin so; `or` has at least the same entries, for when they are too many.
    Beginning { term: Term, or: Option<Term> },
}

/// What a filter asks of an entry's terms, the rarest first as far as one can guess; its run and times are not terms.
pub(super) fn needs(filter: &AuditFilter) -> Vec<Need> {
    let exact = |term: Term| Need(vec![Probe::Exact(term)]);
    let mut needs = Vec::new();
    if let Some(target) = &filter.target {
        needs.push(exact(term(TARGET, target.as_bytes())));
    }
    if let Some(id) = filter.key {
        needs.push(exact(term(KEY, id.0.as_bytes())));
    }
    if let Some(id) = filter.trigger {
        needs.push(exact(term(TRIGGER, id.0.as_bytes())));
    }
    if let Some(id) = filter.account {
        needs.push(exact(account(id)));
    }
    if let Some(ip) = filter.address {
        needs.push(exact(term(ADDRESS, ip.to_canonical().to_string().as_bytes())));
    }
    match filter.outcome {
        Some(AuditOutcome::Ok) | None => {}
        Some(rare) => needs.push(exact(term(OUTCOME, rare.as_str().as_bytes()))),
    }
    if let Some(action) = &filter.action {
        match action.strip_suffix('*') {
            Some("") => {}
            Some(start) => {
                needs.push(Need(vec![Probe::Beginning { term: term(ACTION, start.as_bytes()), or: None }]));
            }
            None => needs.push(exact(term(ACTION, action.as_bytes()))),
        }
    }
    if let Some(wanted) = filter.text.as_deref().and_then(Wanted::of) {
        needs.extend(wanted.whole.iter().map(|word| exact(term(WORD, word.as_bytes()))));
        needs.push(Need(vec![beginning(&wanted.beginning)]));
    }
    if !filter.actor_kinds.is_empty() {
        let kinds = filter.actor_kinds.iter().map(|kind| Probe::Exact(term(KIND, kind.as_str().as_bytes())));
        needs.push(Need(kinds.collect()));
    }
    if filter.outcome == Some(AuditOutcome::Ok) {
        needs.push(exact(term(OUTCOME, AuditOutcome::Ok.as_str().as_bytes())));
    }
    needs
}

fn beginning(word: &str) -> Probe {
    let short: String = word.chars().take(SHORT_BEGINNING).collect();
    if short.len() == word.len() {
        return Probe::Exact(term(BEGINNING, word.as_bytes()));
    }
    Probe::Beginning { term: term(WORD, word.as_bytes()), or: Some(term(BEGINNING, short.as_bytes())) }
}
