//! The master key: 32 bytes that webhook tokens and secrets are encrypted under. What must hold: it is never in the database
//! or a log, and its file is readable by its owner alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use factotum_model::Redacted;

use super::{ConfigError, Environment};

/// The file in the data folder.
pub const MASTER_KEY_FILE: &str = "master.key";
/// Its length in bytes.
pub const MASTER_KEY_BYTES: usize = 32;

/// Finds the key: `FACTOTUM_MASTER_KEY`, then the file that `FACTOTUM_MASTER_KEY_FILE` names, then `master.key` in the data folder, which is
/// made at the first start.
pub fn load(environment: &Environment, data: &Path) -> Result<Redacted<[u8; MASTER_KEY_BYTES]>, ConfigError> {
    if let Some(text) = environment.get("FACTOTUM_MASTER_KEY") {
        return parse(text, "FACTOTUM_MASTER_KEY");
    }
    if let Some(path) = environment.get("FACTOTUM_MASTER_KEY_FILE") {
        return read(Path::new(path));
    }
    let path = data.join(MASTER_KEY_FILE);
    if !path.exists() {
        create(&path)?;
    }
    read(&path)
}

/// The key before, during a rotation: `FACTOTUM_MASTER_KEY_PREVIOUS`.
pub fn previous(environment: &Environment) -> Result<Option<Redacted<[u8; MASTER_KEY_BYTES]>>, ConfigError> {
    let name = "FACTOTUM_MASTER_KEY_PREVIOUS";
    environment.get(name).map(|text| parse(text, name)).transpose()
}

/// A change of the key in the data folder: the new one waits beside the old one until the data keys are wrapped by it.
#[derive(Debug)]
pub struct Rotation {
    /// The key that is in place.
    pub old: Redacted<[u8; MASTER_KEY_BYTES]>,
    /// The key that takes its place.
    pub new: Redacted<[u8; MASTER_KEY_BYTES]>,
    path: PathBuf,
    next: PathBuf,
}

impl Rotation {
    /// Makes the new key, or takes up the one of a rotation that broke off.
    pub fn begin(data: &Path) -> Result<Self, ConfigError> {
        let path = data.join(MASTER_KEY_FILE);
        let next = path.with_extension("key.next");
        let old = read(&path)?;
        if !next.exists() {
            create(&next)?;
        }
        Ok(Self { old, new: read(&next)?, path, next })
    }

    /// Puts the new key in place.
    pub fn finish(self) -> Result<(), ConfigError> {
        let place = self.path.display().to_string();
        let moved = std::fs::rename(&self.next, &self.path).and_then(|()| sync_folder(&self.path));
        moved.map_err(|e| ConfigError::MasterKey { place, reason: e.to_string() })
    }
}

fn parse(text: &str, place: &str) -> Result<Redacted<[u8; MASTER_KEY_BYTES]>, ConfigError> {
    let mut key = [0; MASTER_KEY_BYTES];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| ConfigError::MasterKey {
        place: place.to_owned(),
        reason: "it must be 64 hexadecimal digits; `openssl rand -hex 32` makes one".to_owned(),
    })?;
    Ok(Redacted::new(key))
}

fn read(path: &Path) -> Result<Redacted<[u8; MASTER_KEY_BYTES]>, ConfigError> {
    let failed = |reason: String| ConfigError::MasterKey { place: path.display().to_string(), reason };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(failed(format!(
                "others may read it (mode {:o}); run `chmod 600` on it",
                mode & 0o777
            )));
        }
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    parse(&text, &path.display().to_string())
}

fn create(path: &Path) -> Result<(), ConfigError> {
    let failed = |reason: String| ConfigError::MasterKey { place: path.display().to_string(), reason };
    let mut key = [0; MASTER_KEY_BYTES];
    getrandom::fill(&mut key).map_err(|e| failed(format!("the system has no randomness: {e}")))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Written beside and renamed, so that a crash leaves no half a key behind.
    let beside = path.with_added_extension(std::process::id().to_string());
    let mut file = options.open(&beside).map_err(|e| failed(e.to_string()))?;
    let written = writeln!(file, "{}", hex::encode(key)).and_then(|()| file.sync_all());
    written.map_err(|e| failed(e.to_string()))?;
    // `hard_link` fails if somebody was faster: then theirs is the key.
    let linked = std::fs::hard_link(&beside, path);
    let _ = std::fs::remove_file(&beside);
    match linked {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(e.to_string())),
        _ => sync_folder(path).map_err(|e| failed(e.to_string())),
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let first = load(&Environment::new(), folder.path()).unwrap();
        let again = load(&Environment::new(), folder.path()).unwrap();
        assert_eq!(first.expose(), again.expose());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = folder.path().join(MASTER_KEY_FILE);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let error = load(&Environment::new(), folder.path()).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn the_environment_comes_first_and_a_bad_key_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let set = |text: &str| Environment::from([("FACTOTUM_MASTER_KEY".to_owned(), text.to_owned())]);
        let key = load(&set(&"ab".repeat(32)), folder.path()).unwrap();
        assert_eq!(key.expose(), &[0xAB; 32]);
        let error = load(&set("hunter2"), folder.path()).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("FACTOTUM_MASTER_KEY"), "{error}");
        assert!(!folder.path().join(MASTER_KEY_FILE).exists());
    }
}
