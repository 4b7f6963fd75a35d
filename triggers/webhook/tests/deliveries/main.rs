//! Deliveries against a real database: what is taken, refused, repeated, waited for, counted. What must hold: an answer of
//! success is given only for what is stored, and every refusal of a sender's making is on the record.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure, and unwrap shows it")]

#[macro_use]
mod world;

use std::sync::Arc;
use std::time::Duration;

use factotum_model::trigger::HmacAlgorithm;
use factotum_model::{ErrorCode, EventInput};
use factotum_storage::finish::{End, Finished};
use factotum_storage::{events, organizations, runs, triggers};
use factotum_webhook::{check_config, stored, verify};
use http::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{World, json};

/// Runs the next due run to this end.
async fn end_next(world: &World, end: End) {
    let batch = loop {
        let batch = world.storage.claim(1, &mut None).await.unwrap();
        if !batch.runs.is_empty() {
            break batch;
        }
        tokio::task::yield_now().await;
    };
    let run = Arc::new(batch.runs[0].clone());
    assert!(world.storage.journal().finish(Finished { run, end, log: None, usage: None }).await.unwrap());
}

on_both! {
    async fn a_delivery_is_stored_as_it_came_and_runs_as_the_base_account(world: &World) {
        let (trigger, token) = world.hook(json!({})).await;
        let headers = [("x-shop", "7"), ("authorization", "Bearer s3cret"), ("user-agent", "shop/1.0")];
        let answer = world.send(&token, &headers, b"\xff\x00raw").await;
        assert_eq!(answer.status, 202);
        let run_id = json(&answer)["run"].as_str().unwrap().parse().unwrap();
        let mut tx = world.storage.read().await.unwrap();
        let run = runs::get(&mut tx, world.org.id, run_id).await.unwrap().unwrap();
        assert_eq!((run.principal.id, run.trigger_id), (world.org.base_account, Some(trigger.id)));
        assert_eq!(run.initiator.id, Some(trigger.id.to_string()));
        let (event, _) = events::get(&mut tx, world.org.id, run.event_id).await.unwrap().unwrap();
        let EventInput::Webhook { method, path, query, headers } = &event.input else { panic!("{event:?}") };
        assert_eq!((method.as_str(), path.as_str(), query.as_str()), ("POST", "/orders", "a=1"));
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["user-agent", "x-shop"]);
        assert_eq!(event.payload, b"\xff\x00raw");
    }

    async fn what_is_not_there_is_404_and_nobodys(world: &World) {
        let (trigger, token) = world.hook(json!({})).await;
        for unknown in ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(world.request(unknown, Method::POST, &[], b"").await.status, 404);
        }
        assert_eq!(world.send(&token, &[], b"").await.status, 202);
        let mut tx = world.storage.write().await.unwrap();
        triggers::delete(&mut tx, world.org.id, trigger.id, trigger.created_at).await.unwrap();
        tx.commit().await.unwrap();
        let deleted = world.send(&token, &[], b"").await;
        assert_eq!(deleted.status, 404, "though it is remembered");
        assert_eq!(world.entries("event.reject").await, []);
        assert_eq!(world.due().await, 1);
    }

    async fn a_pause_holds_at_once_and_ends_at_once(world: &World) {
        let (trigger, token) = world.hook(json!({})).await;
        for (paused, status) in [(false, 202), (true, 503), (false, 202)] {
            let mut tx = world.storage.write().await.unwrap();
            triggers::set_paused(&mut tx, world.org.id, trigger.id, paused, trigger.created_at).await.unwrap();
            tx.commit().await.unwrap();
            let answer = world.send(&token, &[], b"{}").await;
            assert_eq!(answer.status, status);
            if paused {
                assert_eq!(json(&answer)["code"], "trigger_paused");
                assert!(answer.headers.contains_key("retry-after"));
            }
        }
        assert_eq!(world.due().await, 2);
        let rejects = world.entries("event.reject").await;
        assert_eq!(rejects.len(), 1);
        assert!(rejects[0].1.as_ref().unwrap().starts_with("trigger_paused: "), "{rejects:?}");
    }

    async fn a_suspended_base_account_takes_but_does_not_run(world: &World) {
        let (_, token) = world.hook(json!({})).await;
        let mut tx = world.storage.write().await.unwrap();
        let base = organizations::base_account(&mut tx, world.org.id).await.unwrap();
        factotum_storage::suspensions::suspend_account(&mut tx, world.org.id, base, world.org.created_at).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.send(&token, &[], b"{}").await.status, 202);
        assert_eq!(world.due().await, 0, "it waits");
    }

    async fn a_repeated_delivery_is_answered_with_its_first_run(world: &World) {
        let (trigger, token) = world.hook(json!({"dedup": {"header": "X-Id", "window_days": 2}})).await;
        let first = json(&world.send(&token, &[("x-id", "a")], b"1").await);
        assert_eq!(json(&world.send(&token, &[("x-id", "a")], b"2").await), first);
        assert_ne!(json(&world.send(&token, &[("x-id", "b")], b"1").await), first);
        let (_, other) = world.hook(json!({"dedup": {"header": "X-Id"}})).await;
        assert_ne!(json(&world.send(&other, &[("x-id", "a")], b"1").await), first, "another trigger's name");
        let missing = world.send(&token, &[], b"1").await;
        assert_eq!((missing.status.as_u16(), json(&missing)["code"].as_str().unwrap().to_owned()), (400, "dedup_key_invalid".into()));
        world.clock.advance(Duration::from_hours(49));
        assert_ne!(json(&world.send(&token, &[("x-id", "a")], b"1").await), first, "the window is over");
        let stop = CancellationToken::new();
        stop.cancel();
        world.webhooks.tally(stop).await;
        let mut tx = world.storage.read().await.unwrap();
        let counts = triggers::get(&mut tx, world.org.id, trigger.id).await.unwrap().unwrap().counts;
        assert_eq!((counts.accepted, counts.duplicates, counts.rejected), (3, 1, 1));
    }

    async fn a_flood_of_refusals_makes_two_entries(world: &World) {
        let verify = json!({"preset": "hmac", "secrets": ["a secret"], "header": "x-sig"});
        let (_, token) = world.hook(json!({"verify": verify})).await;
        for _ in 0..20 {
            assert_eq!(world.send(&token, &[("x-sig", "00")], b"{}").await.status, 401);
        }
        assert_eq!(world.send(&token, &[], b"{}").await.status, 401);
        let before = world.entries("event.reject").await;
        assert_eq!(before.len(), 2, "the first of each kind: {before:?}");
        assert!(before.iter().all(|(outcome, _)| outcome == "denied"));
        let stop = CancellationToken::new();
        stop.cancel();
        world.webhooks.tally(stop).await;
        let after = world.entries("event.reject").await;
        assert_eq!(after.len(), 3);
        assert!(after.iter().any(|(_, reason)| reason.as_deref() == Some("signature_mismatch: 19 more like this")), "{after:?}");
        assert_eq!(world.due().await, 0);
    }

    async fn secrets_verify_and_change(world: &World) {
        let config = |secrets: &[&str]| json!({"verify": {"preset": "hmac", "secrets": secrets, "header": "x-sig"}});
        let (trigger, token) = world.hook(config(&["the old secret"])).await;
        assert!(!trigger.config.to_string().contains("secret\""), "{}", trigger.config);
        let sign = |secret: &str| {
            let mac = verify::signature(HmacAlgorithm::Sha256, secret.as_bytes(), None, b"{}");
            mac.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        };
        assert_eq!(world.send(&token, &[("x-sig", &sign("the old secret"))], b"{}").await.status, 202);
        let mut tx = world.storage.write().await.unwrap();
        let changed = check_config(&config(&["the new secret"])).unwrap();
        assert!(stored::update(&world.storage, &mut tx, &trigger, &changed, trigger.created_at).await.unwrap());
        tx.commit().await.unwrap();
        world.webhooks.forget(trigger.id);
        assert_eq!(world.send(&token, &[("x-sig", &sign("the old secret"))], b"{}").await.status, 401);
        assert_eq!(world.send(&token, &[("x-sig", &sign("the new secret"))], b"{}").await.status, 202);
        let mut tx = world.storage.read().await.unwrap();
        let found = triggers::find_by_token(&mut tx, token.hash()).await.unwrap().unwrap();
        let (shown, _) = stored::open(&world.storage, &mut tx, &found).await.unwrap();
        assert_eq!(shown.expose(), token.expose(), "the token stays");
    }

    async fn limits_hold(world: &World) {
        let (_, token) = world.hook(json!({"methods": ["POST"], "max_body_bytes": 10})).await;
        let answer = world.request(token.expose(), Method::GET, &[], b"").await;
        assert_eq!((answer.status.as_u16(), &answer.headers["allow"]), (405, &"POST".parse().unwrap()));
        assert_eq!(world.send(&token, &[], b"12345678901").await.status, 413);
        assert_eq!(world.send(&token, &[("x-large", &"y".repeat(40_000))], b"1").await.status, 431);
        assert_eq!(world.send(&token, &[], b"1234567890").await.status, 202);
        assert_eq!(world.entries("event.reject").await.len(), 3);
    }

    async fn an_outcome_is_waited_for(world: &World) {
        let (_, token) = world.hook(json!({"reply": "outcome", "dedup": {"header": "x-id"}})).await;
        let ends = [
            (End::Succeeded(r#"{"total":3}"#.into()), 200, r#"{"total":3}"#),
            (End::Succeeded(r#""thanks""#.into()), 200, "thanks"),
        ];
        for (at, (end, status, body)) in ends.into_iter().enumerate() {
            let key = format!("delivery-{at}");
            let headers = [("x-id", key.as_str())];
            let (answer, ()) = tokio::join!(world.send(&token, &headers, b"{}"), end_next(world, end));
            assert_eq!((answer.status.as_u16(), std::str::from_utf8(&answer.body).unwrap()), (status, body));
            let again = world.send(&token, &headers, b"{}").await;
            assert_eq!(again.body, answer.body, "a repeated delivery gets the same answer");
        }
        let failed = End::Failed(ErrorCode::CpuLimit, "used up".into());
        let (answer, ()) = tokio::join!(world.send(&token, &[("x-id", "f")], b"{}"), end_next(world, failed));
        assert_eq!((answer.status.as_u16(), json(&answer)["code"].as_str().unwrap().to_owned()), (502, "cpu_limit".into()));
        // The same delivery twice at once: both get the answer of the one run.
        let headers = [("x-id", "twice")];
        let end = End::Succeeded("7".into());
        let (one, two, ()) =
            tokio::join!(world.send(&token, &headers, b"{}"), world.send(&token, &headers, b"{}"), end_next(world, end));
        assert_eq!((&one.body[..], &two.body[..]), (&b"7"[..], &b"7"[..]));
    }

    async fn past_the_deadline_the_sender_is_told_where_to_look(world: &World) {
        let (_, token) = world.hook(json!({"reply": "outcome", "reply_timeout_ms": 1})).await;
        let answer = world.send(&token, &[], b"{}").await;
        assert_eq!(answer.status, 202);
        let place = format!("/api/v1/runs/{}", json(&answer)["run"].as_str().unwrap());
        assert_eq!(answer.headers["location"], place);
        assert_eq!(world.due().await, 1);
    }

    async fn a_closed_storage_acknowledges_nothing(world: &World) {
        let (_, token) = world.hook(json!({})).await;
        assert_eq!(world.send(&token, &[], b"{}").await.status, 202);
        world.storage.close().await;
        let answer = world.send(&token, &[], b"{}").await;
        assert_eq!(answer.status, 503);
        assert!(answer.headers.contains_key("retry-after"));
    }
}
