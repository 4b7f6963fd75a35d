//! Whether an ID token proves who somebody is (OpenID Connect Core §3.1.3.7). What must hold: it is signed by the issuer with an algorithm
//! of the list below, never `none` or with a shared secret; it is for this client alone, of this log-in, and of now.

use std::time::{Duration, SystemTime};

use factotum_model::Timestamp;
use openidconnect::core::{CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, Nonce, SignatureVerificationError,
};

use super::OidcError;
use super::discovery::Metadata;

/// What a signature may be made with.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// How far the provider's clock may be off.
const LEEWAY: Duration = Duration::from_mins(1);
/// How old a token may be: it comes right after the code was given.
const MAX_AGE: Duration = Duration::from_mins(10);
/// OpenID Connect Core §2: a subject has at most 255 ASCII characters.
const MAX_SUBJECT_BYTES: usize = 255;

/// Who somebody is, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The provider.
    pub issuer: String,
    /// Its name for the person.
    pub subject: String,
    /// Their e-mail address, if it says.
    pub email: Option<String>,
    /// Whether it has made sure that the address is theirs.
    pub email_verified: bool,
}

/// Why a token was not believed.
pub(super) enum Disbelief {
    /// No key of the provider has its key id: it may have a new one.
    UnknownKey,
    /// It proves nothing.
    Refused(&'static str),
}

impl From<Disbelief> for OidcError {
    fn from(disbelief: Disbelief) -> Self {
        Self::Refused(match disbelief {
            Disbelief::UnknownKey => {
                "the identity provider's token is signed with a key that it does not publish"
            }
            Disbelief::Refused(why) => why,
        })
    }
}

/// What a token is checked against.
pub(super) struct Expected<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a Nonce,
    pub(super) access_token: &'a AccessToken,
    pub(super) now: Timestamp,
}

/// The token's claims, if it proves them.
pub(super) fn verified<'t>(
    token: &'t CoreIdToken,
    expected: &Expected<'_>,
) -> Result<&'t CoreIdTokenClaims, Disbelief> {
    let now = expected.now;
    let at = u64::try_from(now.minus(LEEWAY).as_micros()).unwrap_or(0);
    let (oldest, newest) = (now.minus(MAX_AGE + LEEWAY), now.plus(LEEWAY));
    // Without a shared secret in it, this verifier takes no algorithm that has one, whatever the list says.
    let verifier = CoreIdTokenVerifier::new_public_client(
        ClientId::new(expected.client_id.to_owned()),
        expected.metadata.issuer().clone(),
        expected.metadata.jwks().clone(),
    )
    .set_allowed_algs(ALGORITHMS)
    .set_time_fn(move || (SystemTime::UNIX_EPOCH + Duration::from_micros(at)).into())
    .set_issue_time_verifier_fn(move |issued| {
        let issued = Timestamp::from_micros(issued.timestamp().saturating_mul(1_000_000));
        if issued < oldest || issued > newest { Err("issued at another time".to_owned()) } else { Ok(()) }
    });
    let claims = token.claims(&verifier, expected.nonce).map_err(|error| disbelief(&error))?;
    // Of these the crate has no opinion.
    let refused = |why| Err(Disbelief::Refused(why));
    if claims.audiences().len() > 1 && claims.authorized_party().is_none() {
        return refused("the identity provider's token is for several, and does not say for whom of them");
    }
    if claims.authorized_party().is_some_and(|azp| azp.as_str() != expected.client_id) {
        return refused("the identity provider's token was given to another client");
    }
    let subject = claims.subject().as_str();
    if subject.is_empty()
        || subject.len() > MAX_SUBJECT_BYTES
        || !subject.bytes().all(|b| (b' '..=b'~').contains(&b))
    {
        return refused("the identity provider's token names nobody");
    }
    if let Some(hash) = claims.access_token_hash() {
        let own = token.signing_alg().ok().zip(token.signing_key(&verifier).ok());
        let own =
            own.and_then(|(alg, key)| AccessTokenHash::from_token(expected.access_token, alg, key).ok());
        if own.as_ref() != Some(hash) {
            return refused("the identity provider's tokens do not belong together");
        }
    }
    Ok(claims)
}

fn disbelief(error: &ClaimsVerificationError) -> Disbelief {
    use ClaimsVerificationError as E;
    Disbelief::Refused(match error {
        E::SignatureVerification(SignatureVerificationError::NoMatchingKey) => return Disbelief::UnknownKey,
        E::SignatureVerification(_) => "the identity provider's token is not signed as it should be",
        E::InvalidIssuer(_) => "the identity provider's token comes from another issuer",
        E::InvalidAudience(_) => "the identity provider's token is for another client",
        E::InvalidNonce(_) => "the identity provider's token belongs to another log-in",
        E::Expired(_) => "the identity provider's token is not of now; are the clocks right?",
        _ => "the identity provider's token cannot be read",
    })
}
