//! Where the world brings webhooks. What must hold: a webhook that asks for what this server cannot see is refused when it is set up.

use factotum_model::Redacted;
use factotum_model::trigger::WebhookConfig;
use factotum_webhook::Token;

use crate::operations::OperationError;

/// Where hooks are served.
#[derive(Debug, Clone)]
pub struct HookDoor {
    /// What the world calls it, without a slash at the end.
    pub url: String,
    /// Whether senders are asked for a certificate: only where this server does TLS itself.
    pub asks_for_certificates: bool,
}

impl HookDoor {
    /// The URL of a webhook with this token.
    pub fn url_of(&self, token: &str) -> Redacted {
        Redacted::new(format!("{}/hooks/{token}", self.url))
    }

    /// The URL of a webhook, for those who may read it.
    pub(super) fn shown(&self, token: &Token) -> String {
        self.url_of(token.expose()).expose().clone()
    }

    /// Refuses a configuration that nobody could deliver to here.
    pub(super) fn check(&self, config: &WebhookConfig) -> Result<(), OperationError> {
        if config.client_certificates.is_empty() || self.asks_for_certificates {
            return Ok(());
        }
        let words = "this server speaks no TLS itself, so no client certificate ever reaches it: give it `--tls-cert` and `--tls-key`, \
            or pin the certificate at the proxy that does TLS and leave this out";
        Err(OperationError::invalid("config.client_certificates", words))
    }
}
