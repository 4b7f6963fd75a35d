//! Passwords: which may be chosen, and how they are stored and compared. What must hold: only an Argon2id hash is stored; comparing costs the
//! same whether or not there is anything to compare with; and hashing, which is slow on purpose, never takes more than its share of memory and
//! threads.

mod change;
mod reset;

pub use change::{Change, change};
pub use reset::{AskReset, Reset, ask_reset, reset};

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use factotum_model::Redacted;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{OperationError, Services};

/// The shortest password, in characters.
pub const MIN_PASSWORD_CHARS: usize = 15;
/// The shortest password of somebody who has a second factor, in characters.
pub const MIN_PASSWORD_CHARS_WITH_SECOND_FACTOR: usize = 8;
/// The longest, in bytes: enough for any phrase, too little to keep a hash busy.
pub const MAX_PASSWORD_BYTES: usize = 1_024;
/// How many passwords are hashed at a time, at 19 MiB and a thread each.
pub const HASHES_AT_A_TIME: usize = 4;
/// How many more wait for their turn; others are told to come again.
pub const HASHES_WAITING: usize = 64;

/// Argon2id with the parameters of the OWASP password storage cheat sheet: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What is compared with where nothing is stored: the same parameters, a hash of nothing.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// A word about the person counts from this length on, in characters.
const MIN_WORD_CHARS: usize = 4;
/// A piece up to this length, over and over, is no password.
const MAX_PIECE_BYTES: usize = 10;
/// Sorted, in lower case, a line each: see `server/data/README.md`.
const COMMON: &str = include_str!("../../data/common-passwords.txt");

/// Bounds the hashing of one process.
#[derive(Debug)]
pub struct Hashing {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(HASHES_AT_A_TIME + HASHES_WAITING)),
            running: Arc::new(Semaphore::new(HASHES_AT_A_TIME)),
        }
    }
}

impl Hashing {
    /// Both permits go with the work: a request that is given up frees its place when its hash is done, not before.
    async fn turn(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), OperationError> {
        let full =
            || OperationError::Unavailable("too many people are logging in; try again in a moment".into());
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| full())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| full())?;
        Ok((admitted, running))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, OperationError> + Send + 'static,
    ) -> Result<T, OperationError> {
        let turn = self.turn().await?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|e| OperationError::Unavailable(format!("a password could not be hashed: {e}")))?
    }
}

/// Hashes a password for storage (PHC string), when its turn comes; [`OperationError::Unavailable`] if too many wait.
pub async fn hash(services: &Services, password: &Redacted) -> Result<String, OperationError> {
    let password = password.clone();
    services.metrics.password_hashes.inc();
    services.hashing.run(move || hash_now(&password)).await
}

/// Whether this is the password of that hash. Without one it is not, after the same work.
pub async fn verify(
    services: &Services,
    given: &Redacted,
    stored: Option<&str>,
) -> Result<bool, OperationError> {
    services.metrics.password_hashes.inc();
    // A longer one was never accepted; what is hashed in its place costs as much as any other.
    let fits = given.expose().len() <= MAX_PASSWORD_BYTES;
    let given = if fits { given.clone() } else { Redacted::new(String::new()) };
    let (known, stored) = (stored.is_some() && fits, stored.unwrap_or(NOBODY).to_owned());
    services.hashing.run(move || Ok(matches(&given, &stored) && known)).await
}

/// Hashes at once, on this thread: for commands, which have no server around them.
pub fn hash_now(password: &Redacted) -> Result<String, OperationError> {
    let failed = |e: &dyn std::fmt::Display| {
        OperationError::Unavailable(format!("the password cannot be hashed: {e}"))
    };
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| failed(&e))?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| failed(&e))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| failed(&e))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password(password.expose().as_bytes(), &salt).map_err(|e| failed(&e))?;
    Ok(hash.to_string())
}

/// Whether this is the password of that hash, at once, on this thread. The parameters are those that stand in the hash.
pub fn matches(given: &Redacted, stored: &str) -> bool {
    match PasswordHash::new(stored) {
        Ok(stored) => Argon2::default().verify_password(given.expose().as_bytes(), &stored).is_ok(),
        Err(error) => {
            tracing::error!(%error, "a stored password hash cannot be read; nobody gets in by it");
            false
        }
    }
}

/// Whether somebody may choose this password. `about` are words that others know of them: address, name, organization. There are no rules about
/// kinds of characters (NIST SP 800-63B §3.1.1.2).
pub fn check(password: &Redacted, has_second_factor: bool, about: &[&str]) -> Result<(), OperationError> {
    let refused = |reason: String| Err(OperationError::invalid("password", reason));
    let text = password.expose();
    let least = if has_second_factor { MIN_PASSWORD_CHARS_WITH_SECOND_FACTOR } else { MIN_PASSWORD_CHARS };
    if text.chars().count() < least || text.len() > MAX_PASSWORD_BYTES {
        return refused(format!(
            "the password needs {least} characters or more, and at most {MAX_PASSWORD_BYTES} bytes; a phrase of several words is easy to keep"
        ));
    }
    let lower = Redacted::new(text.to_lowercase());
    let lower = lower.expose();
    if is_common(lower) || is_repetition(lower) {
        return refused(
            "this password is one of the first that anybody tries; choose another, such as a phrase of several unrelated words".to_owned(),
        );
    }
    let left = without(lower, about);
    if left * 2 < least {
        return refused(
            "the password is little more than your address, your name or the organization's; choose one that says nothing about you".to_owned(),
        );
    }
    Ok(())
}

/// As [`check`], for a password that a person sets in the place of another: the field is `new`.
fn check_new(password: &Redacted, has_second_factor: bool, about: &[&str]) -> Result<(), OperationError> {
    check(password, has_second_factor, about).map_err(|error| match error {
        OperationError::Invalid { reason, .. } => OperationError::invalid("new", reason),
        other => other,
    })
}

fn is_common(lower: &str) -> bool {
    COMMON.lines().any(|line| line == lower)
}

/// One short piece over and over, the last time perhaps in part: `123456789012345`.
fn is_repetition(lower: &str) -> bool {
    let bytes = lower.as_bytes();
    (1..=MAX_PIECE_BYTES.min(bytes.len() * 2 / 3))
        .any(|piece| bytes.iter().zip(&bytes[piece..]).all(|(a, b)| a == b))
}

/// How many characters there are beside the words about the person.
fn without(lower: &str, about: &[&str]) -> usize {
    let mut left = Redacted::new(lower.to_owned());
    let whole = about.iter().map(|word| word.trim().to_lowercase());
    let mut words: Vec<String> = whole.flat_map(|w| parts(&w)).chain(["factotum".to_owned()]).collect();
    // The longest first: an address before its domain.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words.iter().filter(|w| w.chars().count() >= MIN_WORD_CHARS) {
        left = Redacted::new(left.expose().replace(word.as_str(), ""));
    }
    left.expose().chars().count()
}

/// A text as it is, and the words in it.
fn parts(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(ToOwned::to_owned);
    [text.to_owned(), text.replace(' ', "")].into_iter().chain(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Redacted {
        Redacted::new(text.to_owned())
    }

    #[test]
    fn what_anybody_would_try_is_refused_and_a_phrase_is_not() {
        let about = ["ada.lovelace@example.com", "Analytical Engines"];
        let ask = |text: &str, second| check(&secret(text), second, &about);
        for fine in
            ["correct horse battery staple", "ünïcödé-wörds-áre-fïne", "Analytical Engines are dull toys"]
        {
            assert!(ask(fine, false).is_ok(), "{fine}");
        }
        assert!(ask("q8#vPz2w", true).is_ok(), "8 characters with a second factor");
        let refused = [
            ("q8#vPz2w", false),
            ("fourteen chars", false),
            ("short", true),
            ("iloveyou", true),
            ("ILoveYou", true),
            ("123456789012345", false),
            ("aaaaaaaaaaaaaaaaaa", false),
            ("passwordpassword", false),
            ("ada.lovelace@example.com", false),
            ("AdaLovelace2024", false),
            ("analyticalengines1", false),
            ("Factotum Factotum!", false),
        ];
        for (text, second) in refused {
            let error = ask(text, second).unwrap_err();
            assert!(matches!(&error, OperationError::Invalid { field, .. } if field == "password"), "{text}");
            assert!(!error.to_string().contains(text), "{error}");
        }
        assert!(ask(&"x y".repeat(400), false).is_err(), "over the limit in bytes");
    }

    #[test]
    fn a_hash_is_argon2id_and_matches_its_password_alone() {
        let hash = hash_now(&secret("correct horse battery staple")).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(matches(&secret("correct horse battery staple"), &hash));
        assert!(!matches(&secret("Correct horse battery staple"), &hash));
        assert!(!matches(&secret("correct horse battery staple"), "damaged"));
    }

    #[test]
    fn the_hash_of_nobody_costs_what_a_real_one_does() {
        let real = hash_now(&secret("correct horse battery staple")).unwrap();
        let (real, nobody) = (PasswordHash::new(&real).unwrap(), PasswordHash::new(NOBODY).unwrap());
        assert_eq!(
            (real.algorithm, real.version, &real.params),
            (nobody.algorithm, nobody.version, &nobody.params)
        );
        assert_eq!(real.hash.unwrap().len(), nobody.hash.unwrap().len());
        let salt = |h: &PasswordHash<'_>| h.salt.unwrap().as_str().len();
        assert_eq!(salt(&real), salt(&nobody));
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_a_given_up_request_keeps_its_place_until_its_hash_is_done() {
        let hashing = Hashing::default();
        let mut held = Vec::new();
        for _ in 0..HASHES_AT_A_TIME {
            held.push(hashing.turn().await.unwrap());
        }
        let mut waiting: Vec<_> = (0..HASHES_WAITING).map(|_| Box::pin(hashing.turn())).collect();
        for turn in &mut waiting {
            assert!(polled_once(turn).await.is_none(), "they wait");
        }
        assert!(matches!(hashing.turn().await, Err(OperationError::Unavailable(_))), "no more are taken in");
        held.pop();
        let first = waiting.remove(0);
        assert!(first.await.is_ok(), "a place was free");
    }

    /// Polls once: what is ready, if it is.
    async fn polled_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            let polled = std::pin::Pin::new(&mut *future).poll(context);
            std::task::Poll::Ready(match polled {
                std::task::Poll::Ready(done) => Some(done),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
