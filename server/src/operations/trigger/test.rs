//! A test delivery: a sample as the trigger's kind has it, sent through the path that every delivery takes: a webhook's is signed with its own secret, a schedule
//! fires once, a mail goes to the trigger's own address; the last two are marked as tests. What must hold: who sends one
//! holds what making the trigger needs, as the run has the base account's rights; that somebody tried is on the record before it happens.

use bytes::Bytes;
use factotum_model::audit::Target;
use factotum_model::trigger::{TriggerKind, WebhookConfig};
use factotum_model::{Action, RequestId, RunId, TriggerId};
use factotum_storage::triggers::Trigger;
use factotum_storage::{triggers, workflows};
use factotum_webhook::{Answer, Token, sample};
use http::HeaderValue;
use http_body_util::Full;
use serde_json::Value;

use crate::operations::{Caller, OperationError, Services, Work};

/// What a test sends.
#[derive(Debug, Clone)]
pub enum Sample {
    /// What is usual for the trigger's kind.
    Usual,
    /// A text: the body of a webhook, or what a mail says.
    Text(String),
    /// A text that is JSON: the body of a webhook, or a [`super::SampleMail`].
    Json(String),
}

impl Sample {
    /// As the body of a webhook, with its type.
    fn posted(self) -> (HeaderValue, Bytes) {
        let (content_type, body) = match self {
            Self::Usual => ("application/json", r#"{"test":true}"#.to_owned()),
            Self::Text(text) => ("text/plain; charset=utf-8", text),
            Self::Json(json) => ("application/json", json),
        };
        (HeaderValue::from_static(content_type), Bytes::from(body))
    }
}

/// What a test delivery was answered.
#[derive(Debug, Clone)]
pub struct Tested {
    /// What a sender would have been answered.
    pub answer: Answer,
    /// The run that it started, where the answer names one.
    pub run: Option<RunId>,
}

/// Sends one, and waits for its answer.
pub async fn test(
    services: &Services,
    caller: &Caller,
    id: &str,
    sent: Sample,
) -> Result<Tested, OperationError> {
    let target = Target::new("trigger", id);
    let mut work = Work::begin(services, caller, "trigger.test", Some(target)).await?;
    let done = open(&mut work, id).await;
    let opened = work.end(done).await?;
    // A name of its own, so that it is no repetition of another.
    let name = format!("test-{}", RequestId::random());
    let (token, config) = match opened {
        Opened::Webhook(webhook) => *webhook,
        Opened::Schedule(trigger) => {
            let run = super::fire::fire(services, caller, &trigger, name).await?;
            return Ok(Tested { answer: Answer::accepted(run), run: Some(run) });
        }
        Opened::Email(address) => {
            return super::sample_mail::send(services, caller, &address, &name, sent).await;
        }
    };
    let url = services.hooks.url_of(token.expose());
    let (content_type, body) = sent.posted();
    let (delivery, body) = sample::delivery(&config, &url, (&content_type, &body), &name, services.now());
    let origin = caller.stored_origin();
    let answer = services.webhooks.receive(token.expose(), delivery, origin, Full::new(body)).await;
    Ok(Tested { run: run_of(&answer), answer })
}

/// What is tried.
enum Opened {
    Webhook(Box<(Token, WebhookConfig)>),
    Schedule(Box<Trigger>),
    /// Where mail to it is sent.
    Email(factotum_model::Redacted),
}

async fn open(work: &mut Work<'_>, id: &str) -> Result<Opened, OperationError> {
    let org = work.caller.org_id;
    let found = match id.parse::<TriggerId>() {
        Ok(id) => triggers::get(&mut work.tx, org, id).await?,
        Err(_) => None,
    };
    work.authorize(Action::TRIGGERS_UPDATE, found.as_ref().map(|t| t.workflow.as_str()))?;
    let trigger = found.ok_or(OperationError::NotFound)?;
    work.workflow(&trigger.workflow);
    let workflow =
        workflows::get(&mut work.tx, org, trigger.workflow_id).await?.ok_or(OperationError::NotFound)?;
    work.holds(&workflow.grants, "the workflow")?;
    match trigger.kind {
        TriggerKind::Webhook => {
            let opened =
                factotum_webhook::stored::open(&work.services.storage, &mut work.tx, &trigger).await?;
            Ok(Opened::Webhook(Box::new(opened)))
        }
        TriggerKind::Schedule => Ok(Opened::Schedule(Box::new(trigger))),
        TriggerKind::Email => {
            let address =
                factotum_email::stored::address(&work.services.storage, &mut work.tx, &trigger).await?;
            let domain = work.services.mailboxes.domain();
            Ok(Opened::Email(factotum_model::Redacted::new(address.expose(domain))))
        }
        TriggerKind::Edi => {
            let kind = trigger.kind.as_str();
            let reason = format!("a trigger of kind {kind} takes no test delivery. Run the workflow instead");
            Err(OperationError::Conflict(reason))
        }
    }
}

/// `{"run": "run_…"}`: what is answered before the outcome is known.
fn run_of(answer: &Answer) -> Option<RunId> {
    if answer.status != http::StatusCode::ACCEPTED {
        return None;
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    body["run"].as_str()?.parse().ok()
}
