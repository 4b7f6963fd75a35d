//! What one key's account did, counted: for the day it leaks. What must hold: it is bounded however much the key did, says so where it
//! left something out, and counts each entry once, from the blocks and from the tail.

use std::collections::{BTreeMap, HashMap};

use factotum_model::{AccountId, OrgId, Timestamp};
use uuid::Uuid;

use super::bits::Bits;
use super::terms::{Facet, Term, facet, facets};
use super::{ERA, blocks, tail};
use crate::audit_entries::{self, AuditFilter};
use crate::connection::Tx;
use crate::error::StorageError;

/// How many values of a facet are given, those with most entries first.
pub const MAX_VALUES: usize = 50;
/// How many postings of one era are counted.
const MAX_POSTINGS: i64 = 50_000;
/// How many entries of the tail are counted.
const MAX_TAIL: usize = 50_000;

/// One value, with how often and when it occurred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// An address, a workflow's name; for actions and targets two words with a NUL between.
    pub value: String,
    /// In how many entries.
    pub entries: u64,
    /// In the first one.
    pub first: Option<Timestamp>,
    /// In the last one.
    pub last: Option<Timestamp>,
}

/// What an account did.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// Entries in all.
    pub entries: u64,
    /// The first and the last of them.
    pub span: Option<(Timestamp, Timestamp)>,
    /// `action NUL outcome`.
    pub actions: Vec<Counted>,
    /// Where it came from.
    pub addresses: Vec<Counted>,
    /// `type NUL id` of what it was done to, but for runs.
    pub targets: Vec<Counted>,
    /// Names of the workflows that it started.
    pub started: Vec<Counted>,
    /// Whether there were more values or entries than are counted.
    pub more: bool,
}

/// Where a value occurred first and last, before the times are read.
#[derive(Debug, Default)]
struct Tally {
    entries: u64,
    first_place: Option<(i64, usize)>,
    last_place: Option<(i64, usize)>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Tally {
    fn add_places(&mut self, block: i64, bits: &Bits) {
        self.entries += bits.len() as u64;
        let places = || bits.descending().map(|place| (block, place));
        self.last_place = self.last_place.max(places().next());
        let first = places().last();
        self.first_place = self.first_place.min(first).or(self.first_place).or(first);
    }

    fn add_entry(&mut self, at: Timestamp) {
        self.entries += 1;
        self.widen(at);
    }

    fn widen(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
    }
}

/// Counts what the account of a key did.
pub async fn activity(tx: &mut Tx, org: OrgId, account: AccountId) -> Result<Activity, StorageError> {
    let mut tallies: HashMap<Facet, BTreeMap<String, Tally>> = HashMap::new();
    let mut more = false;
    let whole = blocks::count(tx, org).await?;
    let filter = AuditFilter { account: Some(account), ..AuditFilter::default() };
    let tail = tail::find(tx, org, &filter, None, (whole, MAX_TAIL)).await?;
    more |= tail.len() == MAX_TAIL;
    for entry in &tail {
        for (facet, value) in facets(entry) {
            tallies.entry(facet).or_default().entry(value).or_default().add_entry(entry.at);
        }
    }
    for era in 0..(whole + ERA - 1) / ERA {
        for kind in Facet::ALL {
            let beginning = facet(account, kind);
            let postings = blocks::with_beginning(tx, org, era, &beginning, MAX_POSTINGS).await?;
            more |= postings.len() as i64 == MAX_POSTINGS;
            // A block that became whole since the tail was read is counted there.
            for (term, block, bits) in postings.into_iter().filter(|(_, block, _)| *block < whole) {
                let value = value_of(&term, &beginning);
                tallies.entry(kind).or_default().entry(value).or_default().add_places(block, &bits);
            }
        }
    }
    let mut times = Times { org, ids: HashMap::new() };
    let mut activity = Activity { more, ..Activity::default() };
    for (kind, values) in tallies {
        if kind == Facet::Action {
            activity.entries = values.values().map(|tally| tally.entries).sum();
        }
        activity.more |= values.len() > MAX_VALUES;
        let mut values: Vec<(String, Tally)> = values.into_iter().collect();
        values.sort_by(|(a, m), (b, n)| n.entries.cmp(&m.entries).then_with(|| a.cmp(b)));
        if kind == Facet::Action {
            activity.span = times.span(tx, &mut values).await?;
        }
        values.truncate(MAX_VALUES);
        let mut counted = Vec::with_capacity(values.len());
        for (value, mut tally) in values {
            times.fill(tx, &mut tally).await?;
            counted.push(Counted { value, entries: tally.entries, first: tally.first, last: tally.last });
        }
        match kind {
            Facet::Action => activity.actions = counted,
            Facet::Address => activity.addresses = counted,
            Facet::Target => activity.targets = counted,
            Facet::Started => activity.started = counted,
        }
    }
    Ok(activity)
}

fn value_of(term: &Term, beginning: &Term) -> String {
    String::from_utf8_lossy(term.get(beginning.len()..).unwrap_or_default()).into_owned()
}

/// Times of entries by their place.
struct Times {
    org: OrgId,
    ids: HashMap<i64, Vec<Uuid>>,
}

impl Times {
    async fn at(
        &mut self,
        tx: &mut Tx,
        (block, place): (i64, usize),
    ) -> Result<Option<Timestamp>, StorageError> {
        if !self.ids.contains_key(&block) {
            let ids = blocks::ids(tx, self.org, block).await?;
            self.ids.insert(block, ids);
        }
        let Some(id) = self.ids.get(&block).and_then(|ids| ids.get(place)) else { return Ok(None) };
        Ok(audit_entries::by_ids(tx, self.org, &[*id]).await?.first().map(|entry| entry.at))
    }

    async fn fill(&mut self, tx: &mut Tx, tally: &mut Tally) -> Result<(), StorageError> {
        for place in [tally.first_place.take(), tally.last_place.take()].into_iter().flatten() {
            if let Some(at) = self.at(tx, place).await? {
                tally.widen(at);
            }
        }
        Ok(())
    }

    async fn span(
        &mut self,
        tx: &mut Tx,
        values: &mut [(String, Tally)],
    ) -> Result<Option<(Timestamp, Timestamp)>, StorageError> {
        for (_, tally) in values.iter_mut() {
            self.fill(tx, tally).await?;
        }
        let first = values.iter().filter_map(|(_, tally)| tally.first).min();
        let last = values.iter().filter_map(|(_, tally)| tally.last).max();
        Ok(first.zip(last))
    }
}
