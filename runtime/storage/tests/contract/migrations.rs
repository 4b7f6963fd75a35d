//! Opening: migrations run once and again, and what is set up wrongly is said in words.

use factotum_model::SystemClock;
use factotum_storage::{MasterKey, Options, Storage, StorageError};

use crate::world::{MASTER_KEY, World};

on_both! {
    async fn migrations_may_run_again(world: &World) {
        Storage::migrate(&world.url).await.unwrap();
        let again = world.another_node().await;
        assert_ne!(again.node(), world.storage.node(), "each start is a node of its own");
        assert!(again.database_time().await.unwrap().as_micros() > 1_700_000_000_000_000);
        again.close().await;
    }

    async fn a_database_that_was_not_migrated_is_not_opened_half(world: &World) {
        let mut raw = world.raw().await;
        raw.run("DROP TABLE run_logs").await.unwrap();
        raw.run("DROP TABLE _sqlx_migrations").await.unwrap();
        let error = Storage::migrate(&world.url).await.unwrap_err();
        assert!(matches!(error, StorageError::Setup(_)), "{error}");
    }
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_in_words() {
    for (url, word) in [
        ("mysql://root@localhost/x", "sqlite:"),
        ("sqlite:/no/such/folder/factotum.db", "/no/such/folder"),
        ("postgres://[", "URL"),
    ] {
        let options = Options {
            url: url.into(),
            connections: 1,
            master_key: MasterKey::from_hex(MASTER_KEY).unwrap(),
            previous_master_key: None,
            clock: std::sync::Arc::new(SystemClock),
            migrate: true,
        };
        let error = Storage::open(options).await.unwrap_err();
        assert!(
            matches!(error, StorageError::Setup(_)) && error.to_string().contains(word),
            "{url}: {error}"
        );
    }
}
