//! Recovery codes. What must hold: there are ten, 80 random bits each, shown once; new ones end the old; making new ones needs the password and a code,
//! so that a session left open gives nobody a way in.

use factotum_model::audit::Target;
use factotum_model::{Digest, PersonId, Redacted, Timestamp};
use factotum_storage::{Tx, credentials, recovery_codes, totp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::demand;
use crate::operations::session::{Proven, proven};
use crate::operations::{Caller, OperationError, Services, Work};

/// How many there are at a time.
pub const CODES: usize = 10;
/// Their length, without the hyphens.
const CHARS: usize = 16;
/// 32 characters that are not taken for each other (Crockford's base32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What asks for password and code again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveTwice {
    /// The current password.
    #[schemars(with = "String")]
    pub password: Redacted,
    /// Six digits of the second factor, or a recovery code.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub code: Option<Redacted>,
}

/// Makes new ones in the place of the old.
pub async fn renew(
    services: &Services,
    caller: &Caller,
    asked: &ProveTwice,
) -> Result<Vec<Redacted>, OperationError> {
    let doing = "totp.recovery_codes";
    let proven = proven(services, caller, doing, &asked.password).await?;
    let target = Target::new("account", caller.principal.id);
    let mut work = Work::begin(services, caller, doing, Some(target)).await?;
    let done = act(&mut work, &proven, asked).await;
    work.end(done).await
}

async fn act(
    work: &mut Work<'_>,
    proven: &Proven,
    asked: &ProveTwice,
) -> Result<Vec<Redacted>, OperationError> {
    let person = proven.candidate.person_id;
    prove_second(work, proven, asked).await?;
    make(&mut work.tx, person, work.now).await
}

/// That there is a second factor, that this is a code of it, and that the password is still the one that was shown.
pub(super) async fn prove_second(
    work: &mut Work<'_>,
    proven: &Proven,
    asked: &ProveTwice,
) -> Result<(), OperationError> {
    let person = proven.candidate.person_id;
    if !totp::is_on(&mut work.tx, person).await? {
        return Err(OperationError::Conflict("you have no second factor".to_owned()));
    }
    if !credentials::is_still(&mut work.tx, person, &proven.hash).await? {
        return Err(OperationError::Conflict("the password was changed meanwhile; try again".to_owned()));
    }
    demand(work.services, &mut work.tx, person, asked.code.as_ref()).await
}

/// Makes a set of them in the transaction.
pub(super) async fn make(
    tx: &mut Tx,
    person: PersonId,
    now: Timestamp,
) -> Result<Vec<Redacted>, OperationError> {
    let made = (0..CODES).map(|_| fresh()).collect::<Result<Vec<_>, _>>()?;
    let hashes: Vec<Digest> = made.iter().filter_map(hash).collect();
    recovery_codes::replace(tx, person, &hashes, now).await?;
    Ok(made)
}

/// `XXXX-XXXX-XXXX-XXXX`
fn fresh() -> Result<Redacted, OperationError> {
    let mut bytes = [0; CHARS];
    getrandom::fill(&mut bytes)
        .map_err(|_| OperationError::Unavailable("the operating system gives no random bytes".to_owned()))?;
    let mut text = String::with_capacity(CHARS + 3);
    for (at, byte) in bytes.into_iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(Redacted::new(text))
}

/// What is stored of one, however it was typed; none if it cannot be one.
pub(super) fn hash(code: &Redacted) -> Option<Digest> {
    let kept = code.expose().chars().filter(|c| !matches!(c, '-' | ' ')).take(CHARS + 1);
    let text = Redacted::new(kept.map(|c| c.to_ascii_uppercase()).collect::<String>());
    let fine = text.expose().len() == CHARS && text.expose().bytes().all(|b| ALPHABET.contains(&b));
    fine.then(|| Digest::of(text.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = fresh().unwrap();
        let typed = |text: String| hash(&Redacted::new(text));
        assert_eq!(code.expose().len(), CHARS + 3);
        assert!(hash(&code).is_some());
        assert_eq!(typed(code.expose().to_lowercase().replace('-', " ")), hash(&code));
        for bad in ["", "287082", "IIII-IIII-IIII-IIII", "0000-0000-0000-0000-0"] {
            assert_eq!(typed(bad.to_owned()), None, "{bad}");
        }
    }
}
