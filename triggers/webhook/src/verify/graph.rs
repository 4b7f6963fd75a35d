//! Microsoft Graph's change notifications: each one repeats the `clientState` that was given with its subscription. What must hold: one that lacks
//! it, or has another, refuses the whole delivery; the secret, which stands in the body, is blotted out before the body is stored.

use std::ops::Range;

use factotum_model::trigger::Verify;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{VerifyError, credentials};

/// The field of a notification that holds the secret.
pub(crate) const CLIENT_STATE: &str = "clientState";

#[derive(Deserialize)]
struct Notifications<'b> {
    #[serde(borrow)]
    value: Vec<Notification<'b>>,
}

#[derive(Deserialize)]
struct Notification<'b> {
    #[serde(borrow, rename = "clientState")]
    client_state: Option<&'b RawValue>,
}

pub(super) fn verify(config: &Verify, body: &[u8]) -> Result<(), VerifyError> {
    let read: Notifications<'_> =
        serde_json::from_slice(body).map_err(|_| VerifyError::CredentialsMalformed)?;
    if read.value.is_empty() {
        return Err(VerifyError::CredentialsMissing);
    }
    for notification in &read.value {
        let state = notification.client_state.ok_or(VerifyError::CredentialsMissing)?;
        let state: String =
            serde_json::from_str(state.get()).map_err(|_| VerifyError::CredentialsMalformed)?;
        credentials::fits(config, state.as_bytes())?;
    }
    Ok(())
}

/// A verified body with each secret blotted out by asterisks, wherever and however it is written there; its length stays.
pub(crate) fn mask(mut body: Vec<u8>) -> Vec<u8> {
    let places: Vec<Range<usize>> = match serde_json::from_slice::<Notifications<'_>>(&body) {
        Ok(read) => {
            let states = read.value.iter().filter_map(|n| n.client_state);
            states.map(|state| place(&body, state.get())).collect()
        }
        Err(_) => Vec::new(),
    };
    for place in places {
        // Between the quotes.
        let inner = place.start + 1..place.end.saturating_sub(1);
        if let Some(secret) = body.get_mut(inner) {
            secret.fill(b'*');
        }
    }
    body
}

/// Where a part stands that was borrowed from the whole.
fn place(whole: &[u8], part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}
