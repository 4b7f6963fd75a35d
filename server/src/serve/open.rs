//! Opening the data folder and the database. What must hold: the folder is its owner's alone; on SQLite one server at a time has it, which
//! proves to the next one that this one is dead.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use factotum_model::Clock;
use factotum_storage::{DEFAULT_POSTGRES_CONNECTIONS, MasterKey, Options, Storage, StorageError};

use crate::config::{Config, ConfigError, Environment, master_key};

/// The file that a server holds locked in its data folder.
pub const LOCK_FILE: &str = "factotum.lock";

/// Why data cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder.
    #[error("{path}: {source}", path = path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server has it.
    #[error("{path}: another server is running on this data folder; stop it first", path = path.display())]
    Taken {
        /// The lock file.
        path: PathBuf,
    },
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] ConfigError),
    /// The database.
    #[error("the database cannot be opened: {0}")]
    Storage(#[from] StorageError),
}

/// For a server: with the folder's lock, which lasts as long as the value.
pub async fn for_serving(
    config: &Config,
    environment: &Environment,
    clock: Arc<dyn Clock>,
) -> Result<(Storage, File), OpenError> {
    make_folder(&config.data.folder)?;
    let lock = lock(&config.data.folder)?;
    Ok((open(config, environment, clock).await?, lock))
}

/// For a command beside a running server.
pub async fn for_a_command(
    config: &Config,
    environment: &Environment,
    clock: Arc<dyn Clock>,
) -> Result<Storage, OpenError> {
    make_folder(&config.data.folder)?;
    open(config, environment, clock).await
}

/// For a rotation of the master key: with the folder's lock, the data keys wrapped by the new one when it returns.
pub async fn for_rotation(
    config: &Config,
    rotation: &master_key::Rotation,
    clock: Arc<dyn Clock>,
) -> Result<(Storage, File), OpenError> {
    let lock = lock(&config.data.folder)?;
    let (new, old) = (from_bytes(rotation.new.expose())?, from_bytes(rotation.old.expose())?);
    Ok((with_keys(config, new, Some(old), clock).await?, lock))
}

async fn open(
    config: &Config,
    environment: &Environment,
    clock: Arc<dyn Clock>,
) -> Result<Storage, OpenError> {
    let master_key = from_bytes(master_key::load(environment, &config.data.folder)?.expose())?;
    let previous_master_key = master_key::previous(environment)?;
    let previous_master_key = previous_master_key.map(|key| from_bytes(key.expose())).transpose()?;
    with_keys(config, master_key, previous_master_key, clock).await
}

async fn with_keys(
    config: &Config,
    master_key: MasterKey,
    previous_master_key: Option<MasterKey>,
    clock: Arc<dyn Clock>,
) -> Result<Storage, OpenError> {
    Storage::migrate(&config.data.migrate_database).await?;
    let options = Options {
        url: config.data.database.clone(),
        connections: DEFAULT_POSTGRES_CONNECTIONS,
        master_key,
        previous_master_key,
        clock,
        migrate: false,
    };
    Ok(Storage::open(options).await?)
}

/// The key as the vault takes it.
fn from_bytes(key: &[u8; master_key::MASTER_KEY_BYTES]) -> Result<MasterKey, OpenError> {
    MasterKey::from_hex(&hex::encode(key)).map_err(|e| OpenError::Storage(e.into()))
}

/// Makes the data folder, readable by its owner alone.
pub fn make_folder(folder: &Path) -> Result<(), OpenError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })
}

/// Takes the folder, as a server does.
pub fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK_FILE);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|source| OpenError::Folder { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::Taken { path }),
        Err(std::fs::TryLockError::Error(source)) => Err(OpenError::Folder { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_at_a_time_has_a_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        assert!(matches!(lock(folder.path()), Err(OpenError::Taken { .. })));
        drop(first);
        assert!(lock(folder.path()).is_ok());
    }
}
