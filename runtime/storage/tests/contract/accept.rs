//! Accepting what may run: event, run and audit entry appear together, with principal, initiator and authority frozen.

use std::sync::Arc;
use std::time::Duration;

use factotum_model::audit::Credential;
use factotum_model::{Digest, EventInput, Initiator, InitiatorKind, RunState};
use factotum_storage::accept::{EventSource, MAX_INLINE_PAYLOAD_BYTES, NewRun};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::finish::End;
use factotum_storage::{blobs, events};

use crate::fixture::{grants, key_principal, workflow};
use crate::world::World;

on_both! {
    async fn a_delivery_becomes_an_event_a_run_and_an_entry(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let new = world.delivery(trigger, None, world.now());
        let id = world.accept(new).await;
        let run = world.run(id).await;
        assert_eq!((run.state, run.attempt, run.workflow_version), (RunState::Queued, 0, 1));
        assert_eq!(run.principal, world.base_principal(), "I5: triggers run as the base account");
        assert_eq!(run.initiator, Initiator { kind: InitiatorKind::Webhook, id: Some(trigger.to_string()) });
        assert_eq!((run.trigger_id, run.workflow.as_str()), (Some(trigger), "echo"));
        assert_eq!((run.created_at, run.started_at, run.due_at), (world.now(), None, None));
        let stored = world.read(async |tx| events::get(tx, world.org.id, run.event_id).await).await;
        let (event, of) = stored.unwrap();
        assert_eq!((event.payload.as_slice(), event.input, of), (&b"{\"n\":1}"[..], EventInput::Call, Some(trigger)));
        let entries = world.entries(&AuditFilter { run: Some(id), ..AuditFilter::default() }).await;
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].action.as_str(), &entries[0].actor), ("event.accept", &world.base_principal()));
        assert_eq!((entries[0].initiator.kind, entries[0].initiator.trigger_id), (InitiatorKind::Webhook, Some(trigger)));
    }

    async fn a_call_runs_as_its_keys_account_and_its_entry_names_the_key(world: &World) {
        let key = world.key("deploy", 1, &["workflows:run:echo", "kv:read"], None).await;
        let new = NewRun {
            account_id: key.account_id,
            initiator: Initiator { kind: InitiatorKind::Api, id: Some(key.id.to_string()) },
            credential: Some(Credential { key_id: key.id, prefix: key.prefix.clone() }),
            ..world.new_run()
        };
        let id = world.accept(new).await;
        let run = world.run(id).await;
        assert_eq!(run.principal, key_principal(&key), "I10");
        let entries = world.entries(&AuditFilter { run: Some(id), ..AuditFilter::default() }).await;
        assert_eq!(entries[0].action, "workflow.run");
        assert_eq!(entries[0].credential, Some(Credential { key_id: key.id, prefix: key.prefix.clone() }));
        assert_eq!(entries[0].permission.as_deref(), Some("workflows:run:echo"));
    }

    async fn authority_is_principal_and_workflow_and_is_frozen(world: &World) {
        let key = world.key("deploy", 1, &["workflows:run", "kv:read", "http:request:example.com"], None).await;
        let by_key = world.accept_as(key.account_id).await;
        let by_base = world.accept_one().await;
        let run = world.run(by_key).await;
        assert_eq!(run.authority, ["http:request:example.com", "kv:read"]);
        assert_eq!(run.missing_grants, ["http:request", "kv:write"]);
        let run = world.run(by_base).await;
        assert_eq!(run.authority, ["http:request", "kv:read", "kv:write"]);
        assert!(run.missing_grants.is_empty());
        // A later version of the workflow asks for more: what was accepted keeps its authority and its version.
        let new = ["http:request", "kv:read", "kv:write", "secrets:use:token"];
        world.write(async |tx| workflow(tx, &world.org, "echo", &new, None).await).await;
        for claimed in world.claim(10).await {
            assert_eq!(claimed.workflow_version, 1);
            assert!(!claimed.authority.grants().cover(&grants(&["secrets:use:token"])), "authority grew");
        }
        assert_eq!(world.run(by_base).await.authority, ["http:request", "kv:read", "kv:write"]);
    }

    async fn a_large_payload_goes_through_the_blobs_and_comes_back_whole(world: &World) {
        for n in [0, MAX_INLINE_PAYLOAD_BYTES, MAX_INLINE_PAYLOAD_BYTES + 1, 3 << 20] {
            let payload: Vec<u8> = (0..n).map(|i| (i * 31 % 251) as u8).collect();
            let event = EventSource::New { input: EventInput::Call, payload: payload.clone() };
            // Twice: the second finds its bytes there.
            for _ in 0..2 {
                let id = world.accept(NewRun { event: event.clone(), ..world.new_run() }).await;
                let claimed = world.claim_one().await;
                assert!(claimed.event.payload == payload, "{n} bytes, as claimed");
                let stored = world.read(async |tx| events::get(tx, world.org.id, claimed.event.id).await).await;
                assert!(stored.unwrap().0.payload == payload, "{n} bytes, as stored");
                assert!(world.finish(&claimed, End::Succeeded("1".into())).await);
                assert_eq!(world.run(id).await.state, RunState::Succeeded);
            }
            let blob = world.read(async |tx| blobs::get(tx, Digest::of(&payload)).await).await;
            assert_eq!(blob.is_some(), n > MAX_INLINE_PAYLOAD_BYTES, "{n} bytes");
        }
    }

    async fn a_replay_is_a_run_of_its_own_with_the_same_event(world: &World) {
        let first = world.accept_one().await;
        let claimed = world.claim_one().await;
        world.finish(&claimed, End::Succeeded("1".into())).await;
        let new = NewRun {
            event: EventSource::Stored(Arc::clone(&claimed.event)),
            replay_of: Some(first),
            ..world.new_run()
        };
        let id = world.accept(new).await;
        let run = world.run(id).await;
        assert_eq!((run.replay_of, run.event_id, run.state), (Some(first), claimed.event.id, RunState::Queued));
        assert_eq!(world.claim_one().await.event, claimed.event);
        assert_eq!(world.actions_of(id).await, ["run.replay"]);
    }

    async fn a_run_for_later_is_not_due_before(world: &World) {
        let later = world.now().plus(Duration::from_mins(1));
        let id = world.accept(NewRun { due_at: Some(later), ..world.new_run() }).await;
        assert_eq!(world.run(id).await.due_at, Some(later));
        let batch = world.storage.claim(10, &mut None).await.unwrap();
        assert!(batch.runs.is_empty() && !batch.more);
        assert_eq!(batch.next_due, Some(later));
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(world.claim_one().await.run_id, id);
        assert_eq!(world.run(id).await.due_at, None);
    }
}
