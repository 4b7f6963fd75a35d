//! What the measurements of the storage begin with: databases, and an organization with a workflow.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use factotum_model::workflow::{Limits, RetryPolicy};
use factotum_model::{
    Clock as _, Digest, EventInput, Grants, Initiator, InitiatorKind, PluginId, RunId, SystemClock,
};
use factotum_storage::accept::{EventSource, NewRun, Origin};
use factotum_storage::organizations::{self, Organization};
use factotum_storage::plugins::{self, Plugin};
use factotum_storage::workflows::{self, NewVersion};
use factotum_storage::{DEFAULT_POSTGRES_CONNECTIONS, MasterKey, Options, Storage};

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A folder on a disk: the system's temporary folder may be in memory, where syncing is free.
pub fn disk() -> PathBuf {
    let own = std::env::current_exe().ok();
    own.as_deref().and_then(Path::parent).map_or_else(std::env::temp_dir, PathBuf::from)
}

/// The databases to measure, by name: SQLite in the folder, and PostgreSQL where `FACTOTUM_TEST_POSTGRES` names a server.
pub async fn urls(folder: &Path) -> Outcome<Vec<(&'static str, String)>> {
    let mut urls = vec![("SQLite", format!("sqlite:{}", folder.join("bench.db").display()))];
    if let Ok(server) = std::env::var("FACTOTUM_TEST_POSTGRES") {
        let (base, _) = server.rsplit_once('/').ok_or("the server's URL names no database")?;
        let name = format!("bench_{}", uuid::Uuid::now_v7().simple());
        let admin = sqlx::PgPool::connect(&server).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await?;
        urls.push(("PostgreSQL", format!("{base}/{name}")));
    }
    Ok(urls)
}

/// The database, and a run to accept.
pub async fn open(url: String) -> Outcome<(Storage, NewRun)> {
    let storage = Storage::open(Options {
        url,
        connections: DEFAULT_POSTGRES_CONNECTIONS,
        master_key: MasterKey::generate()?,
        previous_master_key: None,
        clock: Arc::new(SystemClock),
        migrate: true,
    })
    .await?;
    let now = SystemClock.now();
    let mut tx = storage.write().await?;
    let org: Organization = organizations::create(&mut tx, "Bench", now).await?;
    let bytes = b"not run here";
    let plugin = Plugin {
        id: PluginId::random(),
        name: "echo".into(),
        version: "1.0.0".into(),
        digest: Digest::of(bytes),
        world: "factotum:workflow".into(),
        imports: vec![],
        exports: Vec::new(),
        size: bytes.len() as u64,
        created_by: org.base_account,
        created_at: now,
    };
    plugins::create(&mut tx, org.id, &plugin, bytes).await?;
    let version = NewVersion {
        plugin_id: plugin.id,
        grants: Grants::parse(&["kv:read", "kv:write"])?,
        config: serde_json::json!({}),
        limits: Limits::default(),
        retry: RetryPolicy::default(),
        concurrency: None,
        audit: factotum_model::workflow::AuditClass::default(),
        created_by: org.base_account,
    };
    let (workflow, _) = workflows::put(&mut tx, org.id, "echo", &version, now).await?;
    tx.commit().await?;
    let new = NewRun {
        run_id: RunId::random(),
        org_id: org.id,
        workflow_id: workflow.id,
        account_id: org.base_account,
        initiator: Initiator { kind: InitiatorKind::System, id: None },
        trigger_id: None,
        parent: None,
        credential: None,
        dedup: None,
        event: EventSource::New { input: EventInput::Call, payload: vec![b'7'; 200] },
        replay_of: None,
        due_at: None,
        origin: Origin::default(),
    };
    Ok((storage, new))
}
