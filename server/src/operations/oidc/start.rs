//! Sending a browser to the identity provider. What must hold: what the answer is checked against stays here, sealed; the browser gets a
//! token of its own, so that nobody else's browser can end what it began.

use std::time::Duration;

use factotum_model::{PersonId, Redacted, SessionId};
use factotum_storage::oidc_flows::{self, NewFlow};

use super::accept::Taking;
use super::{Kept, Linking, organization};
use crate::oidc::{Checks, Oidc, return_to};
use crate::operations::{Caller, OperationError, Services, Token};

/// How long somebody may take at the provider.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// A log-in that has begun.
pub struct Started {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps.
    pub browser: Token,
}

/// Begins a log-in.
pub async fn start(
    services: &Services,
    oidc: &Oidc,
    return_to: Option<&str>,
) -> Result<Started, OperationError> {
    begin(services, oidc, return_to, (None, None)).await
}

/// Begins the linking of an identity to [the person](crate::operations::identity::person) who calls.
pub async fn start_link(
    services: &Services,
    caller: &Caller,
    (person, session): (PersonId, SessionId),
    oidc: &Oidc,
    return_to: Option<&str>,
) -> Result<Started, OperationError> {
    let mut tx = services.storage.read().await?;
    let meant = organization(&mut tx, &oidc.config).await?;
    drop(tx);
    if !meant.is_ok_and(|o| o.id == caller.org_id) {
        let reason = "people of this organization do not log in at the identity provider".to_owned();
        let denied = OperationError::Denied { permission: "log-in".to_owned(), reason };
        return Err(caller.refused(services, "identity.link", None, denied).await);
    }
    let linking = Linking { org: caller.org_id, account: caller.principal.id, person, session };
    begin(services, oidc, return_to, (Some(linking), None)).await
}

/// Begins a log-in, for nothing more than that, or to link an identity, or to take an invitation up.
pub(super) async fn begin(
    services: &Services,
    oidc: &Oidc,
    return_to: Option<&str>,
    (link, invitation): (Option<Linking>, Option<Taking>),
) -> Result<Started, OperationError> {
    let return_to = return_to::checked(return_to).map_err(|e| OperationError::invalid("return_to", e))?;
    let (state, browser) = (Token::fresh()?, Token::fresh()?);
    let (nonce, verifier) = (Token::fresh()?, Token::fresh()?);
    let url = oidc.authorization_url(&state, &nonce, &verifier).await?;
    let checks = Checks { nonce: nonce.expose().to_owned(), verifier: verifier.expose().to_owned() };
    let kept = serde_json::to_vec(&Kept { checks, return_to, link, invitation })
        .map_err(|e| OperationError::Unavailable(format!("a log-in cannot be written down: {e}")))?;
    let now = services.now();
    let flow = NewFlow {
        state_hash: state.hash(),
        browser_hash: browser.hash(),
        checks: Redacted::new(kept),
        expires_at: now.plus(PATIENCE),
    };
    let mut tx = services.storage.write().await?;
    oidc_flows::create(&services.storage, &mut tx, &flow, now).await?;
    tx.commit().await?;
    Ok(Started { url, browser })
}
