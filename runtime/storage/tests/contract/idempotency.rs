//! `Idempotency-Key`: a request is carried out once however often it is sent.

use std::time::Duration;

use factotum_model::{AccountId, Digest};
use factotum_storage::StorageError;
use factotum_storage::idempotency_keys::{self, KEPT, Known};

use crate::world::World;

on_both! {
    async fn the_second_request_gets_the_first_answer(world: &World) {
        let (account, body) = (world.base(), Digest::of(b"{}"));
        let take = async |account: AccountId, route: &str, body| {
            world.write(async |tx| idempotency_keys::take(tx, account, route, "k1", body, world.now()).await).await
        };
        let first = world.write(async |tx| {
            let known = idempotency_keys::take(tx, account, "POST /x", "k1", body, world.now()).await?;
            idempotency_keys::answer(tx, account, "POST /x", "k1", 201, "{\"id\":1}").await?;
            Ok(known)
        }).await;
        assert_eq!(first, Known::New);
        assert_eq!(take(account, "POST /x", body).await, Known::Answered { status: 201, answer: "{\"id\":1}".into() });
        assert_eq!(take(account, "POST /x", Digest::of(b"{ }")).await, Known::OtherBody);
        assert_eq!(take(account, "POST /y", body).await, Known::New, "another route");
        assert_eq!(take(AccountId::random(), "POST /x", body).await, Known::New, "another account");
        world.clock.advance(KEPT + Duration::from_secs(1));
        assert_eq!(take(account, "POST /x", Digest::of(b"{ }")).await, Known::New, "after a day it is forgotten");
    }

    async fn a_request_that_failed_leaves_no_key(world: &World) {
        let (account, body) = (world.base(), Digest::of(b"{}"));
        let failed: Result<(), _> = world.try_write(async |tx| {
            idempotency_keys::take(tx, account, "POST /x", "k1", body, world.now()).await?;
            Err(StorageError::Refused("no".into()))
        }).await;
        assert!(failed.is_err());
        let known = world.write(async |tx| idempotency_keys::take(tx, account, "POST /x", "k1", body, world.now()).await).await;
        assert_eq!(known, Known::New);
    }

    async fn of_requests_at_once_one_is_carried_out(world: &World) {
        let (account, body) = (world.base(), Digest::of(b"{}"));
        let mut requests = tokio::task::JoinSet::new();
        for n in 0..10 {
            let (storage, now) = (world.storage.clone(), world.now());
            requests.spawn(async move {
                let mut tx = storage.write().await?;
                let known = idempotency_keys::take(&mut tx, account, "POST /x", "k1", body, now).await?;
                if known == Known::New {
                    idempotency_keys::answer(&mut tx, account, "POST /x", "k1", 200, &format!("{n}")).await?;
                }
                tx.commit().await?;
                Ok::<_, StorageError>(known)
            });
        }
        let known: Vec<_> = requests.join_all().await.into_iter().map(Result::unwrap).collect();
        assert_eq!(known.iter().filter(|k| **k == Known::New).count(), 1);
        let answers: std::collections::HashSet<_> = known.iter().filter_map(|k| match k {
            Known::Answered { answer, .. } => Some(answer.clone()),
            _ => None,
        }).collect();
        assert_eq!(answers.len(), 1, "all others got its answer");
    }
}
