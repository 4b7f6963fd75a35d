//! What only PostgreSQL's language can say: TRUNCATE, with CASCADE, and statements that change what they collide with.

use crate::attacks::Scene;
use crate::world::World;

#[tokio::test]
async fn no_table_that_must_last_is_truncated() {
    let world = World::postgres().await;
    let mut scene = Scene::set(&world).await;
    for table in [
        "organizations",
        "accounts",
        "api_keys",
        "audit_entries",
        "audit_leaves",
        "audit_nodes",
        "audit_epochs",
        "audit_checkpoints",
        "audit_signing_keys",
        "workflow_versions",
        "people",
        "workflows",
        "plugins",
        "roles",
        "blobs",
    ] {
        for how in ["", " CASCADE", " RESTART IDENTITY CASCADE"] {
            scene.refuses(&format!("TRUNCATE {table}{how}")).await;
        }
    }
    scene.refuses("TRUNCATE run_logs, audit_entries").await;
    drop(scene);
    world.close().await;
}

#[tokio::test]
async fn a_collision_turned_into_a_change_is_refused() {
    let world = World::postgres().await;
    let mut scene = Scene::set(&world).await;
    let Scene { org, base, key, entry, fresh, workflow, .. } = &scene;
    let attacks = [
        format!(
            "INSERT INTO accounts (id, org_id, kind, name, created_at) VALUES ({base}, {org}, 'base', 'Service Account', 1) ON CONFLICT (id) DO UPDATE SET created_at = 5"
        ),
        format!(
            "INSERT INTO organizations (id, name, base_account_id, created_at) VALUES ({org}, 'x', {fresh}, 1) ON CONFLICT (id) DO UPDATE SET base_account_id = excluded.base_account_id"
        ),
        format!(
            "MERGE INTO api_keys k USING (SELECT 1) s ON k.id = {key} WHEN MATCHED THEN UPDATE SET grants = '[\"*:*\"]'"
        ),
        format!("MERGE INTO api_keys k USING (SELECT 1) s ON k.id = {key} WHEN MATCHED THEN DELETE"),
        format!("MERGE INTO audit_entries e USING (SELECT 1) s ON e.id = {entry} WHEN MATCHED THEN DELETE"),
        format!(
            "WITH gone AS (DELETE FROM audit_entries WHERE id = {entry} RETURNING *) SELECT count(*) FROM gone"
        ),
        format!(
            "WITH gone AS (DELETE FROM workflow_versions WHERE workflow_id = {workflow} RETURNING *) SELECT count(*) FROM gone"
        ),
        format!("BEGIN; SET CONSTRAINTS ALL DEFERRED; DELETE FROM accounts WHERE id = {base}; COMMIT"),
    ];
    for attack in attacks {
        scene.refuses(&attack).await;
        // What fails inside a transaction leaves it open.
        scene.raw.run("ROLLBACK").await.unwrap();
    }
    drop(scene);
    world.close().await;
}
