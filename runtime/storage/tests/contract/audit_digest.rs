//! What is told of runs at a glance, made beside the trail: each end counts once, whoever counts and however often.

use std::time::Duration;

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Target};
use factotum_model::{InitiatorKind, RunState, Timestamp, TriggerId};
use factotum_storage::audit_digest::runs::Span;
use factotum_storage::saved_views::{self, Saved, SavedView};
use factotum_storage::{audit_digest, audit_entries, runs_now};

use crate::world::World;

/// Makes leaves of entries, in this order, as the sealer does.
async fn seal(world: &World, first: u64, entries: &[AuditEntry]) {
    world.write(async |tx| audit_entries::append(tx, entries).await).await;
    let mut raw = world.raw().await;
    for (index, entry) in (first..).zip(entries) {
        let (org, id, hash) = (raw.id(world.org.id.0), raw.id(entry.id.0), raw.bytes(7, 32));
        let sql = format!(
            "INSERT INTO audit_leaves (org_id, leaf_index, entry_id, leaf_hash) VALUES ({org}, {index}, {id}, {hash})"
        );
        raw.run(&sql).await.unwrap();
    }
}

/// A run that was accepted so long before it ended, now; and the entry of its end.
async fn ended(world: &World, state: RunState, took: Duration, trigger: Option<TriggerId>) -> AuditEntry {
    let run = world.accept_one().await;
    let mut raw = world.raw().await;
    let now = world.now();
    let sql = format!(
        "UPDATE runs SET state = '{}', created_at = {}, finished_at = {} WHERE id = {}",
        state.as_str(),
        now.minus(took).as_micros(),
        now.as_micros(),
        raw.id(run.0)
    );
    raw.run(&sql).await.unwrap();
    let action = match state {
        RunState::Succeeded => "run.succeed",
        RunState::Failed => "run.fail",
        RunState::Dead => "run.dead",
        _ => "run.cancel",
    };
    AuditEntry {
        run_id: Some(run),
        initiator: AuditInitiator { trigger_id: trigger, ..AuditInitiator::of(InitiatorKind::Webhook) },
        ..world.entry(action)
    }
}

async fn all(world: &World, span: Span) -> Vec<(RunState, i64, u64)> {
    let org = world.org.id;
    let ends =
        world.read(async |tx| audit_digest::runs::all(tx, org, span, Timestamp::from_micros(0)).await).await;
    ends.into_iter().map(|end| (end.state, end.took, end.runs)).collect()
}

on_both! {
    async fn each_end_is_counted_once_by_workflow_and_time(world: &World) {
        let mut entries = Vec::new();
        for _ in 0..3 {
            entries.push(ended(world, RunState::Succeeded, Duration::from_millis(4), None).await);
        }
        entries.push(ended(world, RunState::Dead, Duration::from_mins(1), None).await);
        entries.push(world.entry("audit.read"));
        // A cancellation that was refused ended nothing.
        let going_on = world.accept_one().await;
        entries.push(AuditEntry { run_id: Some(going_on), outcome: AuditOutcome::Denied, ..world.entry("run.cancel") });
        seal(world, 0, &entries).await;
        assert_eq!(all(world, Span::Day).await, [], "nothing is counted before it is walked over");
        assert!(!audit_digest::round(&world.storage).await.unwrap());
        audit_digest::round(&world.storage).await.unwrap();
        for span in Span::ALL {
            assert_eq!(all(world, span).await, [(RunState::Succeeded, 4, 3), (RunState::Dead, 32, 1)], "{span:?}");
        }
        let org = world.org.id;
        let busiest = world.read(async |tx| audit_digest::runs::busiest(tx, org, Span::Day, Timestamp::from_micros(0), 5).await).await;
        assert_eq!((busiest.len(), busiest[0].id, busiest[0].name.as_str(), busiest[0].runs, busiest[0].failed), (1, world.workflow, "echo", 4, 1));
        let own = world.read(async |tx| audit_digest::runs::of_workflow(tx, org, Span::Day, world.workflow, Timestamp::from_micros(0)).await).await;
        assert_eq!(own.iter().map(|end| end.runs).sum::<u64>(), 4);
        let (other, _) = world.another_org("Other").await;
        assert_eq!(world.read(async |tx| audit_digest::runs::all(tx, other.id, Span::Day, Timestamp::from_micros(0)).await).await, []);

        // What is past its time goes, and only that.
        world.clock.advance(Duration::from_hours(24 * 8));
        seal(world, 6, &[ended(world, RunState::Failed, Duration::from_millis(1), None).await]).await;
        audit_digest::round(&world.storage).await.unwrap();
        audit_digest::forget(&world.storage, world.now()).await.unwrap();
        assert_eq!(all(world, Span::HalfHour).await, [(RunState::Failed, 0, 1)]);
        assert_eq!(all(world, Span::Day).await.iter().map(|(_, _, runs)| runs).sum::<u64>(), 5);
    }

    async fn two_nodes_at_once_count_once(world: &World) {
        let mut entries = Vec::new();
        for _ in 0..40 {
            entries.push(ended(world, RunState::Succeeded, Duration::from_millis(4), None).await);
        }
        seal(world, 0, &entries).await;
        let mut rounds = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let storage = world.storage.clone();
            rounds.spawn(async move { audit_digest::round(&storage).await });
        }
        for round in rounds.join_all().await {
            round.unwrap();
        }
        assert_eq!(all(world, Span::Day).await, [(RunState::Succeeded, 4, 40)]);
        let org = world.org.id;
        assert_eq!(world.read(async |tx| audit_digest::next(tx, org).await).await, 40);
    }

    async fn a_triggers_failures_count_until_a_run_of_it_succeeds(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let org = world.org.id;
        let failing = async || world.read(async |tx| audit_digest::failing(tx, org, 3, 10).await).await;
        let mut index = 0;
        let mut walk = async |states: &[RunState]| {
            let mut entries = Vec::new();
            for state in states {
                entries.push(ended(world, *state, Duration::from_millis(4), Some(trigger)).await);
            }
            seal(world, index, &entries).await;
            index += entries.len() as u64;
            audit_digest::round(&world.storage).await.unwrap();
            entries.last().and_then(|entry| entry.run_id)
        };
        walk(&[RunState::Failed, RunState::Succeeded, RunState::Dead, RunState::Failed]).await;
        assert_eq!(failing().await, []);
        let last = walk(&[RunState::Failed]).await;
        let told = failing().await;
        assert_eq!((told.len(), told[0].trigger, told[0].failures, Some(told[0].last_run)), (1, trigger, 3, last));
        walk(&[RunState::Cancelled]).await;
        assert_eq!(failing().await.len(), 1, "somebody's decision says nothing of the trigger");
        walk(&[RunState::Succeeded]).await;
        assert_eq!(failing().await, []);
    }

    async fn an_intent_without_its_outcome_is_told_of_after_a_while(world: &World) {
        let org = world.org.id;
        let call = |action: &str, target: &str| AuditEntry { targets: vec![Target::new("call", target)], ..world.entry(action) };
        let told = async || world.read(async |tx| audit_digest::unknown_intents(tx, org, world.now(), 10).await).await.0;
        seal(world, 0, &[call("http.intent", "a"), call("http.intent", "b"), call("http.request", "a")]).await;
        audit_digest::round(&world.storage).await.unwrap();
        assert_eq!(told().await, 0, "it may take its time");
        world.clock.advance(Duration::from_mins(6));
        assert_eq!(told().await, 1);
        seal(world, 3, &[call("http.request", "b")]).await;
        audit_digest::round(&world.storage).await.unwrap();
        assert_eq!(told().await, 0);
    }

    async fn what_waits_is_counted(world: &World) {
        for _ in 0..3 {
            world.accept_one().await;
        }
        let org = world.org.id;
        let now = world.read(async |tx| runs_now::count(tx, org, world.now()).await).await;
        assert_eq!((now.due, now.running, now.later, now.held, now.dead), (3, 0, 0, 0, 0));
        let mut raw = world.raw().await;
        raw.run("UPDATE ready SET parked = 4").await.unwrap();
        let one = world.accept_one().await;
        raw.run(&format!("UPDATE ready SET due_at = due_at + 1000 WHERE run_id = {}", raw.id(one.0))).await.unwrap();
        let now = world.read(async |tx| runs_now::count(tx, org, world.now()).await).await;
        assert_eq!((now.due, now.later, now.held), (0, 1, 3));
    }

    async fn views_are_each_persons_own(world: &World) {
        let (org, now) = (world.org.id, world.now());
        let (ann, bob) = (world.base(), world.key("bob", 1, &["audit:read"], None).await.account_id);
        let view = |name: &str| SavedView { name: name.to_owned(), query: "outcome=denied".to_owned() };
        let save = async |account, name: &str| world.write(async |tx| saved_views::create(tx, org, account, &view(name), now).await).await;
        assert_eq!(save(ann, "b").await, Saved::Done);
        assert_eq!(save(ann, "a").await, Saved::Done);
        assert_eq!(save(ann, "a").await, Saved::NameTaken);
        assert_eq!(save(bob, "a").await, Saved::Done);
        let list = async |account| world.read(async |tx| saved_views::list(tx, org, account).await).await;
        assert_eq!(list(ann).await, [view("a"), view("b")]);
        assert!(!world.write(async |tx| saved_views::delete(tx, org, bob, "b").await).await, "another's");
        assert!(world.write(async |tx| saved_views::delete(tx, org, ann, "a").await).await);
        assert_eq!((list(ann).await.len(), list(bob).await.len()), (1, 1));
        for n in 1..saved_views::MOST {
            assert_eq!(save(ann, &format!("c{n}")).await, Saved::Done);
        }
        assert_eq!(save(ann, "one more").await, Saved::TooMany);
    }
}
