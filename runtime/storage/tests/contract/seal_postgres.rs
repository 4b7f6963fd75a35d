//! Sealing where several write at once: an entry whose transaction began early and commits late, and a database that was loaded into
//! another cluster.

use factotum_storage::audit_entries::{self, AuditFilter};

use crate::world::World;

#[tokio::test]
async fn an_entry_that_commits_late_is_sealed_late_and_not_lost() {
    let world = World::postgres().await;
    world.record(3).await;
    let mut late = world.storage.write().await.unwrap();
    audit_entries::append(&mut late, &[world.entry("test.late")]).await.unwrap();
    // Later ones commit and are sealed while it is open; and another one begins.
    world.record(4).await;
    assert_eq!(world.seal().await.sealed, 7);
    let mut later = world.storage.write().await.unwrap();
    audit_entries::append(&mut later, &[world.entry("test.later")]).await.unwrap();
    world.record(2).await;
    assert_eq!(world.seal().await.sealed, 2);
    assert_eq!(world.seal().await.sealed, 0);
    late.commit().await.unwrap();
    assert_eq!(world.seal().await.sealed, 1);
    later.commit().await.unwrap();
    assert_eq!(world.seal().await.sealed, 1);
    assert_eq!(world.seal().await.found, 0);
    world.check_log(11).await;
    world.close().await;
}

#[tokio::test]
async fn a_bound_of_another_cluster_begins_new_epochs_and_hides_no_entry() {
    let world = World::postgres().await;
    world.record(5).await;
    world.seal().await;
    // What a dump brings along: a bound, and entries, of a cluster that had counted further.
    let mut raw = world.raw().await;
    raw.run("UPDATE audit_sealing SET bound = '4000000000:4000000000:'").await.unwrap();
    raw.without_guards("audit_entries", "UPDATE audit_entries SET xid = '3999999999'").await;
    world.record(2).await;
    let round = world.seal().await;
    assert_eq!(round.sealed, 2 + 1, "and the entry that says so");
    let filter = AuditFilter { action: Some("audit.begin_epoch".into()), ..AuditFilter::default() };
    assert_eq!(world.entries(&filter).await.len(), 1);
    world.check_log(8).await;
    world.record(1).await;
    let round = world.seal().await;
    assert_eq!((round.found, round.sealed), (1, 1), "the old ones are not read again and again");
    world.close().await;
}
