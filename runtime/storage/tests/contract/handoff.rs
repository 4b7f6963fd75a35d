//! Seats: an accepted run goes straight to a free instance, its lease in the accepting transaction.

use std::sync::{Arc, Mutex};

use factotum_model::{EventInput, RunState};
use factotum_storage::accept::NewRun;
use factotum_storage::claim::Claimed;
use factotum_storage::finish::End;
use factotum_storage::journal::{Handoff, Seat};
use factotum_storage::workflows;

use crate::world::World;

#[derive(Default)]
struct Room {
    free: usize,
    taken: Vec<Claimed>,
    wakes: usize,
}

#[derive(Clone, Default)]
struct Seats(Arc<Mutex<Room>>);

struct OneSeat(Seats, bool);

impl Handoff for Seats {
    fn seat(&self) -> Option<Box<dyn Seat>> {
        let mut room = self.0.lock().unwrap();
        room.free = room.free.checked_sub(1)?;
        Some(Box::new(OneSeat(self.clone(), false)))
    }

    fn wake(&self) {
        self.0.lock().unwrap().wakes += 1;
    }
}

impl Seat for OneSeat {
    fn take(mut self: Box<Self>, run: Claimed) {
        self.1 = true;
        self.0.0.lock().unwrap().taken.push(run);
    }
}

impl Drop for OneSeat {
    fn drop(&mut self) {
        if !self.1 {
            self.0.0.lock().unwrap().free += 1;
        }
    }
}

fn seats(world: &World, free: usize) -> Seats {
    let seats = Seats::default();
    seats.0.lock().unwrap().free = free;
    world.storage.set_handoff(Arc::new(seats.clone()));
    seats
}

on_both! {
    async fn an_accepted_run_goes_straight_to_a_free_instance(world: &World) {
        let seats = seats(world, 1);
        let first = world.accept_one().await;
        {
            let room = seats.0.lock().unwrap();
            assert_eq!((room.free, room.taken.len(), room.wakes), (0, 1, 0));
            assert_eq!((room.taken[0].run_id, room.taken[0].attempt), (first, 1));
            assert_eq!(room.taken[0].event.input, EventInput::Call);
        }
        let run = world.run(first).await;
        assert_eq!((run.state, run.attempt, run.started_at), (RunState::Running, 1, Some(world.now())));
        assert_eq!(world.storage.leased_runs().await.unwrap(), [first]);
        let second = world.accept_one().await;
        assert_eq!(world.run(second).await.state, RunState::Queued);
        assert_eq!(seats.0.lock().unwrap().wakes, 1, "a run without seat wakes the dispatcher");
        let claimed = world.claim_one().await;
        assert_eq!(claimed.run_id, second);
        let run = seats.0.lock().unwrap().taken.pop().unwrap();
        assert!(world.finish(&run, End::Succeeded("1".into())).await);
        assert!(world.finish(&claimed, End::Succeeded("1".into())).await);
    }

    async fn a_run_that_may_not_start_takes_no_seat(world: &World) {
        let limited = world.workflow("limited", &[], Some(1)).await;
        let seats = seats(world, 3);
        world.accept(NewRun { workflow_id: limited, ..world.new_run() }).await;
        world.accept(NewRun { due_at: Some(world.now()), ..world.new_run() }).await;
        world.write(async |tx| workflows::set_paused(tx, world.org.id, world.workflow, true, world.now()).await).await;
        world.accept_one().await;
        assert!(seats.0.lock().unwrap().taken.is_empty());
        assert_eq!(seats.0.lock().unwrap().free, 3);
    }

    async fn a_seat_is_free_again_if_the_commit_fails(world: &World) {
        let seats = seats(world, 1);
        let new = world.new_run();
        world.accept(new.clone()).await;
        seats.0.lock().unwrap().free = 1;
        let error = world.storage.journal().accept(new).await;
        assert!(error.is_err(), "the same run, without dedup key, cannot be stored twice");
        let room = seats.0.lock().unwrap();
        assert_eq!((room.free, room.taken.len()), (1, 1));
    }

    async fn a_batch_is_seated_as_far_as_there_are_seats(world: &World) {
        let seats = seats(world, 7);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (storage, new) = (world.storage.clone(), world.new_run());
            tasks.spawn(async move { storage.journal().accept(new).await.unwrap() });
        }
        tasks.join_all().await;
        let taken = std::mem::take(&mut seats.0.lock().unwrap().taken);
        assert_eq!(taken.len(), 7);
        let claimed = world.claim(100).await;
        assert_eq!(claimed.len(), 33);
        for run in taken.iter().chain(&claimed) {
            assert!(world.finish(run, End::Succeeded("1".into())).await);
        }
        assert_eq!(world.storage.leased_runs().await.unwrap(), []);
    }
}
