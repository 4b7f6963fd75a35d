//! What only SQLite's language can say: foreign keys switched off, and conflict clauses that replace or skip rows without
//! firing a delete trigger.

use crate::attacks::{Scene, attacks};
use crate::world::World;

/// `INSERT` and `UPDATE` as SQLite lets one write them, to make a constraint give way.
const CLAUSES: [&str; 4] = ["OR REPLACE", "OR IGNORE", "OR FAIL", "OR ROLLBACK"];

#[tokio::test]
async fn foreign_keys_off_lets_nothing_through() {
    let world = World::sqlite().await;
    let mut scene = Scene::set(&world).await;
    scene.raw.run("PRAGMA foreign_keys = OFF").await.unwrap();
    for attack in attacks(&scene) {
        scene.refuses(&attack).await;
    }
}

#[tokio::test]
async fn no_conflict_clause_lets_anything_through() {
    for keys in ["ON", "OFF"] {
        let world = World::sqlite().await;
        let mut scene = Scene::set(&world).await;
        scene.raw.run(&format!("PRAGMA foreign_keys = {keys}")).await.unwrap();
        for attack in attacks(&scene) {
            for clause in CLAUSES {
                let clause = attack
                    .replace("INSERT INTO", &format!("INSERT {clause} INTO"))
                    .replace("UPDATE ", &format!("UPDATE {clause} "));
                if clause != attack {
                    // By an error or by doing nothing: both will do.
                    let _ = scene.leaves_nothing(&clause).await;
                }
            }
        }
        // A row replaced by one that is fit to stand in its place is refused too: its history would be another's.
        let Scene { org, base, member, key, key_account, entry, workflow, .. } = &scene;
        let replacements = [
            format!("REPLACE INTO accounts SELECT * FROM accounts WHERE id = {base}"),
            format!("REPLACE INTO accounts SELECT * FROM accounts WHERE id = {member}"),
            format!("REPLACE INTO organizations SELECT * FROM organizations WHERE id = {org}"),
            format!("REPLACE INTO api_keys SELECT * FROM api_keys WHERE id = {key}"),
            format!("REPLACE INTO api_keys SELECT * FROM api_keys WHERE account_id = {key_account}"),
            format!("REPLACE INTO audit_entries SELECT * FROM audit_entries WHERE id = {entry}"),
            format!(
                "REPLACE INTO workflow_versions SELECT * FROM workflow_versions WHERE workflow_id = {workflow}"
            ),
            format!("REPLACE INTO workflows SELECT * FROM workflows WHERE id = {workflow}"),
            "REPLACE INTO plugins SELECT * FROM plugins".to_owned(),
            "REPLACE INTO roles SELECT * FROM roles".to_owned(),
            "REPLACE INTO triggers SELECT * FROM triggers".to_owned(),
        ];
        for attack in replacements {
            scene.refuses(&attack).await;
        }
        let person = &scene.person;
        let skipped = [
            format!("REPLACE INTO people (id, email, name, created_at) VALUES ({person}, 'eve@example.com', 'Eve', 1)"),
            "REPLACE INTO people (id, email, name, created_at) VALUES (randomblob(16), 'ed@example.com', 'Eve', 1)".to_owned(),
            "UPDATE OR REPLACE people SET email = 'ed@example.com' WHERE email = 'vi@example.com'".to_owned(),
            format!("UPDATE OR REPLACE people SET id = {person} WHERE email = 'vi@example.com'"),
        ];
        for attack in skipped {
            let _ = scene.leaves_nothing(&attack).await;
        }
    }
}
