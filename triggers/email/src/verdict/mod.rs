//! What proves where a mail comes from.

use std::net::IpAddr;

use factotum_model::email::{Email, Verdict, Verdicts};
use factotum_model::trigger::EmailConfig;

/// Asks for the proofs of mails.
#[derive(Debug, Default)]
pub struct Checker;

impl Checker {
    /// What SPF, DKIM and DMARC say.
    #[expect(clippy::unused_async, reason = "the look-ups wait for name servers")]
    pub async fn check(&self, _peer: IpAddr, _helo: &str, _mail_from: &str, _raw: &[u8]) -> Verdicts {
        Verdicts::default()
    }
}

/// Whether a trigger takes a mail with these proofs; why not, if it doesn't.
pub fn decide(config: &EmailConfig, email: &Email) -> Result<(), String> {
    for mechanism in &config.require {
        if email.verdicts.of(*mechanism) != Verdict::Pass {
            return Err(format!("{} did not pass", mechanism.as_str()));
        }
    }
    Ok(())
}
