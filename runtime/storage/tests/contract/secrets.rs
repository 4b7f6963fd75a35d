//! Secrets at rest: sealed for their place, opened by the right master key only, re-wrapped by a rotation.

use factotum_model::Redacted;
use factotum_storage::vault::VaultError;
use factotum_storage::{StorageError, secrets};

use crate::world::{MASTER_KEY, World, open};

const OTHER_KEY: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

async fn put(world: &World, name: &str, value: &str) -> bool {
    let value = Redacted::new(value.to_owned());
    world
        .write(async |tx| secrets::put(&world.storage, tx, world.org.id, name, &value, world.now()).await)
        .await
}

async fn reveal(
    world: &World,
    storage: &factotum_storage::Storage,
    name: &str,
) -> Result<Option<String>, StorageError> {
    let mut tx = storage.read().await?;
    let value = secrets::reveal(storage, &mut tx, world.org.id, name).await?;
    Ok(value.map(|v| String::from_utf8(v.expose().clone()).unwrap()))
}

on_both! {
    async fn a_secret_is_set_used_and_deleted(world: &World) {
        assert!(put(world, "token", "hunter2").await);
        assert!(!put(world, "token", "hunter3").await, "it was there");
        assert_eq!(reveal(world, &world.storage, "token").await.unwrap().as_deref(), Some("hunter3"));
        assert_eq!(reveal(world, &world.storage, "nothing").await.unwrap(), None);
        let info = world.read(async |tx| secrets::info(tx, world.org.id, "token").await).await.unwrap();
        assert_eq!((info.name.as_str(), info.version), ("token", 2));
        put(world, "a", "1").await;
        let names = async |after| {
            let list = world.read(async |tx| secrets::list(tx, world.org.id, after, 10).await).await;
            list.into_iter().map(|s| s.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None).await, ["a", "token"]);
        assert_eq!(names(Some("a")).await, ["token"]);
        assert!(world.write(async |tx| secrets::delete(tx, world.org.id, "token").await).await);
        assert!(!world.write(async |tx| secrets::delete(tx, world.org.id, "token").await).await);
    }

    async fn the_database_holds_no_plain_text(world: &World) {
        put(world, "token", "hunter2-hunter2").await;
        let mut raw = world.raw().await;
        let hex = "68756e74657232"; // hunter2
        let found = match &raw {
            crate::world::Raw::Sqlite(_) => format!("SELECT count(*) FROM secrets WHERE instr(lower(hex(sealed)), '{hex}') > 0"),
            crate::world::Raw::Postgres(_) => format!("SELECT count(*) FROM secrets WHERE encode(sealed, 'hex') LIKE '%{hex}%'"),
        };
        assert_eq!(raw.number(&found).await, 0);
        assert_eq!(raw.number("SELECT count(*) FROM secrets WHERE length(sealed) > 30").await, 1);
    }

    async fn a_value_moved_to_another_row_does_not_open(world: &World) {
        put(world, "mine", "low").await;
        put(world, "theirs", "high").await;
        let mut raw = world.raw().await;
        raw.run("UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'theirs') WHERE name = 'mine'").await.unwrap();
        let error = reveal(world, &world.storage, "mine").await.unwrap_err();
        assert!(matches!(error, StorageError::Sealed(VaultError::Altered)), "{error}");
        assert_eq!(reveal(world, &world.storage, "theirs").await.unwrap().as_deref(), Some("high"));
    }

    async fn a_value_moved_to_another_organization_does_not_open(world: &World) {
        put(world, "token", "acme's").await;
        let (other, _) = world.another_org("Other").await;
        let mut raw = world.raw().await;
        let (from, to) = (raw.id(world.org.id.0), raw.id(other.id.0));
        raw.run(&format!("UPDATE secrets SET org_id = {to} WHERE org_id = {from}")).await.unwrap();
        let mut tx = world.storage.read().await.unwrap();
        let error = secrets::reveal(&world.storage, &mut tx, other.id, "token").await.unwrap_err();
        assert!(matches!(error, StorageError::Sealed(VaultError::Altered)), "{error}");
    }

    async fn another_master_key_opens_nothing(world: &World) {
        put(world, "token", "hunter2").await;
        let error = open(&world.url, &world.clock, OTHER_KEY, None).await.unwrap_err();
        assert!(matches!(error, StorageError::Sealed(VaultError::WrongMasterKey { .. })), "{error}");
        assert_eq!(reveal(world, &world.storage, "token").await.unwrap().as_deref(), Some("hunter2"));
    }

    async fn a_rotation_wraps_anew_and_the_old_key_is_of_no_use_then(world: &World) {
        put(world, "token", "hunter2").await;
        let rotated = open(&world.url, &world.clock, OTHER_KEY, Some(MASTER_KEY)).await.unwrap();
        assert_eq!(reveal(world, &rotated, "token").await.unwrap().as_deref(), Some("hunter2"));
        rotated.close().await;
        let error = open(&world.url, &world.clock, MASTER_KEY, None).await.unwrap_err();
        assert!(matches!(error, StorageError::Sealed(VaultError::WrongMasterKey { .. })), "{error}");
        let again = open(&world.url, &world.clock, OTHER_KEY, None).await.unwrap();
        assert_eq!(reveal(world, &again, "token").await.unwrap().as_deref(), Some("hunter2"));
        again.close().await;
    }
}
