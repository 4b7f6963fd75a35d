//! Deliveries against a real database: what is taken, refused, repeated, waited for, counted. What must hold: an answer of
//! success is given only for what is stored, and every refusal of a sender's making is on the record.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure, and unwrap shows it")]

#[macro_use]
mod world;

use std::sync::Arc;
use std::time::Duration;

use factotum_model::trigger::HmacAlgorithm;
use factotum_model::{Clock as _, ErrorCode, EventInput, TriggerId};
use factotum_storage::finish::{End, Finished};
use factotum_storage::{events, organizations, runs, triggers};
use factotum_webhook::{Token, check_config, stored, verify};
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

/// Gives a trigger another token; the one before goes on for a while, if one is given.
async fn regenerated(world: &World, id: TriggerId, entropy: u8, overlap: Option<Duration>) -> Token {
    let now = world.clock.now();
    let mut tx = world.storage.write().await.unwrap();
    let before = triggers::get(&mut tx, world.org.id, id).await.unwrap().unwrap();
    let until = overlap.map(|overlap| now.plus(overlap));
    let made = stored::regenerate(&world.storage, &mut tx, &before, &[entropy; 20], until, now).await;
    tx.commit().await.unwrap();
    world.webhooks.forget(id);
    made.unwrap().unwrap()
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

    async fn a_batch_of_cloud_events_is_committed_whole_and_each_event_once(world: &World) {
        let (trigger, token) = world.hook(json!({"format": "cloudevents"})).await;
        let event = |id: &str| json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "t", "data": id});
        let batch = json!([event("1"), event("2"), event("1")]).to_string();
        let kind = [("content-type", "application/cloudevents-batch+json")];
        let answer = json(&world.send(&token, &kind, batch.as_bytes()).await);
        let runs: Vec<_> = answer["runs"].as_array().unwrap().iter().map(|run| run.as_str().unwrap()).collect();
        assert_eq!((runs.len(), runs[0] == runs[2], runs[0] == runs[1]), (3, true, false), "{answer}");
        assert_eq!(world.due().await, 2);
        let single = [("content-type", "application/cloudevents+json")];
        let again = json(&world.send(&token, &single, event("2").to_string().as_bytes()).await);
        assert_eq!(again["run"], runs[1], "in another mode it is the same event");
        let mut tx = world.storage.read().await.unwrap();
        let run = runs::get(&mut tx, world.org.id, runs[1].parse().unwrap()).await.unwrap().unwrap();
        let (stored, _) = events::get(&mut tx, world.org.id, run.event_id).await.unwrap().unwrap();
        assert_eq!(stored.payload, event("2").to_string().into_bytes());
        let EventInput::Webhook { headers, .. } = &stored.input else { panic!("{stored:?}") };
        assert_eq!((&headers["ce-id"][0], &headers["ce-source"][0]), (&"2".to_owned(), &"/shop".to_owned()));
        drop(tx);
        // One that is none refuses the whole batch.
        let bad = json!([event("3"), {"id": "4"}]).to_string();
        let answer = world.send(&token, &kind, bad.as_bytes()).await;
        assert_eq!((answer.status.as_u16(), json(&answer)["code"].as_str().unwrap().to_owned()), (400, "cloud_event_invalid".into()));
        assert_eq!(world.due().await, 0, "nothing of it");
        assert_eq!(json(&world.send(&token, &kind, b"[]").await), json!({"runs": []}));
        let mut tx = world.storage.write().await.unwrap();
        triggers::set_paused(&mut tx, world.org.id, trigger.id, true, trigger.created_at).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.send(&token, &kind, batch.as_bytes()).await.status, 503);
    }

    async fn an_old_token_leads_here_until_its_time_is_up(world: &World) {
        let (trigger, first) = world.hook(json!({})).await;
        let minute = Some(Duration::from_mins(1));
        let second = regenerated(world, trigger.id, 1, minute).await;
        for token in [&first, &second] {
            assert_eq!(world.send(token, &[], b"{}").await.status, 202);
        }
        // The next regeneration ends the first one's time.
        let third = regenerated(world, trigger.id, 2, minute).await;
        assert_eq!(world.send(&first, &[], b"{}").await.status, 404);
        assert_eq!(world.send(&second, &[], b"{}").await.status, 202);
        world.clock.advance(Duration::from_mins(1));
        world.webhooks.forget(trigger.id);
        assert_eq!(world.send(&second, &[], b"{}").await.status, 404);
        let fourth = regenerated(world, trigger.id, 3, None).await;
        assert_eq!(world.send(&third, &[], b"{}").await.status, 404);
        assert_eq!(world.send(&fourth, &[], b"{}").await.status, 202);
    }

    async fn a_fixed_reply_is_the_same_for_new_and_repeated_deliveries(world: &World) {
        let fixed = json!({"status": 201, "content_type": "text/xml", "body": "<Response/>", "headers": {"X-Shop": "7"}});
        let (_, token) = world.hook(json!({"reply": "fixed", "fixed": fixed, "dedup": {"by": "body"}})).await;
        for _ in 0..2 {
            let answer = world.send(&token, &[], b"{}").await;
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (201, &b"<Response/>"[..]));
            assert_eq!((&answer.headers["content-type"], &answer.headers["x-shop"]), (&"text/xml".parse().unwrap(), &"7".parse().unwrap()));
            assert_eq!(answer.headers["content-security-policy"], "sandbox");
        }
        assert_eq!(world.due().await, 1);
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
