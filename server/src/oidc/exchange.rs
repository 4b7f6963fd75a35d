//! The provider's answer: from the code that the browser brought to who it is. What must hold: the answer belongs to the log-in that was
//! begun here, by state, issuer, code verifier and nonce; what is not in the ID token is asked with the access token, which is then dropped.

use factotum_model::Timestamp;
use openidconnect::core::{CoreRequestTokenError, CoreTokenResponse, CoreUserInfoClaims};
use openidconnect::{
    AccessToken, AuthorizationCode, Nonce, OAuth2TokenResponse as _, PkceCodeVerifier, RequestTokenError,
    SubjectIdentifier, TokenResponse as _,
};
use serde::{Deserialize, Serialize};

use super::discovery::words;
use super::verify::{Disbelief, Expected, Identified, verified};
use super::{Client, Oidc, OidcError};

/// What the provider's answer is checked against.
#[derive(Serialize, Deserialize)]
pub struct Checks {
    /// In the ID token again (OpenID Connect Core §15.5.2).
    pub nonce: String,
    /// Proves to the provider that who brings the code began the log-in (RFC 7636).
    pub verifier: String,
}

/// What the browser brought from the provider.
pub struct Answered {
    /// The code.
    pub code: String,
    /// Who sends it (RFC 9207).
    pub issuer: Option<String>,
}

impl Oidc {
    /// Who somebody is.
    pub async fn identify(
        &self,
        answered: Answered,
        checks: &Checks,
        now: Timestamp,
    ) -> Result<Identified, OidcError> {
        let client = self.client().await?;
        let mut metadata = self.known.metadata(self).await?;
        let names_itself = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match &answered.issuer {
            Some(issuer) if *issuer != self.config.issuer => {
                return Err(OidcError::Refused("the answer comes from another identity provider"));
            }
            None if names_itself => {
                return Err(OidcError::Refused(
                    "the answer does not say from which identity provider it comes",
                ));
            }
            _ => {}
        }
        let tokens = self.exchange(&client, answered.code, &checks.verifier).await?;
        let access_token = tokens.access_token();
        let id_token =
            tokens.id_token().ok_or(OidcError::Refused("the identity provider sent no ID token"))?;
        let nonce = Nonce::new(checks.nonce.clone());
        let client_id = self.config.client_id.as_str();
        let expected = Expected { metadata: &metadata, client_id, nonce: &nonce, access_token, now };
        let claims = match verified(id_token, &expected) {
            Err(Disbelief::UnknownKey) => {
                let fresh = self.known.with_fresh_keys(self, &metadata).await?;
                metadata = fresh.ok_or(Disbelief::UnknownKey)?;
                verified(
                    id_token,
                    &Expected { metadata: &metadata, client_id, nonce: &nonce, access_token, now },
                )?
            }
            other => other?,
        };
        let mut identified = Identified {
            issuer: self.config.issuer.clone(),
            subject: claims.subject().to_string(),
            email: claims.email().map(|email| email.to_string()),
            email_verified: claims.email_verified() == Some(true),
        };
        if identified.email.is_none()
            && let Some(info) = self.user_info(&client, access_token, claims.subject()).await?
        {
            identified.email = info.email().map(|email| email.to_string());
            identified.email_verified = info.email_verified() == Some(true);
        }
        Ok(identified)
    }

    async fn exchange(
        &self,
        client: &Client,
        code: String,
        verifier: &str,
    ) -> Result<CoreTokenResponse, OidcError> {
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|e| OidcError::Provider(e.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()));
        let answer: Result<_, CoreRequestTokenError<_>> = request.request_async(&self.fetch).await;
        answer.map_err(|error| match error {
            // The provider's own words may hold what it was sent.
            RequestTokenError::ServerResponse(_) => {
                OidcError::Refused("the identity provider does not take the code; begin the log-in again")
            }
            RequestTokenError::Request(error) => OidcError::Provider(words(&error)),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                OidcError::Refused("the identity provider's answer to the code cannot be read")
            }
        })
    }

    /// What the provider says of this subject, where it has an endpoint for that (OpenID Connect Core §5.3).
    async fn user_info(
        &self,
        client: &Client,
        access_token: &AccessToken,
        subject: &SubjectIdentifier,
    ) -> Result<Option<CoreUserInfoClaims>, OidcError> {
        let Ok(request) = client.user_info(access_token.clone(), Some(subject.clone())) else {
            return Ok(None);
        };
        let info = request.request_async(&self.fetch).await;
        info.map(Some).map_err(|error| match error {
            openidconnect::UserInfoError::Request(error) => OidcError::Provider(words(&error)),
            _ => OidcError::Refused("the identity provider's description of the person cannot be believed"),
        })
    }
}
