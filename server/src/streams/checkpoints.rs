//! A stream of checkpoints: the newest one of each organization, no more often than set, to a place that the owner of the database cannot change. What must
//! hold: what arrives is the signed note itself, byte by byte, as `factotum audit verify --since-checkpoint` takes it; one that is there is never overwritten
//! by another.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use factotum_storage::audit_checkpoints::{self, Stored};
use factotum_storage::audit_streams::Position;

use super::deliver::{Delivered, Failure};
use super::file::sync_folder;
use super::sink::SinkError;
use super::webhook::{Message, WebhookSink};
use crate::config::audit_stream::CheckpointTarget;
use crate::mail::{Letter, MAX_SUBJECT_CHARS};
use crate::operations::Services;
use crate::view::harmless;

/// What it needs.
pub struct Checkpoints {
    every: Duration,
    sink: Sink,
}

enum Sink {
    Webhook(WebhookSink),
    Folder(PathBuf),
    Email(String),
}

impl Checkpoints {
    /// Reads certificates.
    pub fn configured(target: &CheckpointTarget, every: Duration) -> Result<Self, String> {
        let sink = match target {
            CheckpointTarget::Webhook(target) => Sink::Webhook(WebhookSink::configured(target)?),
            CheckpointTarget::Folder(path) => Sink::Folder(path.clone()),
            CheckpointTarget::Email(address) => Sink::Email(address.clone()),
        };
        Ok(Self { every, sink })
    }

    /// Delivers the newest checkpoint of an organization, if it is time.
    pub async fn deliver(
        &self,
        services: &Services,
        position: &Position,
    ) -> Result<Option<Delivered>, Failure> {
        if position.moved_at.is_some_and(|at| services.now().since(at) < self.every) {
            return Ok(None);
        }
        let mut tx = services.storage.read().await?;
        let newest = audit_checkpoints::newest(&mut tx, position.org_id).await?;
        drop(tx);
        let Some(stored) = newest else { return Ok(None) };
        match &self.sink {
            Sink::Webhook(sink) => sink.deliver(&message(&stored, services)).await?,
            Sink::Folder(folder) => put(folder.clone(), stored.clone()).await?,
            Sink::Email(address) => {
                let letter = letter(address, &position.name, &stored);
                let sent = services.mailer.send(&letter, services.now()).await;
                sent.map_err(|e| SinkError::Form(e.to_string()))?;
            }
        }
        Ok(Some(Delivered { next: stored.checkpoint.size, count: 1, more: false }))
    }
}

/// What tells it from all others: also the name of its file.
fn name(stored: &Stored) -> String {
    let checkpoint = &stored.checkpoint;
    format!("{}-{}-{}", checkpoint.org.0, checkpoint.epoch, checkpoint.size)
}

fn message(stored: &Stored, services: &Services) -> Message {
    Message {
        id: format!("checkpoint_{}", name(stored)),
        content_type: "text/plain; charset=utf-8",
        body: stored.note.clone(),
        at: services.now(),
    }
}

fn letter(to: &str, organization: &str, stored: &Stored) -> Letter {
    let checkpoint = &stored.checkpoint;
    let (organization, file) = (harmless::shown(organization), format!("{}.checkpoint", name(stored)));
    let text = format!(
        "{organization}: the audit trail had {} entries at {}; the attached checkpoint is signed proof of each of them.\n\n\
         Keep this letter where nobody who can change the database can change it. To compare the trail with it:\n\n\
         factotum audit verify --data FOLDER --since-checkpoint {file}\n",
        checkpoint.size, checkpoint.at
    );
    let subject = format!("Audit checkpoint of {organization}");
    let subject: String = subject.chars().take(MAX_SUBJECT_CHARS).collect();
    Letter::of(to, subject, text).with(file, stored.note.clone())
}

/// Makes the checkpoint a file of its own, whole and lasting when this returns.
async fn put(folder: PathBuf, stored: Stored) -> Result<(), SinkError> {
    let what = folder.display().to_string();
    let made = tokio::task::spawn_blocking(move || make(&folder, &name(&stored), &stored.note)).await;
    made.map_err(|e| SinkError::Form(e.to_string()))?.map_err(SinkError::io(what))
}

fn make(folder: &Path, name: &str, note: &str) -> std::io::Result<()> {
    let path = folder.join(format!("{name}.checkpoint"));
    if path.exists() {
        // A crash came before the cursor; or the log is another one than it was.
        return if std::fs::read_to_string(&path)? == note {
            Ok(())
        } else {
            let reason = format!(
                "{} has another root for the same number of entries: run `factotum audit verify --since-checkpoint` with it",
                path.display()
            );
            Err(std::io::Error::new(ErrorKind::AlreadyExists, reason))
        };
    }
    let half = folder.join(format!(".{name}.half"));
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&half)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(half, &path)?;
    sync_folder(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_that_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), "org-1-5", "note\n").unwrap();
        make(folder.path(), "org-1-5", "note\n").unwrap();
        let error = make(folder.path(), "org-1-5", "another\n").unwrap_err();
        assert!(error.to_string().contains("another root"), "{error}");
        let path = folder.path().join("org-1-5.checkpoint");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "note\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(
            make(&folder.path().join("gone"), "org-1-5", "note\n").is_err(),
            "a folder that is not mounted"
        );
    }
}
