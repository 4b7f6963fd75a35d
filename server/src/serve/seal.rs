//! The task that seals the audit trail, about once a second. What must hold: it never blocks an action; a failure is logged, counted and
//! tried again; a graceful stop seals what is left; and the newest checkpoint of each log is kept in a file beside the database, so that a
//! database that was restored from an older backup is noticed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use factotum_model::OrgId;
use factotum_model::audit_log::{Checkpoint, SignedCheckpoint};
use factotum_storage::seal::{Round, Sealer};
use tokio_util::sync::CancellationToken;

use crate::operations::Services;

/// How often it seals.
const EVERY: Duration = Duration::from_secs(1);
/// How long a stop waits for the rest to be sealed; what is left then is sealed after the next start.
const LAST_ROUNDS: Duration = Duration::from_secs(20);
/// How soon a node at its stop looks again, while another one seals.
const AGAIN: Duration = Duration::from_millis(100);
/// How often the same trouble is logged at the most.
const SAID_EVERY: Duration = Duration::from_mins(1);
/// Where the newest checkpoints are kept, in the data folder.
pub const CHECKPOINTS: &str = "audit";

/// Seals until the stop, and then what is left.
pub async fn run(services: Arc<Services>, data: PathBuf, stop: CancellationToken) {
    let folder = data.join(CHECKPOINTS);
    let mut sealer = Sealer::remembering(services.storage.clone(), kept(&folder));
    let mut said = None;
    services.metrics.sealing.complete(services.now());
    loop {
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        if stopped {
            break;
        }
        one(&services, &mut sealer, &folder, &mut said).await;
    }
    let rest = async {
        while !one(&services, &mut sealer, &folder, &mut said).await {
            tokio::time::sleep(AGAIN).await;
        }
    };
    if tokio::time::timeout(LAST_ROUNDS, rest).await.is_err() {
        tracing::warn!(
            "the end of the audit trail could not be sealed before the stop; the next start seals it"
        );
    }
}

/// One round; whether there is nothing left to do, or nothing that can be done.
async fn one(services: &Services, sealer: &mut Sealer, folder: &Path, said: &mut Option<Instant>) -> bool {
    let began = services.now();
    let sealing = &services.metrics.sealing;
    let mut say = |error: &dyn std::fmt::Display| {
        sealing.failures.inc();
        if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
            *said = Some(Instant::now());
            tracing::error!(%error, "the audit trail could not be sealed; tried again each second");
        }
    };
    match sealer.round().await {
        Ok(Round { sealed, found, complete, signed, refused, .. }) => {
            sealing.entries.inc_by(sealed);
            if complete {
                sealing.complete(began);
            } else {
                sealing.waiting.set(i64::try_from(found - sealed).unwrap_or(i64::MAX));
            }
            if let Some((_, error)) = refused.first() {
                say(error);
            }
            for stored in &signed {
                if let Err(error) = keep(folder, stored.checkpoint.org, &stored.note) {
                    tracing::warn!(%error, folder = %folder.display(), "the newest checkpoint could not be kept");
                }
            }
            complete || !refused.is_empty()
        }
        Err(error) => {
            say(&error);
            false
        }
    }
}

/// The file of an organization's newest checkpoint.
fn file(folder: &Path, org: OrgId) -> PathBuf {
    folder.join(format!("{}.checkpoint", org.0))
}

/// Puts a checkpoint in the place of the one before it, at once and whole.
fn keep(folder: &Path, org: OrgId, note: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (file, new) = (file(folder, org), folder.join(format!("{}.new", org.0)));
    std::fs::write(&new, note)?;
    std::fs::rename(new, file)
}

/// The checkpoints that were kept.
fn kept(folder: &Path) -> Vec<Checkpoint> {
    let mut found = Vec::new();
    for (path, note) in notes(folder) {
        match SignedCheckpoint::parse(&note) {
            Ok(signed) => found.push(signed.checkpoint),
            Err(error) => tracing::warn!(%error, file = %path.display(), "left out"),
        }
    }
    found
}

/// The notes that were kept, with their files.
pub fn notes(folder: &Path) -> Vec<(PathBuf, String)> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|e| e == "checkpoint"));
    files.filter_map(|path| std::fs::read_to_string(&path).ok().map(|note| (path, note))).collect()
}
