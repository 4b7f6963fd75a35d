//! Two organizations never see each other: every look-up with the other's id gives what an id that is not there gives.

use factotum_model::{Redacted, RunState};
use factotum_storage::accept::{AcceptError, NewRun};
use factotum_storage::audit_entries::{self, AuditFilter};
use factotum_storage::runs::{self, RunFilter};
use factotum_storage::{accounts, api_keys, events, plugins, secrets, triggers, workflows};

use crate::world::World;

on_both! {
    async fn nothing_of_one_is_seen_by_the_other(world: &World) {
        let (other, _) = world.another_org("Other").await;
        let (mine, theirs, now) = (world.org.id, other.id, world.now());
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        let trigger = world.trigger(world.workflow).await;
        let run = world.accept(world.delivery(trigger, None, now)).await;
        let event = world.run(run).await.event_id;
        let secret = Redacted::new("s".to_owned());
        world.write(async |tx| secrets::put(&world.storage, tx, mine, "token", &secret, now).await).await;
        let plugin = world.read(async |tx| plugins::find(tx, mine, "echo", "1.0.0").await).await.unwrap();
        let mut tx = world.storage.write().await.unwrap();
        let tx = &mut tx;
        assert!(runs::get(tx, theirs, run).await.unwrap().is_none());
        assert!(runs::list(tx, theirs, &RunFilter::default(), None, 10).await.unwrap().is_empty());
        assert!(runs::state_of(tx, theirs, run).await.unwrap().is_none());
        assert!(runs::cancel_run(tx, theirs, run, now).await.unwrap().is_none());
        assert_eq!(runs::unfinished_of_trigger(tx, theirs, trigger).await.unwrap(), 0);
        assert_eq!(runs::unfinished_of_trigger(tx, mine, trigger).await.unwrap(), 1);
        assert!(events::get(tx, theirs, event).await.unwrap().is_none());
        assert!(triggers::get(tx, theirs, trigger).await.unwrap().is_none());
        assert!(triggers::list(tx, theirs, None, None, 10).await.unwrap().is_empty());
        assert!(!triggers::set_paused(tx, theirs, trigger, true, now).await.unwrap());
        assert!(!triggers::update(tx, theirs, trigger, &serde_json::json!({}), None, now).await.unwrap());
        assert!(!triggers::delete(tx, theirs, trigger, now).await.unwrap());
        assert!(workflows::get(tx, theirs, world.workflow).await.unwrap().is_none());
        assert!(!workflows::set_paused(tx, theirs, world.workflow, true, now).await.unwrap());
        assert!(!workflows::delete(tx, theirs, world.workflow, now).await.unwrap());
        assert!(plugins::get(tx, theirs, plugin.id).await.unwrap().is_none());
        assert!(api_keys::get(tx, theirs, key.id).await.unwrap().is_none());
        assert!(api_keys::of_account(tx, theirs, key.account_id).await.unwrap().is_none());
        assert!(api_keys::list(tx, theirs, api_keys::KeyFilter::default(), None, 10).await.unwrap().is_empty());
        assert!(!api_keys::revoke(tx, theirs, key.id, now).await.unwrap());
        assert!(!api_keys::rotate_out(tx, theirs, key.id, now, now).await.unwrap());
        assert!(accounts::get(tx, theirs, key.account_id).await.unwrap().is_none());
        assert!(accounts::effective_grants(tx, theirs, key.account_id, now).await.unwrap().is_none());
        assert_eq!(accounts::list(tx, theirs, true, None, 10).await.unwrap().len(), 1, "its own base account");
        assert!(secrets::info(tx, theirs, "token").await.unwrap().is_none());
        assert!(secrets::list(tx, theirs, None, 10).await.unwrap().is_empty());
        assert!(!secrets::delete(tx, theirs, "token").await.unwrap());
        assert!(audit_entries::list(tx, theirs, &AuditFilter::default(), None, 10).await.unwrap().is_empty());
        let of_run = AuditFilter { run: Some(run), ..AuditFilter::default() };
        assert!(audit_entries::list(tx, theirs, &of_run, None, 10).await.unwrap().is_empty());
        // None of those tries left a trace on the thing itself.
        assert!(triggers::get(tx, mine, trigger).await.unwrap().unwrap().paused_at.is_none());
        assert!(workflows::get(tx, mine, world.workflow).await.unwrap().unwrap().paused_at.is_none());
        assert_eq!(runs::state_of(tx, mine, run).await.unwrap(), Some(RunState::Queued));
        assert!(runs::get(tx, mine, run).await.unwrap().unwrap().error.is_none());
    }

    async fn tries_from_outside_change_nothing_that_waits(world: &World) {
        let (other, _) = world.another_org("Other").await;
        let trigger = world.trigger(world.workflow).await;
        let id = world.accept_one().await;
        world.write(async |tx| {
            factotum_storage::schedules::set(tx, (world.org.id, trigger), Some(world.now()), std::time::Duration::ZERO, world.now()).await?;
            workflows::set_paused(tx, other.id, world.workflow, true, world.now()).await?;
            workflows::delete(tx, other.id, world.workflow, world.now()).await?;
            triggers::delete(tx, other.id, trigger, world.now()).await
        }).await;
        assert!(world.read(async |tx| triggers::get(tx, world.org.id, trigger).await).await.is_some(), "the trigger stands");
        let due = world.read(async |tx| factotum_storage::schedules::due(tx, world.now(), 10).await).await;
        assert_eq!(due.len(), 1, "its schedule stands");
        assert_eq!(world.claim_one().await.run_id, id, "the run is not parked");
    }

    async fn a_run_across_organizations_is_not_accepted_even_beside_honest_ones(world: &World) {
        let (other, their_workflow) = world.another_org("Other").await;
        let key = world.key("deploy", 1, &["kv:read"], None).await;
        let theirs = || NewRun { org_id: other.id, workflow_id: their_workflow, account_id: other.base_account, ..world.new_run() };
        // In one batch with the honest ones, so that what was looked up for those is at hand.
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..120 {
            let (new, honest) = match n % 6 {
                0 => (world.new_run(), true),
                1 => (theirs(), true),
                2 => (NewRun { org_id: other.id, ..world.new_run() }, false),
                3 => (NewRun { workflow_id: world.workflow, ..theirs() }, false),
                4 => (NewRun { account_id: world.base(), ..theirs() }, false),
                _ => (NewRun { account_id: key.account_id, ..theirs() }, false),
            };
            let storage = world.storage.clone();
            tasks.spawn(async move { (n, honest, storage.journal().accept(new).await) });
        }
        for (n, honest, outcome) in tasks.join_all().await {
            match outcome {
                Ok(_) => assert!(honest, "{}: a run across organizations was accepted", n % 6),
                Err(error) => {
                    assert!(!honest, "{}: {error}", n % 6);
                    assert!(matches!(error, AcceptError::WorkflowGone | AcceptError::AccountRevoked), "{error}");
                }
            }
        }
    }
}
