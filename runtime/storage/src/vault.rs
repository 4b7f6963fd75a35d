//! Encryption at rest of webhook tokens, verification secrets and the organization's secrets: data keys in the database,
//! wrapped by a master key that is never in it. What must hold: a sealed value opens only in the place it was sealed for
//! (its associated data names organization, table and row), and changing the master key re-wraps a few rows, not every
//! secret. XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), random nonces.

use std::collections::HashMap;
use std::sync::RwLock;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use factotum_model::{Clock, Digest, Redacted};
use uuid::Uuid;

use crate::connection::Tx;
use crate::error::StorageError;

const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// What can go wrong with sealed values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The master key given is not the one that wrapped the data keys.
    #[error(
        "the database was sealed with master key {wanted}, not with {given}: give that one, or rotate with `factotum admin rotate-master-key`"
    )]
    WrongMasterKey {
        /// The id of the key it needs.
        wanted: String,
        /// The id of the key it got.
        given: String,
    },
    /// A sealed value was changed, or stands in another place than it was sealed for.
    #[error("a sealed value does not open: it was altered, or moved from another row")]
    Altered,
    /// A sealed value names a data key that is not there.
    #[error("a sealed value names a data key that is not in the database")]
    UnknownDataKey,
    /// The machine gives no randomness.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// A master key that is not 32 bytes.
    #[error("a master key is 64 hexadecimal digits (32 bytes)")]
    MasterKeyForm,
}

/// The key that wraps the data keys; comes from a file or the environment.
#[derive(Debug, Clone)]
pub struct MasterKey(Redacted<[u8; KEY_BYTES]>);

impl MasterKey {
    /// A new random one.
    pub fn generate() -> Result<Self, VaultError> {
        Ok(Self(Redacted::new(random()?)))
    }

    /// From 64 hexadecimal digits; white space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, VaultError> {
        // A digest has the same text form.
        format!("sha256:{}", text.trim().to_ascii_lowercase())
            .parse::<Digest>()
            .map(|bytes| Self(Redacted::new(bytes.0)))
            .map_err(|_| VaultError::MasterKeyForm)
    }

    /// As 64 hexadecimal digits: for the file it is kept in.
    pub fn to_hex(&self) -> Redacted {
        Redacted::new(Digest(*self.0.expose()).hex())
    }

    /// Tells which key it is without telling the key.
    pub fn id(&self) -> String {
        let mut named = b"factotum master key id\0".to_vec();
        named.extend_from_slice(self.0.expose());
        Digest::of(&named).hex()[..16].to_owned()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose().into())
    }
}

/// A sealed value as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which data key sealed it.
    pub data_key_id: Uuid,
    /// Nonce and ciphertext.
    pub bytes: Vec<u8>,
}

/// The open data keys.
pub struct Vault {
    master: MasterKey,
    keys: RwLock<HashMap<Uuid, XChaCha20Poly1305>>,
    current: Uuid,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("master_key", &self.master.id()).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the data keys, and makes the first one where there is none. A data key wrapped by `previous` is re-wrapped
    /// by `master`: that is a rotation.
    pub(crate) async fn open(
        tx: &mut Tx,
        clock: &dyn Clock,
        master: MasterKey,
        previous: Option<&MasterKey>,
    ) -> Result<Self, StorageError> {
        let mut keys = HashMap::new();
        let mut current = None;
        let rows =
            tx.query("SELECT id, master_key_id, wrapped FROM data_keys ORDER BY id").fetch_all().await?;
        for row in rows {
            let (id, wrapped_by, wrapped): (Uuid, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let with = if wrapped_by == master.id() {
                &master
            } else if let Some(previous) = previous.filter(|p| p.id() == wrapped_by) {
                previous
            } else {
                return Err(VaultError::WrongMasterKey { wanted: wrapped_by, given: master.id() }.into());
            };
            let key = open_with(&with.cipher(), id.as_bytes(), &wrapped)?;
            let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| VaultError::Altered)?;
            if with.id() != master.id() {
                let wrapped = seal_with(&master.cipher(), id.as_bytes(), &key)?;
                tx.query("UPDATE data_keys SET master_key_id = $2, wrapped = $3 WHERE id = $1")
                    .bind(id)
                    .bind(master.id())
                    .bind(wrapped)
                    .execute()
                    .await?;
            }
            keys.insert(id, XChaCha20Poly1305::new((&key).into()));
            current = Some(id);
        }
        let current = if let Some(id) = current {
            id
        } else {
            let (id, key) = (Uuid::now_v7(), random::<KEY_BYTES>()?);
            tx.query(
                "INSERT INTO data_keys (id, master_key_id, wrapped, created_at) VALUES ($1, $2, $3, $4)",
            )
            .bind(id)
            .bind(master.id())
            .bind(seal_with(&master.cipher(), id.as_bytes(), &key)?)
            .bind(clock.now().as_micros())
            .execute()
            .await?;
            keys.insert(id, XChaCha20Poly1305::new((&key).into()));
            id
        };
        Ok(Self { master, keys: RwLock::new(keys), current })
    }

    /// Seals a value for one place, `place` being organization, table and row.
    pub fn seal(&self, place: &str, value: &[u8]) -> Result<Sealed, VaultError> {
        let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cipher = keys.get(&self.current).ok_or(VaultError::UnknownDataKey)?;
        Ok(Sealed { data_key_id: self.current, bytes: seal_with(cipher, place.as_bytes(), value)? })
    }

    /// Opens a value in the place it was sealed for; looks a data key up that another node made.
    pub async fn unseal(
        &self,
        tx: &mut Tx,
        place: &str,
        sealed: &Sealed,
    ) -> Result<Redacted<Vec<u8>>, StorageError> {
        if !self.knows(sealed.data_key_id) {
            let row = tx
                .query("SELECT wrapped FROM data_keys WHERE id = $1")
                .bind(sealed.data_key_id)
                .fetch_optional()
                .await?;
            let wrapped: Vec<u8> = row.ok_or(VaultError::UnknownDataKey)?.get(0)?;
            let key = open_with(&self.master.cipher(), sealed.data_key_id.as_bytes(), &wrapped)?;
            let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| VaultError::Altered)?;
            let mut keys = self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            keys.insert(sealed.data_key_id, XChaCha20Poly1305::new((&key).into()));
        }
        let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cipher = keys.get(&sealed.data_key_id).ok_or(VaultError::UnknownDataKey)?;
        Ok(Redacted::new(open_with(cipher, place.as_bytes(), &sealed.bytes)?))
    }

    fn knows(&self, id: Uuid) -> bool {
        self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner).contains_key(&id)
    }
}

fn seal_with(cipher: &XChaCha20Poly1305, place: &[u8], value: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce = random::<NONCE_BYTES>()?;
    let sealed = cipher
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: value, aad: place })
        .map_err(|_| VaultError::Altered)?;
    Ok([&nonce[..], &sealed].concat())
}

fn open_with(cipher: &XChaCha20Poly1305, place: &[u8], bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(VaultError::Altered)?;
    cipher
        .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: place })
        .map_err(|_| VaultError::Altered)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let master = MasterKey::from_hex(&"ab".repeat(32)).unwrap();
        let sealed = seal_with(&master.cipher(), b"org/secrets/a", b"hunter2").unwrap();
        assert_eq!(open_with(&master.cipher(), b"org/secrets/a", &sealed).unwrap(), b"hunter2");
        assert_eq!(open_with(&master.cipher(), b"org/secrets/b", &sealed), Err(VaultError::Altered));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(
                open_with(&master.cipher(), b"org/secrets/a", &altered),
                Err(VaultError::Altered),
                "byte {at}"
            );
        }
        assert_eq!(open_with(&master.cipher(), b"", &sealed[..10]), Err(VaultError::Altered));
    }

    #[test]
    fn a_master_key_is_not_shown() {
        let master = MasterKey::from_hex(&"ab".repeat(32)).unwrap();
        assert!(
            !format!("{master:?}").contains("abab")
                && master.id().len() == 16
                && !master.id().contains("abab")
        );
        assert_eq!(MasterKey::from_hex("xyz").err(), Some(VaultError::MasterKeyForm));
    }
}
