//! The audit trail as it is searched: each filter alone, all together, and the cursor.

use std::time::Duration;

use factotum_model::audit::{AuditEntry, AuditOutcome, Credential, Target};
use factotum_model::{
    AccountId, AccountKind, AuditId, Digest, InitiatorKind, KeyId, Principal, RequestId, RunId, TriggerId,
};
use factotum_storage::audit_entries::{self, AuditFilter};

use crate::fixture::entry_of;
use crate::world::World;

fn full(world: &World) -> AuditEntry {
    let actor = Principal { id: AccountId::random(), kind: AccountKind::ApiKey, name: "déploy 100%".into() };
    let mut entry = entry_of(world.org.id, actor, "workflow.run", world.now());
    entry.outcome = AuditOutcome::Denied;
    entry.reason = Some("forbidden: line\u{0}one\nÉtat".into());
    entry.credential = Some(Credential { key_id: KeyId::random(), prefix: "fct_abcdefgh".into() });
    entry.initiator.kind = InitiatorKind::Api;
    entry.initiator.trigger_id = Some(TriggerId::random());
    entry.initiator.external_ref = Some("delivery-7".into());
    entry.chain = vec![RunId::random()];
    entry.run_id = Some(RunId::random());
    entry.attempt = Some(2);
    entry.workflow = Some("order-intake".into());
    entry.plugin_digest = Some(Digest::of(b"x"));
    entry.permission = Some("workflows:run:order-intake".into());
    entry.targets = vec![Target::named("workflow", "wfl_1", "order-intake"), Target::new("run", "run_1")];
    entry.change = Some(serde_json::json!({"before": null, "after": {"paused": true}}));
    entry.ip = Some("2001:db8::1".parse().unwrap());
    entry.user_agent = Some("curl/8".into());
    entry.request_id = Some(RequestId::random());
    entry
}

fn plain(world: &World, action: &str) -> AuditEntry {
    world.entry(action)
}

on_both! {
    async fn an_entry_is_given_back_as_it_was(world: &World) {
        let entry = full(world);
        world.write(async |tx| audit_entries::append(tx, std::slice::from_ref(&entry)).await).await;
        assert_eq!(world.entries(&AuditFilter::default()).await, [entry]);
    }

    async fn each_filter_finds_its_entries_and_no_other(world: &World) {
        let wanted = full(world);
        world.clock.advance(Duration::from_secs(10));
        let mut others = vec![plain(world, "api_key.create"), plain(world, "workflow.runner"), plain(world, "run.fail")];
        others[2].outcome = AuditOutcome::Error;
        let all: Vec<_> = std::iter::once(wanted.clone()).chain(others).collect();
        world.write(async |tx| audit_entries::append(tx, &all).await).await;
        let none = AuditFilter::default;
        let filters = [
            ("kind", AuditFilter { actor_kinds: vec![AccountKind::ApiKey], ..none() }),
            ("kinds", AuditFilter { actor_kinds: vec![AccountKind::ApiKey, AccountKind::Member], ..none() }),
            ("account", AuditFilter { account: Some(wanted.actor.id), ..none() }),
            ("key", AuditFilter { key: wanted.credential.as_ref().map(|c| c.key_id), ..none() }),
            ("action", AuditFilter { action: Some("workflow.run".into()), ..none() }),
            ("outcome", AuditFilter { outcome: Some(AuditOutcome::Denied), ..none() }),
            ("target", AuditFilter { target: Some("wfl_1".into()), ..none() }),
            ("trigger", AuditFilter { trigger: wanted.initiator.trigger_id, ..none() }),
            ("run", AuditFilter { run: wanted.run_id, ..none() }),
            ("address", AuditFilter { address: wanted.ip, ..none() }),
            ("second target", AuditFilter { target: Some("run_1".into()), ..none() }),
            ("until", AuditFilter { until: Some(world.now()), ..none() }),
            ("text in the reason", AuditFilter { text: Some("LINE".into()), ..none() }),
            ("text in the name", AuditFilter { text: Some("100%".into()), ..none() }),
            ("text beyond ASCII", AuditFilter { text: Some("État".into()), ..none() }),
            ("text in the target", AuditFilter { text: Some("order-intake".into()), ..none() }),
        ];
        for (name, filter) in filters {
            let found = world.entries(&filter).await;
            assert_eq!(found.iter().map(|e| e.id).collect::<Vec<_>>(), [wanted.id], "{name}");
        }
        let all_at_once = AuditFilter {
            actor_kinds: vec![AccountKind::ApiKey],
            account: Some(wanted.actor.id),
            key: wanted.credential.as_ref().map(|c| c.key_id),
            action: Some("workflow.*".into()),
            outcome: Some(AuditOutcome::Denied),
            target: Some("wfl_1".into()),
            trigger: wanted.initiator.trigger_id,
            run: wanted.run_id,
            address: wanted.ip,
            since: Some(wanted.at),
            until: Some(world.now()),
            text: Some("curl".into()),
        };
        assert_eq!(world.entries(&all_at_once).await.len(), 1);
        let actions = async |filter| world.entries(&filter).await.into_iter().map(|e| e.action).collect::<Vec<_>>();
        assert_eq!(actions(AuditFilter { action: Some("workflow.*".into()), ..none() }).await.len(), 2);
        assert_eq!(actions(AuditFilter { action: Some("workflow_run".into()), ..none() }).await.len(), 0);
        assert_eq!(actions(AuditFilter { since: Some(world.now()), ..none() }).await.len(), 3);
        for text in ["%", "_", "\\", " - "] {
            assert_eq!(actions(AuditFilter { text: Some(text.into()), ..none() }).await, [""; 0], "{text} has no word");
        }
        for text in ["w_rkflow", "' OR 1=1 --", "orkflow", "runn intake"] {
            assert_eq!(actions(AuditFilter { text: Some(text.into()), ..none() }).await, [""; 0], "{text}");
        }
        assert_eq!(actions(AuditFilter { text: Some("run workf".into()), ..none() }).await.len(), 1, "words in any order, the last begun");
    }

    async fn the_cursor_gives_each_entry_once_newest_first(world: &World) {
        let all: Vec<_> = (0..150).map(|n| plain(world, &format!("run.n{n}"))).collect();
        world.write(async |tx| audit_entries::append(tx, &all).await).await;
        let mut before: Option<AuditId> = None;
        let mut seen = Vec::new();
        loop {
            let page = world.read(async |tx| audit_entries::list(tx, world.org.id, &AuditFilter::default(), before, 40).await).await;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            seen.extend(page.into_iter().map(|e| e.id));
        }
        let expected: Vec<_> = all.iter().rev().map(|e| e.id).collect();
        assert_eq!(seen, expected);
    }

    async fn a1_an_entry_that_cannot_be_written_takes_its_action_along(world: &World) {
        let entry = plain(world, "secret.set");
        world.write(async |tx| audit_entries::append(tx, std::slice::from_ref(&entry)).await).await;
        let outcome = world.try_write(async |tx| {
            factotum_storage::kv::set(tx, world.workflow, "k", b"1", None).await?;
            audit_entries::append(tx, std::slice::from_ref(&entry)).await
        }).await;
        assert!(outcome.is_err());
        assert_eq!(world.raw().await.number("SELECT count(*) FROM kv").await, 0);
    }
}
