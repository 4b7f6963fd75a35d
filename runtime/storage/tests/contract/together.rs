//! Several deliveries in one item, as a mail to several triggers is; and events that are only kept.

use factotum_model::audit::AuditEntry;
use factotum_model::email::Email;
use factotum_model::{EventId, EventInput, TriggerId};
use factotum_storage::accept::{AcceptError, Accepted, EventSource, NewRun};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::{events, triggers};

use crate::world::World;

async fn of_trigger(world: &World, trigger: TriggerId, action: &str) -> Vec<AuditEntry> {
    let filter =
        AuditFilter { trigger: Some(trigger), action: Some(action.into()), ..AuditFilter::default() };
    world.entries(&filter).await
}

on_both! {
    async fn those_of_one_item_are_answered_in_their_order(world: &World) {
        let (one, paused, gone) =
            (world.trigger(world.workflow).await, world.trigger(world.workflow).await, world.trigger(world.workflow).await);
        world.write(async |tx| triggers::set_paused(tx, world.org.id, paused, true, world.now()).await).await;
        world.write(async |tx| triggers::delete(tx, world.org.id, gone, world.now()).await).await;
        let of = |trigger| world.delivery(trigger, Some("same"), world.now());
        let runs = vec![of(one), of(paused), of(gone), of(one)];
        let first = runs[0].run_id;
        let answers = world.storage.journal().accept_all(runs).await.unwrap();
        assert!(matches!(answers[0], Ok(Accepted::New(id)) if id == first), "{answers:?}");
        assert!(matches!(answers[1], Err(AcceptError::TriggerPaused)), "{answers:?}");
        assert!(matches!(answers[2], Err(AcceptError::TriggerGone)), "{answers:?}");
        assert!(matches!(answers[3], Ok(Accepted::Duplicate(id)) if id == first), "{answers:?}");
        assert_eq!(world.claim(10).await.len(), 1);
        // Beside single ones in the same batch, each gets its own answer.
        let single = world.new_run();
        let (id, journal) = (single.run_id, world.storage.journal());
        let (all, alone) = tokio::join!(journal.accept_all(vec![of(paused), world.new_run()]), journal.accept(single));
        assert!(matches!(all.unwrap()[..], [Err(AcceptError::TriggerPaused), Ok(Accepted::New(_))]));
        assert_eq!(alone.unwrap(), Accepted::New(id));
        assert!(world.storage.journal().accept_all(Vec::new()).await.unwrap().is_empty());
    }

    async fn an_event_that_is_kept_has_no_run(world: &World) {
        let trigger = world.trigger(world.workflow).await;
        let payload = vec![b'm'; 100_000];
        let kept = || NewRun {
            event: EventSource::Kept {
                input: EventInput::Email(Box::new(Email { subject: "away".into(), ..Email::default() })),
                payload: payload.clone(),
                reason: "auto_submitted".into(),
            },
            ..world.delivery(trigger, Some("mail"), world.now().plus(std::time::Duration::from_hours(1)))
        };
        let new = kept();
        let run = new.run_id;
        assert_eq!(world.storage.journal().accept(new).await.unwrap(), Accepted::New(run));
        assert!(matches!(world.storage.journal().accept(kept()).await.unwrap(), Accepted::Duplicate(_)));
        assert!(world.claim(10).await.is_empty(), "it starts nothing");
        let entry = of_trigger(world, trigger, "event.keep").await.remove(0);
        assert_eq!(entry.run_id, None);
        assert_eq!(entry.reason.as_deref(), Some("auto_submitted; spf none, dkim none, dmarc none"));
        let event: EventId = entry.targets[0].id.parse().unwrap();
        let (event, of) = world.read(async |tx| events::get(tx, world.org.id, event).await).await.unwrap();
        assert_eq!((event.payload.len(), of), (payload.len(), Some(trigger)));
        let again = of_trigger(world, trigger, "event.duplicate").await.remove(0);
        assert_eq!(again.run_id, None, "there is no run to name");
    }
}
