//! What the provider says about itself (OpenID Connect Discovery §4), and its keys. What must hold: asked for when needed and kept for a
//! bounded time; a provider that is down, or a token with an invented key id, makes no storm of requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, AuthType, IssuerUrl, ProviderMetadata};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{Oidc, OidcError};
use crate::config::oidc::is_safe_url;

/// How long what the provider said is believed.
const MAX_AGE: Duration = Duration::from_hours(1);
/// How long after a failure it is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// How often its keys are read again for a key id that is not among them.
const KEYS_AGAIN: Duration = Duration::from_secs(10);

/// What a provider says beyond Discovery.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Extra {
    /// RFC 9207 §3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Extra {}

pub(super) type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

#[derive(Default)]
pub(super) struct Cache(Mutex<State>);

#[derive(Default)]
struct State {
    known: Option<(Arc<Metadata>, Instant)>,
    keys_read: Option<Instant>,
    failed: Option<(String, Instant)>,
}

impl Cache {
    /// What the provider says. Who comes while it is asked waits for the same answer.
    pub(super) async fn metadata(&self, oidc: &Oidc) -> Result<Arc<Metadata>, OidcError> {
        let mut state = self.0.lock().await;
        if let Some((known, since)) = &state.known
            && since.elapsed() < MAX_AGE
        {
            return Ok(Arc::clone(known));
        }
        if let Some((reason, at)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(OidcError::Provider(reason.clone()));
        }
        match discover(oidc).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                let now = Instant::now();
                *state = State { known: Some((Arc::clone(&metadata), now)), keys_read: None, failed: None };
                Ok(metadata)
            }
            Err(reason) => {
                tracing::warn!(issuer = oidc.config.issuer, reason, "the identity provider cannot be used");
                state.known = None;
                state.failed = Some((reason.clone(), Instant::now()));
                Err(OidcError::Provider(reason))
            }
        }
    }

    /// Reads the keys again, for a key id that `seen` has not; `None` if that was done a moment ago, for nothing.
    pub(super) async fn with_fresh_keys(
        &self,
        oidc: &Oidc,
        seen: &Arc<Metadata>,
    ) -> Result<Option<Arc<Metadata>>, OidcError> {
        let mut state = self.0.lock().await;
        if let Some((known, _)) = &state.known
            && !Arc::ptr_eq(known, seen)
        {
            return Ok(Some(Arc::clone(known)));
        }
        if state.keys_read.is_some_and(|at| at.elapsed() < KEYS_AGAIN) {
            return Ok(None);
        }
        state.keys_read = Some(Instant::now());
        let keys = CoreJsonWebKeySet::fetch_async(seen.jwks_uri(), &oidc.fetch).await;
        let keys = keys.map_err(|e| OidcError::Provider(words(&e)))?;
        let fresh = Arc::new((**seen).clone().set_jwks(keys));
        if let Some((known, _)) = &mut state.known {
            *known = Arc::clone(&fresh);
        }
        Ok(Some(fresh))
    }
}

async fn discover(oidc: &Oidc) -> Result<Metadata, String> {
    let issuer = IssuerUrl::new(oidc.config.issuer.clone()).map_err(|e| e.to_string())?;
    let metadata = Metadata::discover_async(issuer, &oidc.fetch).await.map_err(|e| words(&e))?;
    let Some(token) = metadata.token_endpoint() else {
        return Err("its discovery document names no token endpoint".to_owned());
    };
    // Keys and tokens are asked for by `Fetch`, which looks itself; the browser goes to this one.
    for url in [metadata.authorization_endpoint().as_str(), token.as_str()] {
        if !url.parse::<Uri>().is_ok_and(|uri| is_safe_url(&uri)) {
            return Err(format!("its endpoint {url} is not `https`"));
        }
    }
    Ok(metadata)
}

/// An error with its causes, of which the crate's own words say little.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// HTTP Basic (RFC 6749 §2.3.1), unless the provider says that it takes the secret only in the body.
pub(super) fn way_to_authenticate(metadata: &Metadata) -> AuthType {
    let methods = metadata.token_endpoint_auth_methods_supported();
    let takes = |method| methods.is_some_and(|all| all.contains(&method));
    let only_body =
        takes(CoreClientAuthMethod::ClientSecretPost) && !takes(CoreClientAuthMethod::ClientSecretBasic);
    if only_body { AuthType::RequestBody } else { AuthType::BasicAuth }
}
