//! Compiled components on disk. What must hold: they are native code, so a file is loaded only if this program wrote it: the
//! folder and the key belong to us and nobody else may write there, and each file's MAC fits. Whatever does not fit is
//! compiled anew. A file is written under another name and renamed, never changed in place.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash as _, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use factotum_model::Digest;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::HostError;

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
const CODE_SUFFIX: &str = "cwasm";
const MAC_SUFFIX: &str = "mac";
/// How much of a file is read at a time while its MAC is computed, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// The cache folder.
pub(super) struct Cache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    /// What the native code depends on: the engine's settings, wasmtime's version and ours.
    flavour: String,
}

impl Cache {
    /// Opens the folder, makes it if missing, and removes what other versions left.
    pub(super) fn open(dir: &Path, engine: &Engine) -> Result<Self, HostError> {
        let refused = |reason: String| HostError::Cache { path: dir.to_owned(), reason };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| refused(e.to_string()))?;
        check_folder(dir).map_err(refused)?;
        let key = key(&dir.join(KEY_FILE)).map_err(|e| refused(format!("its key: {e}")))?;
        let cache = Self { dir: dir.to_owned(), key, flavour: flavour(engine) };
        cache.sweep().map_err(|e| refused(e.to_string()))?;
        Ok(cache)
    }

    /// The compiled component, if it is there and fits.
    pub(super) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.path(digest, CODE_SUFFIX);
        if !path.exists() {
            return None;
        }
        let checked = check_folder(&self.dir).and_then(|()| self.check_mac(digest, &path));
        if let Err(reason) = checked {
            tracing::warn!(%digest, %reason, "a compiled component in the cache is not used; compiling it anew");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "wasmtime cannot tell whether native code is harmless; the MAC tells that it is ours"
        )]
        // SAFETY: the file is the unchanged output of `Component::serialize` of this engine's flavour, as the MAC with a
        // key that only we can read shows, in a folder that only we can write.
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        loaded
            .inspect_err(|error| tracing::warn!(%digest, %error, "a compiled component does not load; compiling it anew"))
            .ok()
    }

    /// Keeps a compiled component. A failure costs only the next start, so it is logged and no more.
    pub(super) fn store(&self, digest: Digest, component: &Component) {
        let stored =
            component.serialize().map_err(io::Error::other).and_then(|code| self.write(digest, &code));
        if let Err(error) = stored {
            tracing::warn!(%digest, %error, "a compiled component could not be cached");
        }
    }

    fn write(&self, digest: Digest, code: &[u8]) -> io::Result<()> {
        let mut mac = self.mac(digest);
        mac.update(code);
        // The MAC last: without it the code is not used.
        self.replace(&self.path(digest, CODE_SUFFIX), code)?;
        self.replace(&self.path(digest, MAC_SUFFIX), &mac.finalize().into_bytes())
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut unique = [0_u8; 8];
        getrandom::fill(&mut unique).map_err(|e| io::Error::other(e.to_string()))?;
        let temporary = self.dir.join(format!("{:016x}.new", u64::from_ne_bytes(unique)));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn check_mac(&self, digest: Digest, path: &Path) -> Result<(), String> {
        let expected = fs::read(self.path(digest, MAC_SUFFIX)).map_err(|e| format!("its MAC: {e}"))?;
        let mut file = File::open(path).map_err(|e| e.to_string())?;
        let mut mac = self.mac(digest);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => mac.update(&chunk[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.to_string()),
            }
        }
        mac.verify_slice(&expected).map_err(|_| "it was changed since it was written".to_owned())
    }

    /// A MAC that covers what the file is for, so that one cannot be put in another's place.
    fn mac(&self, digest: Digest) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any key length");
        mac.update(&digest.0);
        mac.update(self.flavour.as_bytes());
        mac
    }

    fn path(&self, digest: Digest, suffix: &str) -> PathBuf {
        self.dir.join(format!("{}.{}.{suffix}", digest.hex(), self.flavour))
    }

    /// Removes what other versions and interrupted writes left.
    fn sweep(&self) -> io::Result<()> {
        let ours = [CODE_SUFFIX, MAC_SUFFIX].map(|suffix| format!(".{}.{suffix}", self.flavour));
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            let cached = [".cwasm", ".mac", ".new"].iter().any(|suffix| name.ends_with(suffix));
            if cached && !ours.iter().any(|suffix| name.ends_with(suffix.as_str())) {
                match fs::remove_file(self.dir.join(name)) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether the folder is ours alone to write; one that others could only read is closed.
fn check_folder(dir: &Path) -> Result<(), String> {
    let found = fs::symlink_metadata(dir).map_err(|e| e.to_string())?;
    if !found.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    // The owner of our own entry in /proc is whom we run as.
    let us = fs::metadata("/proc/self").map_err(|e| format!("/proc is needed: {e}"))?.uid();
    if found.uid() != us {
        return Err(format!(
            "it belongs to the user {}, and this program runs as {us}; remove it",
            found.uid()
        ));
    }
    match found.mode() & 0o777 {
        mode if mode & 0o022 != 0 => {
            Err(format!("its mode is {mode:03o}, so others may write there; empty it, then `chmod 700` it"))
        }
        0o700 => Ok(()),
        _ => fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(|e| e.to_string()),
    }
}

/// The key of the MACs, made at first use.
fn key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            getrandom::fill(&mut key).map_err(|e| io::Error::other(e.to_string()))?;
            file.write_all(&key)?;
            file.sync_all()?;
            Ok(key)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let bytes = fs::read(path)?;
            let mode = fs::metadata(path)?.mode() & 0o777;
            if mode == 0o600
                && let Ok(found) = bytes.as_slice().try_into()
            {
                return Ok(found);
            }
            // Damaged, or readable by others: with another key nothing in the cache fits any more.
            fs::remove_file(path)?;
            self::key(path)
        }
        Err(e) => Err(e),
    }
}

fn flavour(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            let hash = self.0.clone().finalize();
            hash.iter().take(8).fold(0, |n, b| (n << 8) | u64::from(*b))
        }
    }
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
