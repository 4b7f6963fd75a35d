//! The group commit: everybody is answered after their own commit, one bad item fails alone, a closed one refuses.

use std::collections::HashSet;

use factotum_model::{ErrorCode, InitiatorKind, RunState};
use factotum_storage::StorageError;
use factotum_storage::accept::{AcceptError, Accepted};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::finish::End;
use factotum_storage::runs::{self, RunFilter};

use crate::fixture::finished;
use crate::world::World;

on_both! {
    async fn five_hundred_at_once_are_each_committed(world: &World) {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..500 {
            let (storage, new) = (world.storage.clone(), world.new_run());
            tasks.spawn(async move {
                let id = new.run_id;
                assert_eq!(storage.journal().accept(new).await.unwrap(), Accepted::New(id));
                // What was answered is there for anybody.
                let mut tx = storage.read().await.unwrap();
                assert!(runs::state_of(&mut tx, factotum_model::OrgId(uuid::Uuid::nil()), id).await.unwrap().is_none());
                id
            });
        }
        let ids: HashSet<_> = tasks.join_all().await.into_iter().collect();
        assert_eq!(ids.len(), 500);
        let all = world.read(async |tx| runs::list(tx, world.org.id, &RunFilter::default(), None, 1000).await).await;
        assert_eq!(all.iter().map(|r| r.id).collect::<HashSet<_>>(), ids);
        let entries = world.entries(&AuditFilter { action: Some("workflow.run".into()), ..AuditFilter::default() }).await;
        assert_eq!(entries.iter().filter_map(|e| e.run_id).collect::<HashSet<_>>(), ids);
        assert_eq!(world.claim(1000).await.len(), 500);
    }

    async fn accepts_ends_and_records_go_together(world: &World) {
        for _ in 0..50 {
            world.accept_one().await;
        }
        let going = world.claim(50).await;
        let mut tasks = tokio::task::JoinSet::new();
        for run in &going {
            let (storage, end) = (world.storage.clone(), finished(run, End::Failed(ErrorCode::Trap, "x".into())));
            tasks.spawn(async move { assert!(storage.journal().finish(end).await.unwrap()) });
            let (storage, new) = (world.storage.clone(), world.new_run());
            tasks.spawn(async move { assert!(storage.journal().accept(new).await.is_ok()) });
            let (storage, entry) = (world.storage.clone(), world.entry("http.request"));
            tasks.spawn(async move { storage.journal().record(entry).await.unwrap() });
        }
        tasks.join_all().await;
        let (ready, leased) = world.read(async |tx| runs::backlog(tx).await).await;
        assert_eq!((ready, leased), (50, 0));
        let count = async |action: &str| world.entries(&AuditFilter { action: Some(action.into()), ..AuditFilter::default() }).await.len();
        assert_eq!((count("run.fail").await, count("http.request").await, count("workflow.run").await), (50, 50, 100));
    }

    async fn one_bad_item_fails_alone(world: &World) {
        let entry = world.entry("http.request");
        world.storage.journal().record(entry.clone()).await.unwrap();
        let taken = world.new_run();
        world.accept(taken.clone()).await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..60 {
            let storage = world.storage.clone();
            let (new, entry) = (if n == 30 { taken.clone() } else { world.new_run() }, entry.clone());
            tasks.spawn(async move {
                if n == 20 {
                    (n, storage.journal().record(entry).await.is_ok())
                } else {
                    (n, storage.journal().accept(new).await.is_ok())
                }
            });
        }
        for (n, ok) in tasks.join_all().await {
            assert_eq!(ok, n != 20 && n != 30, "{n}");
        }
        let all = world.read(async |tx| runs::list(tx, world.org.id, &RunFilter::default(), None, 1000).await).await;
        assert_eq!(all.len(), 59);
        assert!(all.iter().all(|r| r.state == RunState::Queued));
    }

    async fn what_was_handed_in_is_committed_before_it_closes_and_nothing_after(world: &World) {
        let node = world.another_node().await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (storage, new) = (node.clone(), world.new_run());
            tasks.spawn(async move {
                let id = new.run_id;
                (id, storage.journal().accept(new).await)
            });
        }
        tokio::task::yield_now().await;
        node.close().await;
        for (id, outcome) in tasks.join_all().await {
            let stored = world.read(async |tx| runs::state_of(tx, world.org.id, id).await).await;
            match outcome {
                Ok(_) => assert!(stored.is_some(), "acknowledged and lost"),
                Err(AcceptError::Storage(StorageError::Closed)) => assert!(stored.is_none(), "refused and stored"),
                Err(other) => panic!("{other}"),
            }
        }
        let late = node.journal().accept(world.new_run()).await.unwrap_err();
        assert!(matches!(late, AcceptError::Storage(StorageError::Closed)), "{late}");
        assert!(matches!(node.journal().record(world.entry("x.y")).await, Err(StorageError::Closed)));
        assert!(matches!(node.write().await.map(drop), Err(StorageError::Unavailable(_) | StorageError::Closed)));
    }

    async fn a_lost_database_is_an_answer_and_comes_back(world: &World) {
        let mut raw = world.raw().await;
        raw.run("ALTER TABLE ready RENAME TO ready_away").await.unwrap();
        assert!(world.storage.journal().accept(world.new_run()).await.is_err());
        raw.run("ALTER TABLE ready_away RENAME TO ready").await.unwrap();
        world.accept_one().await;
        let all = world.read(async |tx| runs::list(tx, world.org.id, &RunFilter::default(), None, 10).await).await;
        assert_eq!(all.len(), 1, "what was refused left nothing");
        assert_eq!(all[0].initiator.kind, InitiatorKind::System);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_lose_nothing_that_was_acknowledged() {
    let world = World::postgres().await;
    let mut raw = world.raw().await;
    let mut accepted = Vec::new();
    for round in 0..10 {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (storage, new) = (world.storage.clone(), world.new_run());
            tasks.spawn(async move {
                let id = new.run_id;
                (id, storage.journal().accept(new).await)
            });
        }
        raw.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            .await
            .unwrap();
        for (id, outcome) in tasks.join_all().await {
            match outcome {
                Ok(_) => accepted.push(id),
                Err(AcceptError::Storage(error)) => assert!(error.is_transient(), "round {round}: {error:?}"),
                Err(other) => panic!("round {round}: {other}"),
            }
        }
    }
    // One call may still meet a broken connection; then the pool has found out.
    let back = async { while world.storage.journal().accept(world.new_run()).await.is_err() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), back).await.expect("the database is back");
    for id in accepted {
        assert_eq!(world.run(id).await.state, RunState::Queued, "acknowledged and lost");
    }
    drop(raw);
    world.close().await;
}
