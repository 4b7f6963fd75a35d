//! Mails that runs send: one for each call, under one id, sent once.

use factotum_model::{Digest, RunId};
use factotum_storage::children::Call;
use factotum_storage::sent_mails::{self, Begun};
use uuid::Uuid;

use crate::world::World;

impl World {
    async fn begin_mail(&self, run: RunId, call: &Call, says: &str) -> Begun {
        let (digest, now) = (Digest::of(says.as_bytes()), self.now());
        self.write(async |tx| sent_mails::begin(tx, run, call, digest, now).await).await
    }

    async fn mail_sent(&self, letter: Uuid) -> bool {
        let now = self.now();
        self.write(async |tx| sent_mails::sent(tx, letter, now).await).await
    }
}

#[track_caller]
fn to_send(begun: Begun) -> Uuid {
    match begun {
        Begun::ToSend(letter) => letter,
        other => panic!("{other:?}"),
    }
}

on_both! {
    async fn a_call_has_one_mail_under_one_id(world: &World) {
        let (run, other) = (world.accept_one().await, world.accept_one().await);
        let (first, second, keyed) = (Call::Numbered(1), Call::Numbered(2), Call::Keyed("1".into()));
        let letter = to_send(world.begin_mail(run, &first, "a").await);
        // Its fate is not known: it goes again, as the same.
        assert_eq!(world.begin_mail(run, &first, "a").await, Begun::ToSend(letter));
        assert_eq!(world.begin_mail(run, &first, "b").await, Begun::Changed);
        assert!(world.mail_sent(letter).await);
        assert!(!world.mail_sent(letter).await, "it was sent already");
        assert_eq!(world.begin_mail(run, &first, "a").await, Begun::Sent(letter));
        assert_eq!(world.begin_mail(run, &first, "b").await, Begun::Changed);
        for (run, call) in [(run, &second), (run, &keyed), (other, &first)] {
            assert_ne!(to_send(world.begin_mail(run, call, "a").await), letter);
        }
    }

    async fn a_key_stands_for_its_first_mail(world: &World) {
        let run = world.accept_one().await;
        let call = Call::Keyed("order\u{0}7".into());
        let letter = to_send(world.begin_mail(run, &call, "a").await);
        assert_eq!(world.begin_mail(run, &call, "b").await, Begun::Changed, "not in another form under the same id");
        assert!(world.mail_sent(letter).await);
        assert_eq!(world.begin_mail(run, &call, "b").await, Begun::Sent(letter));
    }

    async fn the_database_holds_it_too(world: &World) {
        let run = world.accept_one().await;
        let letter = to_send(world.begin_mail(run, &Call::Numbered(1), "a").await);
        assert!(world.mail_sent(letter).await);
        let mut raw = world.raw().await;
        let (own, other) = (raw.id(letter), raw.id(Uuid::now_v7()));
        for sql in [
            format!("UPDATE sent_mails SET sent_at = NULL WHERE letter_id = {own}"),
            format!("UPDATE sent_mails SET letter_id = {other} WHERE letter_id = {own}"),
            format!("UPDATE sent_mails SET call = 'call:2' WHERE letter_id = {own}"),
            format!("INSERT INTO sent_mails (run_id, call, letter_id, digest, begun_at) SELECT run_id, 'call:9', letter_id, digest, 1 FROM sent_mails WHERE letter_id = {own}"),
            format!("INSERT INTO sent_mails (run_id, call, letter_id, digest, begun_at) SELECT run_id, call, {other}, digest, 1 FROM sent_mails WHERE letter_id = {own}"),
        ] {
            assert!(raw.run(&sql).await.is_err(), "{sql}");
        }
    }
}
