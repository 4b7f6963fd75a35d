//! The keys that sign checkpoints: Ed25519 (RFC 8032). What must hold: the private half is shown nowhere; the public half is published as a
//! C2SP `signed-note` verifier key, whose name is the origin of the checkpoints it is for.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::Signer as _;
use signed_note::{Note, NoteError, Signer, StandardVerifier, Verifier as _, VerifierList};

use super::checkpoint::origin_of_org;
use crate::id::OrgId;
use crate::redacted::Redacted;

/// The algorithm's byte in a verifier key (C2SP `signed-note`).
const ED25519: u8 = 1;

/// A verifier key that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an Ed25519 verifier key; it has the form `NAME+8 hexadecimal digits+base64`, as `factotum audit keys` prints it"
)]
pub struct VerifierKeyError;

/// The public half.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// As a verifier key under a name: `NAME+HASH+KEY`.
    pub fn verifier_key(&self, name: &str) -> String {
        let key = self.bytes();
        format!("{name}+{:08x}+{}", signed_note::key_id(name, &key), BASE64_STANDARD.encode(key))
    }

    /// Of a verifier key, under whichever name.
    pub fn from_verifier_key(text: &str) -> Result<Self, VerifierKeyError> {
        let text = text.trim();
        StandardVerifier::new(text).map_err(|_| VerifierKeyError)?;
        // Base64 has a `+` of its own.
        let encoded = text.splitn(3, '+').nth(2).ok_or(VerifierKeyError)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| VerifierKeyError)?;
        bytes.get(1..).and_then(|key| key.try_into().ok()).map(Self).ok_or(VerifierKeyError)
    }

    /// The first 8 bytes in hexadecimal: enough to tell keys apart in a message.
    pub fn short(&self) -> String {
        crate::Digest(self.0).hex()[..16].to_owned()
    }

    fn bytes(self) -> Vec<u8> {
        [&[ED25519], self.0.as_slice()].concat()
    }

    /// Whether a note has a good signature of this key under that name.
    pub(super) fn signed(&self, name: &str, note: &Note) -> bool {
        let Ok(verifier) = StandardVerifier::new(&self.verifier_key(name)) else { return false };
        let id = verifier.key_id();
        note.verify(&VerifierList::new(vec![Box::new(verifier)]))
            .is_ok_and(|(good, _)| good.iter().any(|s| s.name() == name && s.id() == id))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// Both halves.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public())
    }
}

impl SigningKey {
    /// Of 32 random bytes (RFC 8032 §5.1.5).
    pub fn from_seed(seed: &Redacted<[u8; 32]>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a text, which ends in a line feed, under a name.
    pub(super) fn sign(&self, name: &str, text: &str) -> Result<String, NoteError> {
        let mut note = Note::new(text.as_bytes(), &[])?;
        note.add_sigs(&[&Named { name, key: self }])?;
        String::from_utf8(note.to_bytes()).map_err(|_| NoteError::MalformedNote)
    }

    /// A note by which this key, about to be retired, names its successor.
    pub fn endorse(&self, org: OrgId, successor: PublicKey) -> Result<String, NoteError> {
        let name = origin_of_org(org);
        self.sign(&name, &endorsement(&name, successor))
    }
}

fn endorsement(name: &str, successor: PublicKey) -> String {
    format!("{name}/key\n{}\n", BASE64_STANDARD.encode(successor.bytes()))
}

/// Whether `note` is the word of `key` that `successor` comes after it.
pub fn endorses(note: &str, org: OrgId, key: PublicKey, successor: PublicKey) -> bool {
    let name = origin_of_org(org);
    Note::from_bytes(note.as_bytes())
        .is_ok_and(|note| note.text() == endorsement(&name, successor).as_bytes() && key.signed(&name, &note))
}

struct Named<'a> {
    name: &'a str,
    key: &'a SigningKey,
}

impl Signer for Named<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn key_id(&self) -> u32 {
        signed_note::key_id(self.name, &self.key.public().bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ed25519_dalek::SignatureError> {
        self.key.0.try_sign(message).map(|signature| signature.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_seed(&Redacted::new([byte; 32]))
    }

    #[test]
    fn a_verifier_key_is_read_as_it_was_written() {
        // Among so many there are keys with `+` and `/` in their base64.
        for byte in 0..=255 {
            let public = key(byte).public();
            let text = public.verifier_key("factotum/audit/x/1");
            assert_eq!(PublicKey::from_verifier_key(&format!("{text}\n")), Ok(public));
        }
        for wrong in ["", "x", "a+b", "a+00000000+AAAA", &key(1).public().verifier_key("a").replace('a', "b")]
        {
            assert_eq!(PublicKey::from_verifier_key(wrong), Err(VerifierKeyError), "{wrong}");
        }
    }

    #[test]
    fn only_the_key_itself_endorses_its_successor() {
        let (org, old, new, other) = (OrgId::random(), key(1), key(2).public(), key(3));
        let note = old.endorse(org, new).unwrap();
        assert!(endorses(&note, org, old.public(), new));
        assert!(!endorses(&note, org, old.public(), other.public()));
        assert!(!endorses(&note, org, other.public(), new));
        assert!(!endorses(&note, OrgId::random(), old.public(), new));
        assert!(!endorses(&other.endorse(org, new).unwrap(), org, old.public(), new));
    }

    #[test]
    fn the_private_half_is_not_shown() {
        assert_eq!(format!("{:?}", key(1)), format!("SigningKey({})", key(1).public().short()));
    }
}
