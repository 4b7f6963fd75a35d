//! The search of a trail that is long enough to have an index: every filter against a plain model of it, page by page, while entries come in,
//! are sealed and indexed.

mod model;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use factotum_model::audit::{AuditEntry, AuditOutcome};
use factotum_model::{AccountId, AccountKind, AuditId, OrgId, Principal, Timestamp};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::audit_search::{BLOCK, index, report};
use factotum_storage::seal::Sealer;
use factotum_storage::{erasure, members, people};

use crate::world::{Raw, World};
use model::{Cast, Dice, TERMS, takes};

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
