//! A secret for a webhook and its sender.

use factotum_model::Redacted;

use super::no_randomness;
use crate::operations::OperationError;

/// How much randomness is in it, in bytes: as much as the hash that it keys gives.
const ENTROPY_BYTES: usize = 32;

/// A fresh secret: 64 hexadecimal digits.
pub fn fresh_secret() -> Result<Redacted, OperationError> {
    let mut entropy = [0; ENTROPY_BYTES];
    getrandom::fill(&mut entropy).map_err(no_randomness)?;
    Ok(Redacted::new(hex::encode(entropy)))
}
