//! How workflows do whose runs fail, and the messages that tell of it: each end counts once, a message is sent by one node at a time, and a recipient has one that waits.

use std::time::Duration;

use factotum_model::notice::{Content, Item, NoticeSettings, Tell, WorkflowNotices};
use factotum_model::{NodeId, RecipientId, RunId, RunState, Timestamp, WorkflowId};
use factotum_storage::notice_recipients::{self, Channel, Endpoint, Recipient};
use factotum_storage::notices::{self, MAX_TRIES, Notice, To, Tried};
use factotum_storage::workflow_failures::{self, End};
use factotum_storage::{notice_settings, workflows};

use crate::world::World;

impl World {
    fn end(&self, state: RunState) -> End {
        End { run: RunId::random(), workflow: self.workflow, state, at: self.now() }
    }

    async fn note(&self, ends: &[End]) {
        let (org, now) = (self.org.id, self.now());
        self.write(async |tx| workflow_failures::note(tx, org, ends, now).await).await;
    }

    async fn rows(&self) -> i64 {
        self.raw().await.number("SELECT count(*) FROM workflow_failures").await
    }

    async fn put_notices(&self, to: To, content: Content) {
        let (org, now) = (self.org.id, self.now());
        self.write(async |tx| notices::enqueue(tx, org, to, content, now).await).await;
    }

    async fn claim_notice(&self, node: NodeId) -> Option<Notice> {
        let now = self.now();
        self.write(async |tx| notices::claim(tx, node, now).await).await
    }

    async fn tried(&self, node: NodeId, notice: &Notice, how: Tried) -> bool {
        let now = self.now();
        self.write(async |tx| notices::tried(tx, node, notice.id, &how, now).await).await
    }

    async fn all_notices(&self) -> Vec<Notice> {
        let org = self.org.id;
        self.read(async |tx| notices::list(tx, org, None, 100).await).await
    }
}

fn says(name: &str) -> Content {
    let item = Item {
        workflow_id: WorkflowId::random(),
        workflow: name.to_owned(),
        since: Timestamp::from_micros(1),
        failures: 1,
        run: RunId::random(),
        at: Timestamp::from_micros(2),
        error: Some(("failed".into(), "a\u{0}b".into())),
    };
    Content { failing: vec![item], ..Content::default() }
}

on_both! {
    async fn a_workflow_that_succeeds_costs_no_row_and_one_that_fails_has_one(world: &World) {
        use RunState::{Cancelled, Dead, Failed, Succeeded};
        let many: Vec<End> = (0..200).map(|_| world.end(Succeeded)).collect();
        world.note(&many).await;
        assert_eq!(world.rows().await, 0);
        let (org, workflow) = (world.org.id, world.workflow);
        world.write(async |tx| notice_settings::put_of_workflow(tx, workflow, &WorkflowNotices { muted: false, after_failures: Some(3) }).await).await;
        let health = async || world.read(async |tx| workflow_failures::of_workflow(tx, workflow).await).await;
        let failed = [world.end(Failed), world.end(Cancelled), world.end(Dead)];
        world.note(&failed).await;
        let counted = health().await.unwrap();
        assert_eq!((counted.failing, counted.streak, counted.first_run, counted.last_run), (false, 2, failed[0].run, failed[2].run));
        // A success between: it begins anew, with nothing to remember.
        world.note(&[world.end(Succeeded)]).await;
        assert_eq!(world.rows().await, 0);
        world.note(&[world.end(Failed), world.end(Dead), world.end(Failed)]).await;
        assert!(health().await.unwrap().failing);
        let untold = world.write(async |tx| workflow_failures::untold(tx, org).await).await;
        assert_eq!(untold.len(), 1);
        let settings = NoticeSettings::default();
        let (_, of_it) = untold[0];
        let told = [(workflow, of_it, Tell::Failing)];
        let now = world.now();
        world.write(async |tx| workflow_failures::were_told(tx, org, &told, &settings, now).await).await;
        assert_eq!(world.read(async |tx| workflow_failures::organizations(tx, true).await).await, []);
        let failing = world.read(async |tx| workflow_failures::failing(tx, org, 9).await).await;
        assert_eq!((failing.len(), failing[0].name.as_str(), failing[0].health.failures), (1, "echo", 3));
        world.clock.advance(Duration::from_mins(1));
        let well = world.end(Succeeded);
        world.note(&[well]).await;
        let recovered = health().await.unwrap();
        assert_eq!((recovered.failing, recovered.told, recovered.recovered), (false, true, Some((well.at, well.run))));
        assert_eq!(world.read(async |tx| workflow_failures::organizations(tx, false).await).await, [org]);
        // Nobody is told of what is muted.
        world.write(async |tx| notice_settings::put_of_workflow(tx, workflow, &WorkflowNotices { muted: true, after_failures: None }).await).await;
        assert_eq!(world.read(async |tx| workflow_failures::organizations(tx, true).await).await, []);
        // What ended long ago starts nothing; and what is deleted is forgotten.
        let old = End { at: world.now().minus(Duration::from_hours(25)), ..world.end(Failed) };
        world.note(&[old]).await;
        assert_eq!(health().await.unwrap().last_run, recovered.last_run);
        world.write(async |tx| workflows::delete(tx, org, workflow, now).await).await;
        world.write(async |tx| workflow_failures::sweep(tx, now).await).await;
        assert_eq!(world.rows().await, 0);
    }

    async fn what_two_nodes_see_at_once_is_told_once(world: &World) {
        let (org, settings) = (world.org.id, NoticeSettings::default());
        world.note(&[world.end(RunState::Failed)]).await;
        let other = world.another_node_if_shared().await;
        let tell = async |storage: &factotum_storage::Storage| {
            let mut tx = storage.write().await.unwrap();
            let untold = workflow_failures::untold(&mut tx, org).await.unwrap();
            let told: Vec<_> = untold.iter().map(|(workflow, health)| (*workflow, *health, Tell::Failing)).collect();
            workflow_failures::were_told(&mut tx, org, &told, &settings, world.now()).await.unwrap();
            tx.commit().await.unwrap();
            told.len()
        };
        let both = tokio::join!(tell(&world.storage), tell(other.as_ref().unwrap_or(&world.storage)));
        assert_eq!(both.0 + both.1, 1);
        if let Some(other) = other {
            other.close().await;
        }
    }

    async fn a_message_is_sent_by_one_node_at_a_time_and_ends_once(world: &World) {
        let (own, other) = (world.storage.node(), NodeId::random());
        let to = To::Webhook(RecipientId::random());
        world.put_notices(to, says("a")).await;
        let taken = world.claim_notice(own).await.unwrap();
        assert_eq!((taken.tries, taken.to, taken.content.names()), (1, to, vec!["a"]));
        assert_eq!(world.claim_notice(own).await, None, "it is being sent");
        // What comes while it is being sent is another one.
        world.put_notices(to, says("b")).await;
        assert_eq!(world.all_notices().await.len(), 2);
        let later = world.now().plus(Duration::from_secs(5));
        assert!(!world.tried(other, &taken, Tried::Sent).await, "it is not theirs");
        assert!(world.tried(own, &taken, Tried::Again(later, "away".into())).await);
        let next = world.claim_notice(own).await.unwrap();
        assert_eq!(next.content.names(), ["b"], "the other one waits for its time");
        assert!(world.tried(own, &next, Tried::Failed("no".into())).await);
        // What comes while one waits goes into it, and keeps its time.
        world.put_notices(to, says("c")).await;
        let all = world.all_notices().await;
        assert_eq!((all.len(), all[0].content.names(), all[0].due_at, all[0].tries), (2, vec!["a", "c"], later, 1));
        assert_ne!(all[0].id, taken.id, "it says something else, so it has another name");
        assert_eq!(world.claim_notice(own).await, None);
        world.clock.advance(Duration::from_secs(5));
        let again = world.claim_notice(own).await.unwrap();
        assert!(world.tried(own, &again, Tried::Sent).await);
        assert!(!world.tried(own, &again, Tried::Sent).await, "once");
        let states: Vec<_> = world.all_notices().await.iter().map(|notice| notice.state.clone()).collect();
        assert_eq!(states, ["sent", "failed"]);
        let refused = world.raw().await.run("UPDATE notices SET state = 'waiting', ended_at = NULL").await;
        assert!(refused.unwrap_err().contains("ends once"));
        world.clock.advance(Duration::from_hours(24 * 31));
        let now = world.now();
        assert_eq!(world.write(async |tx| notices::sweep(tx, now).await).await, 2);
    }

    async fn one_that_is_added_to_is_still_tried_a_few_times(world: &World) {
        let (node, to) = (world.storage.node(), To::Mail(RecipientId::random()));
        world.put_notices(to, says("a")).await;
        for _ in 1..MAX_TRIES {
            let taken = world.claim_notice(node).await.unwrap();
            let now = world.now();
            assert!(world.tried(node, &taken, Tried::Again(now, "away".into())).await);
        }
        world.put_notices(to, says("b")).await;
        let all = world.all_notices().await;
        assert_eq!((all.len(), all[0].tries), (1, MAX_TRIES - 3));
    }

    async fn a_webhook_is_sealed_and_stays_in_its_organization(world: &World) {
        let (org, now) = (world.org.id, world.now());
        let hook = Recipient { id: RecipientId::random(), channel: Channel::Webhook, shown: "https://example.com".into(), created_at: now };
        let mail = Recipient { id: RecipientId::random(), channel: Channel::Mail, shown: "ann@example.com".into(), created_at: now };
        let secret = || Endpoint { url: "https://example.com/hunter2".into(), secret: "whsec_c2VjcmV0".into() };
        let storage = &world.storage;
        world.write(async |tx| notice_recipients::create(storage, tx, org, &hook, Some(&secret())).await).await;
        world.write(async |tx| notice_recipients::create(storage, tx, org, &mail, None).await).await;
        assert!(world.try_write(async |tx| notice_recipients::create(storage, tx, org, &Recipient { id: RecipientId::random(), ..hook.clone() }, None).await).await.is_err());
        assert_eq!(world.read(async |tx| notice_recipients::list(tx, org).await).await, [hook.clone(), mail.clone()]);
        let opened = world.read(async |tx| notice_recipients::reveal(storage, tx, org, hook.id).await).await.unwrap();
        assert_eq!((opened.url.as_str(), opened.secret.as_str()), ("https://example.com/hunter2", "whsec_c2VjcmV0"));
        assert!(!format!("{opened:?}").contains("hunter2"));
        let (other, _) = world.another_org("Other").await;
        assert_eq!(world.read(async |tx| notice_recipients::get(tx, other.id, hook.id).await).await, None);
        assert!(!world.write(async |tx| notice_recipients::delete(tx, other.id, hook.id).await).await);
        assert!(world.write(async |tx| notice_recipients::delete(tx, org, hook.id).await).await);
        assert!(world.read(async |tx| notice_recipients::reveal(storage, tx, org, hook.id).await).await.is_none());
    }
}

impl World {
    /// Another node, where there can be one.
    async fn another_node_if_shared(&self) -> Option<factotum_storage::Storage> {
        if self.url.starts_with("postgres") { Some(self.another_node().await) } else { None }
    }
}
