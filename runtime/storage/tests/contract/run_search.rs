//! Finding runs within bounds, the attempts of a run, and dead letters.

use std::time::Duration;

use factotum_model::{AccountKind, ErrorCode, InitiatorKind, RunId, RunState};
use factotum_storage::accept::{EventSource, NewRun};
use factotum_storage::finish::End;
use factotum_storage::run_attempts::{self, Ending};
use factotum_storage::runs::{self, RunFilter, Searched};
use factotum_storage::{dead_letters, events};

use crate::world::World;

/// Accepts a run and ends it so.
async fn ended(world: &World, end: End) -> RunId {
    let id = world.accept_one().await;
    let claimed = world.claim_one().await;
    assert!(world.finish(&claimed, end).await);
    id
}

fn dead() -> End {
    End::Dead(ErrorCode::Trap, "third time".into())
}

async fn search(world: &World, filter: &RunFilter, before: Option<RunId>, bounds: (u32, u32)) -> Searched {
    world.read(async |tx| runs::search(tx, world.org.id, filter, before, bounds).await).await
}

async fn found(world: &World, filter: RunFilter) -> Vec<RunId> {
    search(world, &filter, None, (10, 100)).await.runs.iter().map(|run| run.id).collect()
}

on_both! {
    async fn a_search_finds_what_a_list_finds(world: &World) {
        let good = ended(world, End::Succeeded("1".into())).await;
        let bad = ended(world, End::Failed(ErrorCode::Trap, "no".into())).await;
        let died = ended(world, dead()).await;
        let running = world.accept_one().await;
        world.claim_one().await;
        let queued = world.accept_one().await;
        let of = |state| RunFilter { state: Some(state), ..RunFilter::default() };
        for (state, id) in [
            (RunState::Succeeded, good),
            (RunState::Failed, bad),
            (RunState::Dead, died),
            (RunState::Running, running),
            (RunState::Queued, queued),
        ] {
            assert_eq!(found(world, of(state)).await, [id], "{state:?}");
            let named = RunFilter { workflow: Some("echo".into()), ..of(state) };
            assert_eq!(found(world, named.clone()).await, [id], "{state:?} of a workflow");
            let listed = world.read(async |tx| runs::list(tx, world.org.id, &named, None, 10).await).await;
            assert_eq!(listed.iter().map(|run| run.id).collect::<Vec<_>>(), [id]);
            let other = RunFilter { workflow: Some("other".into()), ..of(state) };
            assert_eq!(found(world, other).await, []);
        }
        assert_eq!(found(world, of(RunState::Waiting)).await, []);
        let all = [queued, running, died, bad, good];
        assert_eq!(found(world, RunFilter::default()).await, all);
        let base = RunFilter { account_kinds: vec![AccountKind::Base], ..RunFilter::default() };
        assert_eq!(found(world, base).await, all);
        let people = RunFilter { account_kinds: vec![AccountKind::Member, AccountKind::ApiKey], ..RunFilter::default() };
        assert_eq!(found(world, people).await, []);
        let email = RunFilter { initiator: Some(InitiatorKind::Email), ..RunFilter::default() };
        assert_eq!(found(world, email).await, []);
        let parent = RunFilter { parent: Some(good), ..RunFilter::default() };
        assert_eq!(found(world, parent).await, []);
        let (theirs, _) = world.another_org("Other").await;
        let elsewhere = async |filter: &RunFilter| world.read(async |tx| runs::search(tx, theirs.id, filter, None, (10, 100)).await).await;
        for filter in [RunFilter::default(), of(RunState::Dead), of(RunState::Running), of(RunState::Queued)] {
            assert!(elsewhere(&filter).await.runs.is_empty(), "{filter:?}");
        }
    }

    async fn a_search_looks_at_so_many_and_goes_on_from_there(world: &World) {
        let first = ended(world, End::Succeeded("1".into())).await;
        for _ in 0..7 {
            ended(world, End::Failed(ErrorCode::Trap, "no".into())).await;
        }
        let wanted = RunFilter { state: Some(RunState::Succeeded), ..RunFilter::default() };
        let (mut before, mut looks) = (None, 0);
        let runs = loop {
            let part = search(world, &wanted, before, (5, 3)).await;
            looks += 1;
            if !part.runs.is_empty() {
                break part.runs;
            }
            before = Some(part.looked_to.expect("there are older ones"));
        };
        assert_eq!((runs[0].id, looks), (first, 3), "3 + 3 + 2 runs");
        let end = search(world, &wanted, Some(first), (5, 3)).await;
        assert!(end.runs.is_empty() && end.looked_to.is_none(), "{end:?}");
        // A full page needs no further look.
        let page = search(world, &RunFilter::default(), None, (2, 3)).await;
        assert_eq!((page.runs.len(), page.looked_to), (2, None));
        // The window counts what the index of the failed gives.
        let failed = RunFilter { state: Some(RunState::Failed), error: Some(ErrorCode::Denied), ..RunFilter::default() };
        let part = search(world, &failed, None, (5, 6)).await;
        assert!(part.looked_to.is_some());
        assert!(search(world, &failed, None, (5, 7)).await.looked_to.is_none(), "there are seven");
        for _ in 0..4 {
            world.accept_one().await;
        }
        let queued = RunFilter { state: Some(RunState::Queued), error: Some(ErrorCode::Denied), ..RunFilter::default() };
        let part = search(world, &queued, None, (5, 3)).await;
        let next = search(world, &queued, part.looked_to, (5, 3)).await;
        assert!(part.looked_to.is_some() && next.looked_to.is_none(), "{part:?} {next:?}");
    }

    async fn attempts_that_did_not_end_the_run_are_kept(world: &World) {
        let id = world.accept_one().await;
        let claimed = world.claim_one().await;
        let failed = End::Retry(world.now(), ErrorCode::Trap, "boom\0".into());
        assert!(world.finish(&claimed, failed).await);
        world.clock.advance(Duration::from_secs(1));
        let claimed = world.claim_one().await;
        assert!(world.finish(&claimed, End::Released).await);
        world.claim_one().await;
        assert_eq!(world.storage.release(&[id]).await.unwrap(), 1);
        let claimed = world.claim_one().await;
        assert!(world.finish(&claimed, End::Succeeded("1".into())).await);
        let kept = world.read(async |tx| run_attempts::list(tx, id).await).await;
        let told: Vec<_> = kept.iter().map(|a| (a.number, a.ending, a.error.clone())).collect();
        let boom = Some((ErrorCode::Trap, "boom\u{FFFD}".to_owned()));
        assert_eq!(told, [(1, Ending::Retry, boom), (2, Ending::Released, None), (3, Ending::Lost, None)]);
        assert_eq!(kept[1].ended_at.since(kept[0].ended_at), Duration::from_secs(1));
        assert_eq!(world.run(id).await.attempt, 4, "whose end stands in the run");
    }

    async fn a_dead_letter_is_dismissed_or_replayed_once(world: &World) {
        let (one, two) = (ended(world, dead()).await, ended(world, dead()).await);
        let alive = ended(world, End::Succeeded("1".into())).await;
        let letters = RunFilter { dead_letter: true, ..RunFilter::default() };
        let named = RunFilter { workflow: Some("echo".into()), ..letters.clone() };
        assert_eq!(found(world, letters.clone()).await, [two, one]);
        assert_eq!(found(world, named.clone()).await, [two, one]);
        let now = world.now();
        let (theirs, _) = world.another_org("Other").await;
        assert!(!world.write(async |tx| dead_letters::dismiss(tx, theirs.id, one, now).await).await, "another's");
        assert!(!world.write(async |tx| dead_letters::dismiss(tx, world.org.id, alive, now).await).await);
        assert!(world.write(async |tx| dead_letters::dismiss(tx, world.org.id, one, now).await).await);
        assert!(!world.write(async |tx| dead_letters::dismiss(tx, world.org.id, one, now).await).await, "once");
        assert_eq!(world.run(one).await.handled_at, Some(now));

        let first = world.run(two).await;
        let event = world.read(async |tx| events::get(tx, world.org.id, first.event_id).await).await.unwrap().0;
        for _ in 0..2 {
            let again = NewRun {
                event: EventSource::Stored(event.clone().into()),
                replay_of: Some(two),
                ..world.new_run()
            };
            world.storage.journal().accept(again).await.unwrap();
        }
        assert_eq!(world.run(two).await.handled_at, Some(now), "by the transaction of the replay");
        assert_eq!(found(world, letters).await, []);
        assert_eq!(found(world, named).await, []);
        let replays = world.read(async |tx| runs::replays(tx, world.org.id, two, 10).await).await;
        assert_eq!(replays.len(), 2);
        assert!(replays.iter().all(|run| run.replay_of == Some(two)));
        let theirs = world.read(async |tx| runs::replays(tx, theirs.id, two, 10).await).await;
        assert!(theirs.is_empty());
    }
}
