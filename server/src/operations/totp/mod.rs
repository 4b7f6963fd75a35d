//! The second factor: codes that an authenticator shows (TOTP, RFC 6238), and recovery codes for who has lost it. What must hold: each code
//! counts once; guessing is limited per person; nothing but the sealed secret and hashes is kept.

mod confirm;
mod recovery_codes;
mod remove;
mod set_up;

pub use confirm::{Confirm, confirm};
pub use recovery_codes::{ProveTwice, renew};
pub use remove::remove;
pub use set_up::{Prove, SetUp, set_up};

use factotum_model::{PersonId, Redacted, Timestamp};
use factotum_storage::{Tx, recovery_codes as stored_codes, totp};
use totp_rs::{Builder, Totp};

use super::{OperationError, Services};

/// How long a code is shown, in seconds (RFC 6238 §4.1).
pub const STEP_S: u64 = 30;
/// How many steps a clock may be ahead or behind.
pub const SKEW_STEPS: u16 = 1;
const DIGITS: u8 = 6;

/// Asks for the second factor of somebody whose password was right, if they have one: a missing, a wrong and a used code are all
/// [`OperationError::SecondFactorRequired`].
pub async fn demand(
    services: &Services,
    tx: &mut Tx,
    person: PersonId,
    code: Option<&Redacted>,
) -> Result<(), OperationError> {
    if !totp::is_on(tx, person).await? {
        return Ok(());
    }
    let code = code.ok_or(OperationError::SecondFactorRequired)?;
    services.attempts.by_person(person)?;
    if spend(services, tx, person, code).await? { Ok(()) } else { Err(OperationError::SecondFactorRequired) }
}

/// Uses a code up, of the authenticator or of recovery; whether it was good.
async fn spend(
    services: &Services,
    tx: &mut Tx,
    person: PersonId,
    code: &Redacted,
) -> Result<bool, OperationError> {
    let Some(digits) = digits(code) else {
        return match recovery_codes::hash(code) {
            Some(hash) => Ok(stored_codes::take(tx, person, hash).await?),
            None => Ok(false),
        };
    };
    let factor = totp::get(&services.storage, tx, person).await?.filter(|f| f.confirmed_at.is_some());
    let step = factor.and_then(|factor| matching_step(&factor.secret, &digits, services.now()));
    match step {
        Some(step) => Ok(totp::take_step(tx, person, step).await?),
        None => Ok(false),
    }
}

/// A code as an authenticator shows it, the space in its middle left out.
fn digits(code: &Redacted) -> Option<Redacted> {
    let digits: String =
        code.expose().chars().filter(|c| !c.is_whitespace()).take(DIGITS as usize + 1).collect();
    let fine = digits.len() == DIGITS as usize && digits.bytes().all(|b| b.is_ascii_digit());
    let digits = Redacted::new(digits);
    fine.then_some(digits)
}

/// The time step that a code belongs to, if it is one of now, of the step before or of the next.
fn matching_step(secret: &Redacted<Vec<u8>>, digits: &Redacted, now: Timestamp) -> Option<u64> {
    let seconds = u64::try_from(now.as_micros()).unwrap_or(0) / 1_000_000;
    codes(secret.expose(), None).ok()?.check(digits.expose(), seconds)
}

/// SHA-1, six digits, 30 seconds: what every authenticator understands.
fn codes(secret: &[u8], account: Option<&str>) -> Result<Totp, OperationError> {
    let mut builder = Builder::new()
        .with_digits(DIGITS)
        .with_skew(SKEW_STEPS)
        .with_step_duration(STEP_S)
        .with_secret(secret.to_vec());
    if let Some(account) = account {
        builder = builder.with_account_name(account).with_issuer(Some("Factotum"));
    }
    builder
        .build()
        .map_err(|e| OperationError::Unavailable(format!("the second factor cannot be set up: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn secret() -> Redacted<Vec<u8>> {
        Redacted::new(b"12345678901234567890".to_vec())
    }

    fn step(code: &str, seconds: i64) -> Option<u64> {
        let digits = digits(&Redacted::new(code.to_owned()))?;
        matching_step(&secret(), &digits, Timestamp::from_micros(seconds * 1_000_000))
    }

    #[test]
    fn codes_are_those_of_the_rfc_one_step_early_or_late_at_the_most() {
        // The last six of the eight digits in the table.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let own = seconds as u64 / STEP_S;
            for skew in [-30, 0, 30] {
                assert_eq!(step(code, seconds + skew), Some(own), "{code} {skew}");
            }
            assert_eq!(step(code, seconds + 60), None);
            assert!(seconds < 60 || step(code, seconds - 60).is_none());
        }
        assert_eq!(step("287 082", 59), Some(1), "as authenticators show it");
    }

    #[test]
    fn what_is_no_code_of_an_authenticator_is_not_compared_with_one() {
        for bad in ["", "28708", "2870820", "28708a", "٢٨٧٠٨٢", "0287082"] {
            assert!(digits(&Redacted::new(bad.to_owned())).is_none(), "{bad}");
        }
    }
}
