//! Runs that runs start: only by an attempt that holds its lease, with no more than its authority, once per call, and bounded.

use std::sync::Arc;

use factotum_model::run::{MAX_DEPTH, MAX_DESCENDANTS};
use factotum_model::{
    AccountId, ErrorCode, EventInput, Initiator, InitiatorKind, RunId, RunState, WorkflowId,
};
use factotum_storage::accept::{AcceptError, Accepted, EventSource, NewRun};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::children::{self, Call, ChildRefusal, Parent};
use factotum_storage::claim::Claimed;
use factotum_storage::finish::End;
use factotum_storage::recover::Dead;
use factotum_storage::{Storage, api_keys, runs};

use crate::fixture::{entry_of, grants, key_principal};
use crate::world::World;

/// The call of a child of `workflow`.
fn child_of(world: &World, parent: &Claimed, call: Call, name: &str, workflow_id: WorkflowId) -> NewRun {
    NewRun {
        workflow_id,
        account_id: parent.principal.id,
        initiator: Initiator { kind: InitiatorKind::Run, id: Some(parent.run_id.to_string()) },
        parent: Some(Parent { run: Arc::new(parent.clone()), call, workflow: name.to_owned() }),
        ..world.new_run()
    }
}

impl World {
    /// A run of a workflow that may start others, claimed.
    async fn parent(&self, account_id: AccountId) -> Claimed {
        let id = self.workflow("parent", &["workflows:run", "kv:read"], None).await;
        self.accept(NewRun { workflow_id: id, account_id, ..self.new_run() }).await;
        self.claim_one().await
    }

    async fn try_start(
        &self,
        parent: &Claimed,
        call: Call,
        name: &str,
        workflow: WorkflowId,
    ) -> Result<Accepted, AcceptError> {
        self.storage.journal().accept(child_of(self, parent, call, name, workflow)).await
    }

    async fn begin_child(&self, parent: &Claimed, number: u64, workflow: WorkflowId) -> RunId {
        self.try_start(parent, Call::Numbered(number), "child", workflow).await.unwrap().run_id()
    }
}

#[track_caller]
fn refusal(outcome: Result<Accepted, AcceptError>) -> ChildRefusal {
    match outcome {
        Err(AcceptError::Child(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn a_child_has_no_more_than_its_parent(world: &World) {
        let key = world.key("robot", 1, &["workflows:run", "kv:read", "http:request"], None).await;
        let child = world.workflow("child", &["kv:read", "kv:write", "http:request", "mail:send"], None).await;
        let parent = world.parent(key.account_id).await;
        let id = world.begin_child(&parent, 1, child).await;
        let run = world.run(id).await;
        assert_eq!(run.authority, ["kv:read"], "the parent's own workflow lacks http:request, and its key kv:write");
        assert_eq!(run.missing_grants.len(), 3, "{run:?}");
        assert_eq!(run.principal, key_principal(&key));
        assert_eq!((run.initiator.kind, run.initiator.id), (InitiatorKind::Run, Some(parent.run_id.to_string())));
        assert_eq!(run.chain, [parent.run_id]);
        let claimed = world.claim_one().await;
        assert_eq!(*claimed.authority.grants(), grants(&["kv:read"]));
        assert_eq!(claimed.chain, [parent.run_id]);
        assert!(world.finish(&claimed, End::Succeeded("1".into())).await);
        let entries = world.entries(&AuditFilter { run: Some(id), ..AuditFilter::default() }).await;
        let actions: Vec<_> = entries.iter().map(|e| e.action.as_str()).collect();
        assert_eq!(actions, ["run.succeed", "workflow.run"]);
        assert!(entries.iter().all(|e| e.chain == [parent.run_id] && e.initiator.kind == InitiatorKind::Run));
        assert_eq!(entries[1].permission.as_deref(), Some("workflows:run:child"));
    }

    async fn without_the_grant_there_is_no_child(world: &World) {
        let key = world.key("robot", 1, &["workflows:run:parent", "kv:read"], None).await;
        let child = world.workflow("child", &[], None).await;
        let parent = world.parent(key.account_id).await;
        let refused = refusal(world.try_start(&parent, Call::Numbered(1), "child", child).await);
        assert!(matches!(&refused, ChildRefusal::Denied(d) if d.permission == "workflows:run:child"), "{refused:?}");
        assert_eq!(world.raw().await.number("SELECT count(*) FROM child_runs").await, 0);
        assert_eq!(world.raw().await.number("SELECT count(*) FROM run_trees").await, 0);
    }

    async fn only_an_attempt_that_holds_its_run_starts_children(world: &World) {
        let child = world.workflow("child", &[], None).await;
        let first = world.parent(world.base()).await;
        let id = world.begin_child(&first, 1, child).await;
        // The node dies, and another goes on with the parent.
        let other = world.another_node().await;
        other.heartbeat("other").await.unwrap();
        assert_eq!(other.recover(Dead::SilentFor(Storage::LEASE)).await.unwrap(), 1);
        assert_eq!(refusal(world.try_start(&first, Call::Numbered(2), "child", child).await), ChildRefusal::ParentGone);
        let mut claimed = other.claim(10, &mut None).await.unwrap().runs;
        let at = claimed.iter().position(|run| run.run_id == first.run_id).unwrap();
        let second = claimed.remove(at);
        assert_eq!(second.attempt, 2);
        let again = other.journal().accept(child_of(world, &second, Call::Numbered(1), "child", child)).await.unwrap();
        assert_eq!(again, Accepted::Duplicate(id), "the same call has the same child");
        let next = other.journal().accept(child_of(world, &second, Call::Numbered(2), "child", child)).await.unwrap();
        assert!(matches!(next, Accepted::New(_)));
        assert_eq!(refusal(world.try_start(&first, Call::Numbered(3), "child", child).await), ChildRefusal::ParentGone);
        // Cancelled, it starts none either.
        world.write(async |tx| runs::cancel_run(tx, world.org.id, first.run_id, world.now()).await).await.unwrap();
        let late = other.journal().accept(child_of(world, &second, Call::Numbered(3), "child", child)).await;
        assert_eq!(refusal(late), ChildRefusal::ParentGone);
        assert_eq!(world.raw().await.number("SELECT count(*) FROM child_runs").await, 2);
        assert_eq!(world.raw().await.number("SELECT runs FROM run_trees").await, 2);
        other.close().await;
    }

    async fn a_revoked_account_starts_no_children(world: &World) {
        let key = world.key("robot", 1, &["*:*"], None).await;
        let child = world.workflow("child", &[], None).await;
        let parent = world.parent(key.account_id).await;
        let queued = world.begin_child(&parent, 1, child).await;
        let (now, org) = (world.now(), world.org.id);
        let entry = |run| {
            let mut entry = entry_of(org, world.base_principal(), "run.cancel", now);
            entry.run_id = Some(run);
            entry
        };
        world.write(async |tx| {
            assert!(api_keys::revoke(tx, org, key.id, now).await?);
            runs::cancel_account(tx, org, key.account_id, entry, now).await
        }).await;
        let late = world.try_start(&parent, Call::Numbered(2), "child", child).await;
        assert!(matches!(late, Err(AcceptError::AccountRevoked)), "{late:?}");
        let ended = world.run(queued).await;
        assert_eq!((ended.state, ended.error.unwrap().0), (RunState::Cancelled, ErrorCode::Revoked));
        let entries = world.entries(&AuditFilter { run: Some(queued), action: Some("run.cancel".into()), ..AuditFilter::default() }).await;
        assert_eq!(entries[0].chain, [parent.run_id]);
    }

    async fn a_call_stands_for_one_child(world: &World) {
        let (child, other) = (world.workflow("child", &[], None).await, world.workflow("other", &[], None).await);
        let parent = world.parent(world.base()).await;
        let numbered = |n, payload: &[u8]| NewRun {
            event: EventSource::New { input: EventInput::Call, payload: payload.to_vec() },
            ..child_of(world, &parent, Call::Numbered(n), "child", child)
        };
        let keyed = |key: &str, payload: &[u8]| NewRun {
            event: EventSource::New { input: EventInput::Call, payload: payload.to_vec() },
            ..child_of(world, &parent, Call::Keyed(key.into()), "child", child)
        };
        let accept = async |new| world.storage.journal().accept(new).await;
        let one = accept(numbered(1, b"1")).await.unwrap().run_id();
        assert_eq!(accept(numbered(1, b"1")).await.unwrap(), Accepted::Duplicate(one));
        assert!(matches!(refusal(accept(numbered(1, b"2")).await), ChildRefusal::Changed { what: "payload", .. }));
        let elsewhere = world.try_start(&parent, Call::Numbered(1), "other", other).await;
        assert!(matches!(refusal(elsewhere), ChildRefusal::Changed { what: "workflow", .. }));
        let a = accept(keyed("a", b"1")).await.unwrap().run_id();
        assert_eq!(accept(keyed("a", b"2")).await.unwrap(), Accepted::Duplicate(a), "a key stands whatever the payload");
        // A key that reads like a number is another call.
        assert!(matches!(accept(keyed("1", b"1")).await.unwrap(), Accepted::New(_)));
        assert_eq!(world.actions_of(one).await, ["workflow.run"], "being given the same child again is no action");
        let told = world.read(async |tx| {
            let again = Parent { run: Arc::new(parent.clone()), call: Call::Numbered(1), workflow: "child".into() };
            children::started(tx, &again, b"1").await
        }).await;
        assert_eq!(told, Some(Ok(one)));
        assert!(world.read(async |tx| children::is_child(tx, parent.run_id, one).await).await);
        assert!(!world.read(async |tx| children::is_child(tx, one, one).await).await);
    }

    async fn a_chain_ends_at_its_depth(world: &World) {
        let child = world.workflow("child", &["workflows:run"], None).await;
        let mut run = world.parent(world.base()).await;
        let mut above = Vec::new();
        for _ in 0..MAX_DEPTH {
            above.push(run.run_id);
            world.begin_child(&run, 1, child).await;
            run = world.claim_one().await;
            assert_eq!(run.chain, above);
        }
        assert_eq!(refusal(world.try_start(&run, Call::Numbered(1), "child", child).await), ChildRefusal::TooDeep);
        assert_eq!(world.raw().await.number("SELECT runs FROM run_trees").await, 8);
    }

    async fn a_tree_is_bounded_however_it_branches(world: &World) {
        let child = world.workflow("child", &["workflows:run"], None).await;
        let root = world.parent(world.base()).await;
        world.begin_child(&root, 1, child).await;
        let below = world.claim_one().await;
        let mut raw = world.raw().await;
        raw.run(&format!("UPDATE run_trees SET runs = {}", MAX_DESCENDANTS - 1)).await.unwrap();
        world.begin_child(&below, 1, child).await;
        assert_eq!(refusal(world.try_start(&below, Call::Numbered(2), "child", child).await), ChildRefusal::TooMany);
        assert_eq!(refusal(world.try_start(&root, Call::Numbered(2), "child", child).await), ChildRefusal::TooMany);
        assert_eq!(raw.number("SELECT count(*) FROM child_runs").await, 2);
        assert!(matches!(world.try_start(&root, Call::Numbered(1), "child", child).await, Ok(Accepted::Duplicate(_))));
    }

    async fn a_child_in_another_organization_is_not_there(world: &World) {
        let (_, theirs) = world.another_org("Other").await;
        let parent = world.parent(world.base()).await;
        let outcome = world.try_start(&parent, Call::Numbered(1), "echo", theirs).await;
        assert!(matches!(outcome, Err(AcceptError::WorkflowGone)), "{outcome:?}");
    }

    async fn a_call_keeps_its_child_whoever_has_the_database(world: &World) {
        let child = world.workflow("child", &[], None).await;
        let parent = world.parent(world.base()).await;
        let id = world.begin_child(&parent, 1, child).await;
        let mut raw = world.raw().await;
        let (digest, own, other) = (raw.bytes(7, 32), raw.id(id.0), raw.id(RunId::random().0));
        let parent = raw.id(parent.run_id.0);
        for attack in [
            format!("UPDATE child_runs SET run_id = {other}"),
            format!("INSERT INTO child_runs VALUES ({parent}, 'call:1', {other}, 'child', {digest})"),
            format!("INSERT INTO child_runs VALUES ({parent}, 'call:2', {own}, 'child', {digest})"),
            format!("INSERT INTO child_runs VALUES ({parent}, 'call:2', {other}, 'child', {})", raw.bytes(7, 31)),
        ] {
            raw.run(&attack).await.expect_err(&attack);
        }
        assert_eq!(raw.number("SELECT count(*) FROM child_runs").await, 1);
    }
}
