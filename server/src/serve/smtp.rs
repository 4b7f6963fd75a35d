//! Where mail is taken.

use factotum_email::verdict::Checker;
use factotum_email::{Listener, Settings};

use super::ServeError;
use crate::config::Config;
use crate::http::tls;

/// The bound socket, unless `smtp_listen` is off.
pub async fn bind(config: &Config) -> Result<Option<Listener>, ServeError> {
    let Some(listen) = config.mail.listen else { return Ok(None) };
    let smtp = &config.smtp;
    let acceptor = smtp.tls.as_ref().map(|files| tls::acceptor(files, &[], false)).transpose();
    let settings = Settings {
        listen,
        hostname: smtp.hostname.clone(),
        tls: acceptor.map_err(crate::http::ServeError::from)?,
        require_tls: smtp.require_tls,
        limits: smtp.limits.clone(),
    };
    Ok(Some(Listener::bind(settings).await?))
}

/// What proves where a mail comes from; not needed where none is taken.
pub fn checker(config: &Config) -> Result<Option<Checker>, ServeError> {
    if config.mail.listen.is_none() {
        return Ok(None);
    }
    Ok(Some(Checker::new(&config.smtp.dns, config.smtp.hostname.clone())?))
}
