//! The search of a trail that is long enough to have an index: every filter against a plain model of it, page by page, while entries come in,
//! are sealed and indexed. What must hold: the model shares no code with the search.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Credential, Target};
use factotum_model::{
    AccountId, AccountKind, AuditId, InitiatorKind, KeyId, OrgId, Principal, RequestId, RunId, Timestamp,
    TriggerId,
};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::audit_search::{BLOCK, index, report};
use factotum_storage::seal::Sealer;
use factotum_storage::{erasure, members, people};

use crate::world::{Raw, World};

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

/// What entries are made of: few values, so that filters meet.
struct Cast {
    actors: Vec<Principal>,
    keys: Vec<KeyId>,
    triggers: Vec<TriggerId>,
    runs: Vec<RunId>,
    addresses: Vec<IpAddr>,
}

const ACTIONS: [&str; 7] = [
    "event.accept",
    "event.accept",
    "event.accept",
    "run.succeed",
    "run.fail",
    "api_key.create",
    "api_key.revoke",
];
/// Terms of the person who is erased.
const TERMS: [&str; 3] = ["wwilhelmina", "wquist", "i198.51.100.9"];
const NAMES: [&str; 5] = ["Ada Lovelace", "État civil", "build bot", "ΣΊΣΥΦΟΣ", "日本 語"];
const REASONS: [&str; 4] =
    ["forbidden: no grant", "timeout after 30s", "invalid_field: nickname", "run-away loop"];

impl Cast {
    fn new() -> Self {
        let kinds = [
            AccountKind::Base,
            AccountKind::ApiKey,
            AccountKind::ApiKey,
            AccountKind::Member,
            AccountKind::Member,
        ];
        let actors = kinds.iter().zip(NAMES);
        Self {
            actors: actors
                .map(|(kind, name)| Principal { id: AccountId::random(), kind: *kind, name: name.into() })
                .collect(),
            keys: (0..3).map(|_| KeyId::random()).collect(),
            triggers: (0..3).map(|_| TriggerId::random()).collect(),
            runs: (0..40).map(|_| RunId::random()).collect(),
            addresses: ["203.0.113.7", "::ffff:203.0.113.8", "2001:db8::1"]
                .map(|ip| ip.parse().unwrap())
                .to_vec(),
        }
    }

    /// An entry whose id is, now and then, minutes older than those before it.
    fn entry(&self, dice: &mut Dice, org: OrgId, at: Timestamp) -> AuditEntry {
        let actor = dice.one(&self.actors);
        let outcome = dice.one(&[
            AuditOutcome::Ok,
            AuditOutcome::Ok,
            AuditOutcome::Ok,
            AuditOutcome::Denied,
            AuditOutcome::Error,
        ]);
        let initiator = AuditInitiator {
            kind: InitiatorKind::Webhook,
            trigger_id: (dice.roll(2) == 0).then(|| dice.one(&self.triggers)),
            external_ref: (dice.roll(3) == 0).then(|| format!("delivery-{}", dice.roll(500))),
        };
        let late =
            if dice.roll(50) == 0 { Duration::from_secs(dice.roll(300) as u64) } else { Duration::ZERO };
        let at = Timestamp::from_micros(at.as_micros() - late.as_micros() as i64);
        let mut entry = AuditEntry::new(org, at, dice.one(&ACTIONS), outcome, actor.clone(), initiator);
        let mut random = [0; 10];
        for byte in &mut random {
            *byte = dice.roll(256) as u8;
        }
        entry.id = AuditId::from_parts(at, random);
        entry.reason = (outcome != AuditOutcome::Ok).then(|| dice.one(&REASONS).to_owned());
        if actor.kind == AccountKind::ApiKey {
            entry.credential =
                Some(Credential { key_id: dice.one(&self.keys), prefix: "fct_abcdefgh".into() });
        }
        entry.ip = (dice.roll(2) == 0).then(|| dice.one(&self.addresses));
        entry.run_id = (dice.roll(3) > 0).then(|| dice.one(&self.runs));
        entry.workflow = (dice.roll(2) == 0).then(|| format!("orders-{}", dice.roll(4)));
        entry.request_id = (dice.roll(2) == 0).then(RequestId::random);
        entry.user_agent = (dice.roll(4) == 0).then(|| "curl/8.5.0".to_owned());
        if let Some(run) = entry.run_id {
            entry.targets.push(Target::new("run", run));
        }
        if dice.roll(2) == 0 {
            entry.targets.push(Target::named(
                "workflow",
                format!("wfl_{}", dice.roll(5)),
                "Intake of orders",
            ));
        }
        if dice.roll(20) == 0 {
            entry.targets.push(Target::new("run", dice.one(&self.runs)));
        }
        if dice.roll(200) == 0 {
            entry.change = Some(serde_json::json!({"after": {"grants": ["kv:read", "needle"], "limit": 77}}));
        }
        entry
    }

    fn filter(&self, dice: &mut Dice, all: &[AuditEntry]) -> AuditFilter {
        let mut filter = AuditFilter::default();
        for _ in 0..=dice.roll(3) {
            match dice.roll(13) {
                0 => filter.actor_kinds = vec![AccountKind::Base, AccountKind::ApiKey],
                1 => filter.actor_kinds = vec![AccountKind::Member],
                2 => filter.account = Some(dice.one(&self.actors).id),
                3 => filter.key = Some(dice.one(&self.keys)),
                4 => {
                    filter.action = Some(
                        dice.one(&[
                            "event.accept",
                            "run.fail",
                            "api_key.*",
                            "run.*",
                            "*",
                            "event",
                            "none.such",
                        ])
                        .into(),
                    );
                }
                5 => {
                    filter.outcome =
                        Some(dice.one(&[AuditOutcome::Ok, AuditOutcome::Denied, AuditOutcome::Error]));
                }
                6 => filter.target = Some(format!("wfl_{}", dice.roll(6))),
                7 => filter.target = Some(dice.one(&self.runs).to_string()),
                8 => filter.trigger = Some(dice.one(&self.triggers)),
                9 if dice.roll(3) == 0 => filter.run = Some(dice.one(&self.runs)),
                10 => filter.address = Some(dice.one(&self.addresses)),
                11 => {
                    let bound = all[dice.roll(all.len())].at;
                    if dice.roll(2) == 0 { filter.since = Some(bound) } else { filter.until = Some(bound) }
                }
                _ => {
                    let texts = [
                        "ada",
                        "ADA love",
                        "état",
                        "Éta",
                        "σίσυφος",
                        "日",
                        "30s",
                        "deliv",
                        "delivery 7",
                        "needle",
                        "needle 77",
                        "0",
                        "o",
                        "orders 1 workflow",
                        "grant forbid",
                        "203",
                        "fct_abc",
                        "xyzzy",
                        "curl 8",
                        "kv:re",
                        "in of inta",
                    ];
                    filter.text = Some(dice.one(&texts).into());
                }
            }
        }
        filter
    }
}

/// Every text of an entry that is searched, from its published form.
fn texts(entry: &AuditEntry) -> Vec<String> {
    fn leaves(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                into.push(name.clone());
                leaves(value, into);
            }),
            serde_json::Value::Array(values) => values.iter().for_each(|value| leaves(value, into)),
            serde_json::Value::String(text) => into.push(text.clone()),
            serde_json::Value::Null => {}
            other => into.push(other.to_string()),
        }
    }
    let whole = serde_json::to_value(entry).unwrap();
    let mut all = Vec::new();
    for field in ["action", "reason", "workflow", "permission", "user_agent", "request_id"] {
        all.extend(whole[field].as_str().map(ToOwned::to_owned));
    }
    for pointer in ["/actor/name", "/credential/prefix", "/initiator/external_ref"] {
        all.extend(whole.pointer(pointer).and_then(|value| value.as_str()).map(ToOwned::to_owned));
    }
    for target in &entry.targets {
        all.push(target.kind.clone());
        all.extend(target.name.clone());
        // A run's own entries are found by the filter for runs.
        all.extend(
            Some(target.id.clone()).filter(|id| entry.run_id.map(|run| run.to_string()).as_ref() != Some(id)),
        );
    }
    if let Some(change) = whole.get("change") {
        leaves(change, &mut all);
    }
    all
}

fn cut(text: &str) -> Vec<String> {
    let spaced: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    spaced
        .to_lowercase()
        .replace('ς', "σ")
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// Whether the model takes the entry.
fn takes(filter: &AuditFilter, entry: &AuditEntry) -> bool {
    let canonical = |ip: IpAddr| match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    let mut all = vec![
        filter.actor_kinds.is_empty() || filter.actor_kinds.contains(&entry.actor.kind),
        filter.account.is_none() || filter.account == Some(entry.actor.id),
        filter.key.is_none() || filter.key == entry.credential.as_ref().map(|credential| credential.key_id),
        filter.outcome.is_none() || filter.outcome == Some(entry.outcome),
        filter.trigger.is_none() || filter.trigger == entry.initiator.trigger_id,
        filter.run.is_none() || filter.run == entry.run_id,
        filter.address.is_none() || filter.address.map(canonical) == entry.ip.map(canonical),
        filter.since.is_none_or(|at| at <= entry.at),
        filter.until.is_none_or(|at| at > entry.at),
    ];
    if let Some(action) = &filter.action {
        all.push(match action.split_once('*') {
            Some((start, _)) => entry.action.starts_with(start),
            None => entry.action == *action,
        });
    }
    if let Some(target) = &filter.target {
        all.push(entry.targets.iter().any(|t| t.id == *target));
    }
    if let Some(text) = &filter.text {
        let has: Vec<String> = texts(entry).iter().flat_map(|text| cut(text)).collect();
        let mut wanted = cut(text);
        let last = wanted.pop().unwrap();
        all.push(
            wanted.iter().all(|word| has.contains(word)) && has.iter().any(|word| word.starts_with(&last)),
        );
    }
    all.into_iter().all(|holds| holds)
}

/// Gives every entry its leaf that has none.
async fn seal(world: &World) {
    let mut sealer = Sealer::remembering(world.storage.clone(), []);
    while !sealer.round().await.unwrap().complete {}
}

async fn index_all(world: &World) -> usize {
    let mut made = 0;
    loop {
        match index::round(&world.storage).await.unwrap().made {
            0 => return made,
            n => made += n,
        }
    }
}

async fn append(world: &World, entries: &[AuditEntry]) {
    for some in entries.chunks(1_000) {
        world.write(async |tx| audit_entries::append(tx, some).await).await;
    }
}

/// `n` entries over some hours, in the order in which they commit.
fn trail(cast: &Cast, dice: &mut Dice, org: OrgId, from: Timestamp, n: usize) -> Vec<AuditEntry> {
    (0..n).map(|at| cast.entry(dice, org, from.plus(Duration::from_millis(at as u64 * 1_500)))).collect()
}

async fn pages(world: &World, filter: &AuditFilter, size: u32, most: usize) -> Vec<AuditId> {
    let mut ids = Vec::new();
    let mut before = None;
    for _ in 0..most {
        let page =
            world.read(async |tx| audit_entries::list(tx, world.org.id, filter, before, size).await).await;
        before = page.last().map(|entry| entry.id);
        ids.extend(page.iter().map(|entry| entry.id));
        if page.len() < size as usize {
            break;
        }
    }
    ids
}

on_both! {
    async fn every_filter_gives_what_a_plain_model_gives(world: &World) {
        let (cast, mut dice) = (Cast::new(), Dice(7));
        let (other, _) = world.another_org("Globex").await;
        let mut all = trail(&cast, &mut dice, world.org.id, world.now(), 2 * BLOCK + 900);
        append(world, &all).await;
        // The same people, keys and runs in another organization: none of it is to be seen.
        append(world, &trail(&cast, &mut dice, other.id, world.now(), BLOCK + 50)).await;
        seal(world).await;
        assert_eq!(index_all(world).await, 3);
        // Leaves that are in no whole block, and entries that are no leaves.
        for sealed in [true, false] {
            let more = trail(&cast, &mut dice, world.org.id, world.now().plus(Duration::from_mins(150)), 300);
            append(world, &more).await;
            all.extend(more);
            if sealed {
                seal(world).await;
            }
        }
        all.sort_by_key(|entry| std::cmp::Reverse(entry.id));
        let mut met = 0;
        for n in 0..220 {
            let filter = cast.filter(&mut dice, &all);
            let size = dice.one(&[1, 7, 50, 200]);
            let most = 6;
            let expected: Vec<AuditId> = all.iter().filter(|entry| takes(&filter, entry)).map(|entry| entry.id).take(size as usize * most).collect();
            met += usize::from(!expected.is_empty());
            assert_eq!(pages(world, &filter, size, most).await, expected, "filter {n}, {size} to a page: {filter:?}");
            // A later page, from anywhere.
            let cursor = all[dice.roll(all.len())].id;
            let page = world.read(async |tx| audit_entries::list(tx, world.org.id, &filter, Some(cursor), size).await).await;
            let expected: Vec<AuditId> = all.iter().filter(|entry| entry.id < cursor && takes(&filter, entry)).map(|entry| entry.id).take(size as usize).collect();
            assert_eq!(page.iter().map(|entry| entry.id).collect::<Vec<_>>(), expected, "filter {n} before {cursor}: {filter:?}");
        }
        assert!(met > 100, "only {met} of the filters found anything");
    }

    async fn pages_have_no_gap_and_no_repeat_while_entries_come_in(world: &World) {
        let (cast, mut dice) = (Cast::new(), Dice(11));
        let all = trail(&cast, &mut dice, world.org.id, world.now(), BLOCK + 3_000);
        append(world, &all).await;
        seal(world).await;
        index_all(world).await;
        let later = trail(&cast, &mut dice, world.org.id, world.now().plus(Duration::from_secs(11_000)), BLOCK);
        let done = AtomicBool::new(false);
        let adding = async {
            for some in later.chunks(100) {
                append(world, some).await;
                seal(world).await;
                index::round(&world.storage).await.unwrap();
            }
            done.store(true, Ordering::SeqCst);
        };
        let reading = async {
            let filters = [
                AuditFilter { outcome: Some(AuditOutcome::Denied), ..AuditFilter::default() },
                AuditFilter { text: Some("order".into()), ..AuditFilter::default() },
                AuditFilter { actor_kinds: vec![AccountKind::Member], since: Some(all[BLOCK / 2].at), ..AuditFilter::default() },
            ];
            let mut rounds = 0;
            while !done.load(Ordering::SeqCst) || rounds < 3 {
                let filter = &filters[rounds % filters.len()];
                let ids = pages(world, filter, 150, usize::MAX).await;
                assert!(ids.is_sorted_by(|a, b| a > b), "newest first, none twice");
                let ids: BTreeSet<AuditId> = ids.into_iter().collect();
                for entry in all.iter().filter(|entry| takes(filter, entry)) {
                    assert!(ids.contains(&entry.id), "{} was there before, and is not found by {filter:?}", entry.id);
                }
                rounds += 1;
            }
        };
        tokio::join!(adding, reading);
        assert_eq!(world.raw().await.number("SELECT blocks FROM audit_indexed").await, 2);
    }

    async fn two_nodes_index_each_block_once(world: &World) {
        let (cast, mut dice) = (Cast::new(), Dice(13));
        let mut raw = world.raw().await;
        append(world, &trail(&cast, &mut dice, world.org.id, world.now(), 2 * BLOCK)).await;
        seal(world).await;
        if matches!(raw, Raw::Postgres(_)) {
            let node = world.another_node().await;
            for _ in 0..2 {
                let (a, b) = tokio::join!(index::round(&world.storage), index::round(&node));
                assert_eq!(a.unwrap().made + b.unwrap().made, 1);
            }
            node.close().await;
        } else {
            index_all(world).await;
        }
        assert_eq!(raw.number("SELECT count(*) FROM audit_blocks").await, 2);
        // One that died in the middle: its block is taken over after a while, and what it left is removed.
        append(world, &trail(&cast, &mut dice, world.org.id, world.now(), BLOCK)).await;
        seal(world).await;
        let left = format!("INSERT INTO audit_postings (org_id, era, term, block, places) VALUES ({}, 0, {}, 2, {})", raw.id(world.org.id.0), raw.bytes(b'w', 3), raw.bytes(0, 2));
        raw.run(&left).await.unwrap();
        raw.run(&format!("UPDATE audit_indexed SET worked_at = {}, work = work + 1", world.now().as_micros())).await.unwrap();
        assert_eq!(index::round(&world.storage).await.unwrap().made, 0, "another node is at it");
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(index::round(&world.storage).await.unwrap().made, 1);
        let sql = format!("SELECT count(*) FROM audit_postings WHERE term = {}", raw.bytes(b'w', 3));
        assert_eq!(raw.number(&sql).await, 0, "what was left is gone");
    }

    async fn what_is_erased_from_the_trail_is_gone_from_the_index(world: &World) {
        let (cast, mut dice) = (Cast::new(), Dice(19));
        let (org, now) = (world.org.id, world.now());
        let (person, account) = world.write(async |tx| {
            let person = people::find_or_create(tx, "quist@example.com", "Wilhelmina Quist", now).await?;
            Ok((person, people::add_member(tx, org, person, "Wilhelmina Quist", "Admin", now).await?))
        }).await;
        let mut all = trail(&cast, &mut dice, org, now, BLOCK + 20);
        for entry in all.iter_mut().step_by(100) {
            entry.actor = Principal { id: account, kind: AccountKind::Member, name: "Wilhelmina Quist".into() };
            entry.credential = None;
            entry.ip = Some("198.51.100.9".parse().unwrap());
        }
        append(world, &all).await;
        seal(world).await;
        assert_eq!(index_all(world).await, 1);
        let by_name = AuditFilter { text: Some("wilhelmina qui".into()), ..AuditFilter::default() };
        let by_address = AuditFilter { address: "198.51.100.9".parse().ok(), ..AuditFilter::default() };
        let by_account = AuditFilter { account: Some(account), ..AuditFilter::default() };
        let before = pages(world, &by_account, 200, 10).await;
        assert_eq!(before.len(), all.len().div_ceil(100));
        assert_eq!(pages(world, &by_name, 200, 10).await, before);
        assert_eq!(pages(world, &by_address, 200, 10).await, before);
        let mut raw = world.raw().await;
        let hex = |text: &str| hex::encode(text);
        let postings = |raw: &Raw, term: &str| match raw {
            Raw::Sqlite(_) => format!("SELECT count(*) FROM audit_postings WHERE term = X'{}'", hex(term)),
            Raw::Postgres(_) => format!(r"SELECT count(*) FROM audit_postings WHERE term = '\x{}'::bytea", hex(term)),
        };
        for term in TERMS {
            assert_eq!(raw.number(&postings(&raw, term)).await, 1, "{term}");
        }
        world.write(async |tx| members::remove(tx, org, account, now).await).await;
        assert!(world.write(async |tx| erasure::erase(tx, org, person, now).await).await > 0);
        for term in TERMS {
            assert_eq!(raw.number(&postings(&raw, term)).await, 0, "{term} is still in the index");
        }
        assert_eq!(pages(world, &by_name, 200, 10).await, []);
        assert_eq!(pages(world, &by_address, 200, 10).await, []);
        assert_eq!(pages(world, &by_account, 200, 10).await, before, "who it was, by id, stays");
    }

    async fn what_a_key_did_is_counted_across_blocks_and_tail(world: &World) {
        let (cast, mut dice) = (Cast::new(), Dice(17));
        let all = trail(&cast, &mut dice, world.org.id, world.now(), 2 * BLOCK + 500);
        append(world, &all).await;
        let key = cast.actors.iter().find(|actor| actor.kind == AccountKind::ApiKey).unwrap().id;
        let of_key: Vec<_> = all.iter().filter(|entry| entry.actor.id == key).collect();
        for indexed in [false, true] {
            if indexed {
                seal(world).await;
                index_all(world).await;
            }
            let found = world.read(async |tx| report::activity(tx, world.org.id, key).await).await;
            assert!(!found.more);
            assert_eq!(found.entries, of_key.len() as u64);
            let action = &found.actions[0];
            let (word, outcome) = action.value.split_once('\0').unwrap();
            let same: Vec<_> = of_key.iter().filter(|entry| entry.action == word && entry.outcome.as_str() == outcome).collect();
            assert_eq!(action.entries, same.len() as u64);
            assert_eq!((word, outcome), ("event.accept", "ok"), "the most frequent comes first");
            let addresses: Vec<_> = found.addresses.iter().map(|counted| counted.value.as_str()).collect();
            assert_eq!(BTreeSet::from_iter(addresses), BTreeSet::from(["203.0.113.7", "203.0.113.8", "2001:db8::1"]));
            for counted in &found.addresses {
                let from = |entry: &&&AuditEntry| entry.ip.is_some_and(|ip| ip.to_canonical().to_string() == counted.value);
                assert_eq!(counted.entries, of_key.iter().filter(from).count() as u64);
                let times = of_key.iter().filter(from).map(|entry| entry.at);
                assert_eq!((counted.first, counted.last), (times.clone().min(), times.max()), "{}", counted.value);
            }
            assert_eq!(found.targets.len(), 5);
        }
        let nobody = world.read(async |tx| report::activity(tx, world.org.id, AccountId::random()).await).await;
        assert_eq!((nobody.entries, nobody.span), (0, None));
    }
}
