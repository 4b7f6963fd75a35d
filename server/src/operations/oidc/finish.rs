//! A browser that comes back from the identity provider. What must hold: its log-in was begun here, by this browser, lately, and is taken out
//! before anything else, so that the same answer never counts twice.

use factotum_storage::oidc_flows;

use super::{Kept, Refused, accept, enter, link};
use crate::oidc::{Answered, Oidc, OidcError};
use crate::operations::session::Begun;
use crate::operations::{OperationError, Origin, Services, Token};

/// What the provider has the browser bring (RFC 6749 §4.1.2, RFC 9207).
#[derive(Debug, Default)]
pub struct Callback {
    /// Which log-in it is.
    pub state: Option<String>,
    /// What the tokens are had for.
    pub code: Option<String>,
    /// The provider.
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// What the browser itself holds.
#[derive(Debug)]
pub struct Browser {
    /// Since it began the log-in.
    pub flow: Option<Token>,
    /// Its session, if it has one.
    pub session: Option<Token>,
}

/// A log-in that has come to its end.
#[derive(Debug)]
pub struct Finished {
    /// The new session; none where an identity was linked.
    pub session: Option<Begun>,
    /// Where the browser goes.
    pub return_to: String,
}

impl From<OidcError> for OperationError {
    fn from(error: OidcError) -> Self {
        match error {
            // Its reason stands in the log: strangers need not know how the provider is reached.
            OidcError::Provider(_) => {
                Self::Unavailable("the identity provider cannot be reached, or does not answer as it should; try again in a moment".to_owned())
            }
            OidcError::Refused(why) => super::denied(why),
        }
    }
}

/// Ends it.
pub async fn finish(
    services: &Services,
    oidc: &Oidc,
    callback: Callback,
    browser: Browser,
    origin: &Origin,
) -> Result<Finished, OperationError> {
    let kept = match take(services, &callback, &browser).await {
        Ok(kept) => kept,
        Err(refused) => return Err(refused.settle(services, "session.begin", origin).await),
    };
    let doing = match &kept {
        Kept { link: Some(_), .. } => "identity.link",
        Kept { invitation: Some(_), .. } => "invitation.accept",
        _ => "session.begin",
    };
    let done = match answered(callback) {
        Ok(answered) => complete(services, oidc, answered, &kept, &browser, origin).await,
        Err(refused) => Err(refused),
    };
    match done {
        Ok(session) => Ok(Finished { session, return_to: kept.return_to }),
        Err(refused) => Err(refused.settle(services, doing, origin).await),
    }
}

async fn take(services: &Services, callback: &Callback, browser: &Browser) -> Result<Kept, Refused> {
    const UNKNOWN: &str =
        "this log-in was not begun here, has ended already, or took more than 10 minutes; begin it again";
    let state = callback.state.as_ref().and_then(|text| text.parse::<Token>().ok());
    let state = state.ok_or_else(|| Refused::stranger(UNKNOWN))?;
    let mut tx = services.storage.write().await?;
    let flow = oidc_flows::take(&services.storage, &mut tx, state.hash(), services.now()).await?;
    tx.commit().await?;
    let flow = flow.ok_or_else(|| Refused::stranger(UNKNOWN))?;
    if browser.flow.as_ref().is_none_or(|token| token.hash() != flow.browser_hash) {
        return Err(Refused::stranger(
            "this log-in was begun in another browser, or after it another one in this; begin it again",
        ));
    }
    serde_json::from_slice(flow.checks.expose()).map_err(|e| {
        let reason = format!("a log-in under way cannot be read: {e}");
        Refused::Failed(OperationError::Unavailable(reason))
    })
}

fn answered(callback: Callback) -> Result<Answered, Refused> {
    match (callback.error, callback.code) {
        (None, Some(code)) => Ok(Answered { code, issuer: callback.issuer }),
        (Some(_), _) => Err(Refused::stranger("the identity provider refused the log-in, or you did")),
        (None, None) => Err(Refused::stranger("the identity provider sent no code")),
    }
}

async fn complete(
    services: &Services,
    oidc: &Oidc,
    answered: Answered,
    kept: &Kept,
    browser: &Browser,
    origin: &Origin,
) -> Result<Option<Begun>, Refused> {
    let who = match oidc.identify(answered, &kept.checks, services.now()).await {
        Ok(who) => who,
        Err(OidcError::Refused(why)) => return Err(Refused::stranger(why)),
        Err(error @ OidcError::Provider(_)) => {
            tracing::warn!(error = error.to_string(), request_id = %origin.request_id, "a log-in could not be completed");
            return Err(error.into());
        }
    };
    let session = browser.session.as_ref();
    match (&kept.link, &kept.invitation) {
        (Some(linking), _) => {
            link::complete(services, oidc, &who, *linking, session, origin).await?;
            Ok(None)
        }
        (None, Some(taking)) => accept::accept(services, oidc, &who, taking, origin, session).await.map(Some),
        (None, None) => enter::enter(services, oidc, &who, origin, session).await.map(Some),
    }
}
