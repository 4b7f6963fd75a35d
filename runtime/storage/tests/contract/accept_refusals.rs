//! What is not accepted, decided by what the database says in the accepting transaction, and leaves nothing behind.

use std::time::Duration;

use factotum_model::{AccountId, TriggerId, WorkflowId};
use factotum_storage::accept::{AcceptError, NewRun};
use factotum_storage::runs::{self, RunFilter};
use factotum_storage::{api_keys, triggers, workflows};

use crate::world::World;

async fn refused(world: &World, new: NewRun) -> AcceptError {
    let before = counts(world).await;
    let error = world.storage.journal().accept(new).await.unwrap_err();
    assert_eq!(counts(world).await, before, "what is refused leaves nothing");
    error
}

async fn counts(world: &World) -> [i64; 5] {
    let mut raw = world.raw().await;
    let mut counts = [0; 5];
    for (count, table) in counts.iter_mut().zip(["events", "runs", "ready", "audit_entries", "dedup_keys"]) {
        *count = raw.number(&format!("SELECT count(*) FROM {table}")).await;
    }
    counts
}

on_both! {
    async fn a_workflow_that_is_gone(world: &World) {
        let error = refused(world, NewRun { workflow_id: WorkflowId::random(), ..world.new_run() }).await;
        assert!(matches!(error, AcceptError::WorkflowGone), "{error}");
        assert!(world.write(async |tx| workflows::delete(tx, world.org.id, world.workflow, world.now()).await).await);
        let error = refused(world, world.new_run()).await;
        assert!(matches!(error, AcceptError::WorkflowGone), "{error}");
    }

    async fn a_trigger_that_is_paused_or_gone(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let delivery = || world.delivery(trigger, Some("d1"), world.now().plus(Duration::from_mins(1)));
        let pause = async |paused| {
            world.write(async |tx| triggers::set_paused(tx, world.org.id, trigger, paused, world.now()).await).await
        };
        assert!(pause(true).await && !pause(true).await);
        let error = refused(world, delivery()).await;
        assert!(matches!(error, AcceptError::TriggerPaused), "{error}");
        assert!(pause(false).await && !pause(false).await);
        world.accept(delivery()).await;
        assert!(world.write(async |tx| triggers::delete(tx, world.org.id, trigger, world.now()).await).await);
        let error = refused(world, delivery()).await;
        assert!(matches!(error, AcceptError::TriggerGone), "{error}");
    }

    async fn a_trigger_of_another_workflow(world: &World) {
        let other = world.workflow("other", &[], None).await;
        let trigger = world.trigger(other).await;
        let error = refused(world, world.delivery(trigger, None, world.now())).await;
        assert!(matches!(error, AcceptError::TriggerGone), "{error}");
        let error = refused(world, world.delivery(TriggerId::random(), None, world.now())).await;
        assert!(matches!(error, AcceptError::TriggerGone), "{error}");
    }

    async fn a_deleted_workflow_takes_its_triggers_along(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        world.write(async |tx| workflows::delete(tx, world.org.id, world.workflow, world.now()).await).await;
        assert!(world.read(async |tx| triggers::get(tx, world.org.id, trigger).await).await.is_none());
        let error = refused(world, world.delivery(trigger, None, world.now())).await;
        assert!(matches!(error, AcceptError::TriggerGone | AcceptError::WorkflowGone), "{error}");
    }

    async fn an_account_that_may_no_longer_act(world: &World) {
        let ends = world.now().plus(Duration::from_mins(1));
        let expiring = world.key("expiring", 1, &["workflows:run"], Some(ends)).await;
        let revoked = world.key("revoked", 2, &["workflows:run"], None).await;
        world.accept_as(expiring.account_id).await;
        world.clock.advance(Duration::from_mins(1));
        assert!(world.write(async |tx| api_keys::revoke(tx, world.org.id, revoked.id, world.now()).await).await);
        for account in [expiring.account_id, revoked.account_id, AccountId::random()] {
            let error = refused(world, NewRun { account_id: account, ..world.new_run() }).await;
            assert!(matches!(error, AcceptError::AccountRevoked), "{error}");
        }
        let all = world.read(async |tx| runs::list(tx, world.org.id, &RunFilter::default(), None, 10).await).await;
        assert_eq!(all.len(), 1);
    }
}
