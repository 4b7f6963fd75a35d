//! Who is told: adding, removing, and trying whether it arrives. What must hold: a webhook's URL leads where TLS goes, or to this machine; its secret is made here, and shown once.

use factotum_model::audit::Target;
use factotum_model::email::check_address;
use factotum_model::notice::Content;
use factotum_model::{Action, NoticeId, RecipientId, Redacted};
use factotum_storage::notice_recipients::{self, Channel, Endpoint, MOST, Recipient};
use factotum_storage::notices::{self, To};
use http::Uri;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::config::oidc::is_safe_url;
use crate::operations::{Caller, Once, OperationError, Services, Work};
use crate::view::notice::{RecipientView, TestView};

/// The longest URL, in bytes.
const MAX_URL_BYTES: usize = 2_000;

/// What `POST /notices/recipients` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
#[schemars(rename = "NewNoticeRecipient")]
pub enum NewRecipient {
    /// A mail address.
    Mail {
        /// The address.
        #[schemars(schema_with = "crate::view::schema::email")]
        address: String,
    },
    /// A webhook.
    Webhook {
        /// Where messages are posted to: `https`, or `http` on this machine.
        #[schemars(with = "String", length(min = 8, max = MAX_URL_BYTES))]
        url: Redacted,
    },
}

/// A recipient that was made.
#[derive(Debug)]
pub struct Made {
    /// As it may be shown.
    pub recipient: Recipient,
    /// A webhook's secret, to be shown this once.
    pub secret: Option<Redacted>,
}

/// Adds one.
pub async fn create(
    services: &Services,
    caller: &Caller,
    new: &NewRecipient,
    once: Option<&Once>,
) -> Result<Made, OperationError> {
    // One after another, so that two at once do not make one too many.
    let work = Work::begin_in_turn(services, caller, "notice_recipient.create", None).await?;
    let mut work = work.once(once).await?;
    let done = add(&mut work, new).await;
    work.end(done).await
}

async fn add(work: &mut Work<'_>, new: &NewRecipient) -> Result<Made, OperationError> {
    work.authorize(Action::SETTINGS_UPDATE, None)?;
    let (org, now) = (work.caller.org_id, work.now);
    let id = RecipientId::random();
    let (channel, shown, endpoint) = match new {
        NewRecipient::Mail { address } => {
            let address = check_address(address).map_err(|e| OperationError::invalid("address", e))?;
            (Channel::Mail, address, None)
        }
        NewRecipient::Webhook { url } => {
            let shown = check_url(url.expose())?;
            let secret = crate::notices::fresh_secret()?;
            let endpoint = Endpoint { url: url.expose().clone(), secret: secret.expose().clone() };
            (Channel::Webhook, shown, Some(endpoint))
        }
    };
    let known = notice_recipients::list(&mut work.tx, org).await?;
    if known.len() >= MOST {
        let words =
            format!("there are {MOST} recipients, which is as many as there can be; remove one first");
        return Err(OperationError::Conflict(words));
    }
    if channel == Channel::Mail && known.iter().any(|one| one.channel == channel && one.shown == shown) {
        return Err(OperationError::Conflict("this address is told already".to_owned()));
    }
    let recipient = Recipient { id, channel, shown, created_at: now };
    let storage = &work.services.storage;
    notice_recipients::create(storage, &mut work.tx, org, &recipient, endpoint.as_ref()).await?;
    work.target(Target::new("notice_recipient", id));
    work.change(json!({"after": {"kind": channel.as_str(), "to": recipient.shown}}));
    // A repetition of the request is answered without the secret.
    work.answered(201, &RecipientView::from(&recipient)).await?;
    let secret = endpoint.as_ref().map(|endpoint| Redacted::new(endpoint.secret.clone()));
    Ok(Made { recipient, secret })
}

/// Checks a URL; what may be shown of it: all but path and query, in which a secret may be.
fn check_url(text: &str) -> Result<String, OperationError> {
    let wrong = || {
        let how = "write it as `https://chat.example.com/hooks/abc`, without a password; `http` goes to this machine alone";
        OperationError::invalid("url", how)
    };
    let url = text.parse::<Uri>().ok().filter(is_safe_url).ok_or_else(wrong)?;
    if text.len() > MAX_URL_BYTES || text.contains('#') || authority(&url).contains('@') {
        return Err(wrong());
    }
    Ok(format!("{}://{}", url.scheme_str().unwrap_or("https"), authority(&url)))
}

fn authority(url: &Uri) -> &str {
    url.authority().map_or("", |authority| authority.as_str())
}

/// Removes one.
pub async fn delete(services: &Services, caller: &Caller, id: &str) -> Result<(), OperationError> {
    let target = Target::new("notice_recipient", id);
    let mut work = Work::begin(services, caller, "notice_recipient.delete", Some(target)).await?;
    let done = remove(&mut work, id).await;
    work.end(done).await
}

async fn remove(work: &mut Work<'_>, id: &str) -> Result<(), OperationError> {
    let recipient = named(work, id).await?;
    work.change(json!({"before": {"kind": recipient.channel.as_str(), "to": recipient.shown}}));
    notice_recipients::delete(&mut work.tx, work.caller.org_id, recipient.id).await?;
    Ok(())
}

/// The recipient of this id, for whoever may change it.
async fn named(work: &mut Work<'_>, id: &str) -> Result<Recipient, OperationError> {
    work.authorize(Action::SETTINGS_UPDATE, None)?;
    let id: RecipientId = id.parse().map_err(|_| OperationError::NotFound)?;
    let found = notice_recipients::get(&mut work.tx, work.caller.org_id, id).await?;
    found.ok_or(OperationError::NotFound)
}

/// Sends one a message, once, to see whether it arrives; the message.
pub async fn test(
    services: &Services,
    caller: &Caller,
    id: &str,
    once: Option<&Once>,
) -> Result<NoticeId, OperationError> {
    let target = Target::new("notice_recipient", id);
    let work = Work::begin(services, caller, "notice.test", Some(target)).await?;
    let mut work = work.once(once).await?;
    let done = begin_test(&mut work, id).await;
    work.end(done).await
}

async fn begin_test(work: &mut Work<'_>, id: &str) -> Result<NoticeId, OperationError> {
    let recipient = named(work, id).await?;
    let to = match recipient.channel {
        Channel::Mail => To::Mail(recipient.id),
        Channel::Webhook => To::Webhook(recipient.id),
    };
    let content = Content { test: true, ..Content::default() };
    let notice = notices::enqueue(&mut work.tx, work.caller.org_id, to, content, work.now).await?;
    work.answered(202, &TestView { notice: notice.to_string() }).await?;
    Ok(notice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_only_the_host_is_shown() {
        for (url, shown) in [
            ("https://hooks.slack.com/services/T0/B0/hunter2", "https://hooks.slack.com"),
            ("https://chat.example.com:8443/in?token=hunter2", "https://chat.example.com:8443"),
            ("http://127.0.0.1:9/in", "http://127.0.0.1:9"),
            ("https://chat.example.com/@me", "https://chat.example.com"),
        ] {
            assert_eq!(check_url(url).unwrap(), shown);
        }
        for bad in [
            "",
            "chat.example.com",
            "http://chat.example.com/in",
            "ftp://chat.example.com",
            "https://me:hunter2@chat.example.com/in",
            "https://chat.example.com/#a",
            &format!("https://chat.example.com/{}", "a".repeat(2_000)),
        ] {
            let error = check_url(bad).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
