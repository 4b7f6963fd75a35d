//! The client of an OpenID Connect provider: code flow with PKCE, state and nonce (OpenID Connect Core §3.1, RFC 7636, RFC 9207, RFC
//! 9700). What must hold: nobody is believed but the configured issuer, by a signature of an allowed algorithm with one of its keys;
//! what the provider sends is bounded in time and size; it redirects nothing.

mod discovery;
mod exchange;
mod fetch;
pub mod return_to;
mod verify;

use std::net::IpAddr;
use std::time::Duration;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient};
use openidconnect::{
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};

pub use exchange::{Answered, Checks};
pub use verify::Identified;

use crate::config::OidcConfig;
use crate::operations::Token;
use crate::operations::rate_limit::RateLimit;

/// The path that the provider sends the browser back to.
pub const CALLBACK: &str = "/api/v1/oidc/callback";
/// How often one address may begin or end a log-in, a minute and at once: many people can have one address.
const PER_MINUTE: u32 = 60;
const BURST: u32 = 100;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a log-in at the provider comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// It cannot be reached, or talks nonsense: tried again later.
    #[error("the identity provider cannot be reached, or does not answer as it should: {0}")]
    Provider(String),
    /// What came back proves nothing.
    #[error("{0}")]
    Refused(&'static str),
}

/// The configured provider.
pub struct Oidc {
    /// The settings.
    pub config: OidcConfig,
    redirect_url: RedirectUrl,
    fetch: fetch::Fetch,
    known: discovery::Cache,
    attempts: RateLimit<IpAddr>,
}

impl Oidc {
    /// A client of the configured provider; nothing is asked of it before somebody logs in. `public_url` is what the world calls this server.
    pub fn configured(config: OidcConfig, public_url: &str) -> Result<Self, OidcError> {
        let redirect_url = RedirectUrl::new(format!("{public_url}{CALLBACK}"))
            .map_err(|e| OidcError::Provider(format!("`{public_url}` is no URL to come back to: {e}")))?;
        Ok(Self {
            config,
            redirect_url,
            fetch: fetch::Fetch::over_tls()?,
            known: discovery::Cache::default(),
            attempts: RateLimit::new(PER_MINUTE, BURST),
        })
    }

    /// Takes one try of an address, or says how long until there is one.
    pub fn attempt(&self, from: IpAddr) -> Result<(), Duration> {
        self.attempts.take(&neighbourhood(from))
    }

    /// Forgets who has not tried lately; to be called from time to time.
    pub fn forget(&self) {
        self.attempts.forget();
    }

    /// Where to send the browser, for a log-in with these secrets.
    pub async fn authorization_url(
        &self,
        state: &Token,
        nonce: &Token,
        verifier: &Token,
    ) -> Result<String, OidcError> {
        let client = self.client().await?;
        let verifier = PkceCodeVerifier::new(verifier.expose().to_owned());
        let (state, nonce) = (state.expose().to_owned(), nonce.expose().to_owned());
        let (url, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(url.into())
    }

    async fn client(&self) -> Result<Client, OidcError> {
        let metadata = self.known.metadata(self).await?;
        let auth = discovery::way_to_authenticate(&metadata);
        Ok(CoreClient::from_provider_metadata(
            (*metadata).clone(),
            ClientId::new(self.config.client_id.clone()),
            Some(ClientSecret::new(self.config.client_secret.expose().clone())),
        )
        .set_auth_type(auth)
        .set_redirect_uri(self.redirect_url.clone()))
    }
}

/// Whose tries are counted together: an IPv6 subscriber has a /64.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}
