//! The check of `verify`. What must hold: whoever gives a secret or a setting can rely on its being used; no error repeats a secret.

use factotum_model::trigger::{Verify, VerifyPreset};

use super::{
    ConfigError, MAX_PREFIX_BYTES, MAX_SECRET_BYTES, MAX_SECRETS, MAX_TOLERANCE_S, MIN_SECRET_BYTES,
    check_header, refuse,
};
use crate::preset::{self, Field};
use crate::token::Token;
use crate::verify::Key;

/// The longest URL of a webhook, in bytes.
const MAX_URL_BYTES: usize = 2_048;

pub(super) fn check(verify: &Verify) -> Result<(), ConfigError> {
    let taken = preset::fields(verify.preset);
    let unused = Field::ALL.into_iter().find(|field| field.is_in(verify) && !taken.contains(field));
    if let Some(field) = unused {
        let preset = verify.preset.as_str();
        return refuse(field.name(), format!("has no effect with `\"preset\": \"{preset}\"`"));
    }
    if verify.preset != VerifyPreset::None {
        check_secrets(verify)?;
    }
    match verify.preset {
        VerifyPreset::Hmac => check_hmac(verify),
        VerifyPreset::Standard | VerifyPreset::Stripe | VerifyPreset::Slack => check_tolerance(verify),
        VerifyPreset::Meta => check_verify_token(verify),
        VerifyPreset::Twilio => check_public_url(verify),
        _ => Ok(()),
    }
}

fn check_secrets(verify: &Verify) -> Result<(), ConfigError> {
    let field = "verify.secrets";
    if verify.secrets.is_empty() || verify.secrets.len() > MAX_SECRETS {
        return refuse(field, format!("give 1 to {MAX_SECRETS} secrets"));
    }
    let least = if preset::secret_is_the_senders(verify.preset) { 1 } else { MIN_SECRET_BYTES };
    if verify.secrets.iter().any(|s| !(least..=MAX_SECRET_BYTES).contains(&s.expose().len())) {
        return refuse(field, format!("a secret has {least} to {MAX_SECRET_BYTES} bytes"));
    }
    let each = |fine: fn(&str) -> bool, words| {
        if verify.secrets.iter().all(|secret| fine(secret.expose())) { Ok(()) } else { refuse(field, words) }
    };
    match verify.preset {
        VerifyPreset::Standard => each(
            |text| Key::parse(text).is_some(),
            "a key is `whsec_` or `whpk_` followed by base64, for ed25519 that of 32 bytes",
        ),
        VerifyPreset::Basic => each(
            |text| text.split_once(':').is_some_and(|(name, _)| !name.is_empty()),
            "write it as `name:password`",
        ),
        VerifyPreset::Bearer => {
            each(|text| text.bytes().all(|b| b.is_ascii_graphic()), "a token is visible ASCII without spaces")
        }
        _ => Ok(()),
    }
}

fn check_hmac(verify: &Verify) -> Result<(), ConfigError> {
    let Some(header) = &verify.header else {
        return refuse("verify.header", "name the header that carries the signature");
    };
    check_header("verify.header", header)?;
    let prefix = verify.prefix.as_deref().unwrap_or_default();
    if prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return refuse("verify.prefix", format!("at most {MAX_PREFIX_BYTES} bytes of visible ASCII"));
    }
    match &verify.timestamp_header {
        Some(name) if name.eq_ignore_ascii_case(header) => {
            refuse("verify.timestamp_header", "is the signature's own header")
        }
        Some(name) => {
            check_tolerance(verify)?;
            check_header("verify.timestamp_header", name)
        }
        None if verify.tolerance_s.is_some() => {
            refuse("verify.tolerance_s", "has no effect without `timestamp_header`")
        }
        None => Ok(()),
    }
}

fn check_tolerance(verify: &Verify) -> Result<(), ConfigError> {
    match verify.tolerance_s {
        Some(seconds) if !(1..=MAX_TOLERANCE_S).contains(&seconds) => {
            refuse("verify.tolerance_s", format!("between 1 and {MAX_TOLERANCE_S} seconds"))
        }
        _ => Ok(()),
    }
}

fn check_verify_token(verify: &Verify) -> Result<(), ConfigError> {
    match &verify.verify_token {
        Some(token) if (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&token.expose().len()) => Ok(()),
        Some(_) => refuse(
            "verify.verify_token",
            format!("a verify token has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes"),
        ),
        None => refuse("verify.verify_token", "make one up, and give it to Meta with the URL"),
    }
}

fn check_public_url(verify: &Verify) -> Result<(), ConfigError> {
    let Some(url) = &verify.public_url else { return Ok(()) };
    let field = "verify.public_url";
    let parsed = url.replace("{token}", "token").parse::<http::Uri>().ok();
    let fine =
        parsed.is_some_and(|u| matches!(u.scheme_str(), Some("http" | "https")) && u.authority().is_some());
    if !fine || url.len() > MAX_URL_BYTES {
        return refuse(field, "not a URL; write it as it is entered at Twilio, `https://…`");
    }
    // The configuration is shown to those who may not see the URL.
    if url.split(['/', '?', '&', '=', '#']).any(|part| Token::parse(part).is_some()) {
        return refuse(field, "holds the webhook's token: write `{token}` in its place");
    }
    Ok(())
}
