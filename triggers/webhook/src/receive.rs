//! Taking a delivery, from its token to its answer. What must hold: the trigger's checks come before anything is stored; the
//! acknowledgement comes after the commit; pause, deletion and suspension are decided in the accepting transaction, not by what
//! is remembered here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use factotum_model::trigger::{DedupBy, FixedReply, Format, Reply, VerifyPreset, WebhookConfig};
use factotum_model::{EventInput, Initiator, InitiatorKind, RequestId, RunId, Timestamp, TriggerId};
use factotum_storage::Storage;
use factotum_storage::accept::{Accepted, DedupKey, EventSource, NewRun, Origin};
use factotum_storage::tally::Tally;
use http::header::USER_AGENT;
use http_body::Body;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::cloud_events::{CloudEvent, CloudEvents};
use crate::known::{Cache, Known};
use crate::rate::Rates;
use crate::refusal::Refusal;
use crate::request::Delivery;
use crate::token::Token;
use crate::{admit, body, cloud_events, dedup, handshake, reply, verify};

/// How much of a sender's name for itself is kept, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;
const DAY: Duration = Duration::from_hours(24);

/// All webhook triggers of a database.
#[derive(Debug)]
pub struct Webhooks {
    storage: Storage,
    cache: Cache,
    rates: Rates,
    tally: Tally,
}

impl Webhooks {
    /// The webhooks of a database. [`Webhooks::tally`] must run beside them.
    pub fn over(storage: Storage) -> Self {
        Self { storage, cache: Cache::default(), rates: Rates::default(), tally: Tally::default() }
    }

    /// Forgets what is remembered of a trigger: to be called when it was changed or deleted.
    pub fn forget(&self, trigger: TriggerId) {
        self.cache.forget(trigger);
    }

    /// Writes down counts and the number of refusals, each second and at the end.
    pub async fn tally(&self, stop: CancellationToken) {
        self.tally.keep(&self.storage, stop, || self.rates.forget()).await;
    }

    /// Takes a delivery to `/hooks/<token>`, and answers it.
    pub async fn receive<B>(&self, token: &str, delivery: Delivery, mut origin: Origin, body: B) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let request = *origin.request_id.get_or_insert_with(RequestId::random);
        let known = match self.find(token).await {
            Ok(known) => known,
            Err(refusal) => return refusal.answer(request),
        };
        if origin.user_agent.is_none() {
            origin.user_agent = user_agent(&delivery);
        }
        match self.take(&known, delivery, &origin, body).await {
            Ok(answer) => answer,
            Err(refusal) => {
                self.refuse(&known, &refusal, &origin).await;
                refusal.answer(request)
            }
        }
    }

    async fn find(&self, token: &str) -> Result<Arc<Known>, Refusal> {
        let token = Token::parse(token).ok_or(Refusal::NotFound)?;
        self.cache.find(&self.storage, token.hash()).await?.ok_or(Refusal::NotFound)
    }

    async fn take<B>(
        &self,
        known: &Known,
        delivery: Delivery,
        origin: &Origin,
        body: B,
    ) -> Result<Answer, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let config = &known.config;
        let deadline = Instant::now() + Duration::from_millis(config.reply_timeout_ms);
        admit::check(config, origin.ip, delivery.certificate)?;
        if let Some(answer) = handshake::before_the_body(config, &delivery)? {
            return self.shake(known, &delivery, origin, answer).await;
        }
        if !config.methods.iter().any(|m| m == delivery.method.as_str()) {
            return Err(Refusal::Method(config.methods.clone()));
        }
        delivery.check()?;
        verify::verify_head(&config.verify, &delivery.headers)?;
        let body = body::read(body, &delivery.headers, config.max_body_bytes, body::BODY_TIMEOUT).await?;
        let now = self.storage.clock().now();
        verify::verify(&config.verify, &delivery, &body, now)?;
        if let Some(answer) = handshake::after_verification(config, &body)? {
            return self.shake(known, &delivery, origin, answer).await;
        }
        // After it is known whose delivery it is: a stranger who has the URL alone uses up nothing.
        self.rates.take(known.id, config.rate).map_err(Refusal::RateLimited)?;
        let named = config.dedup.as_ref();
        let payload = match config.verify.preset {
            VerifyPreset::Graph => verify::mask(body),
            _ => body,
        };
        let (name, headers, payload) = match config.format {
            Format::Plain => {
                let name = dedup::key(named, config.verify.preset, &delivery.headers, &payload)?;
                (name, None, payload)
            }
            Format::CloudEvents => {
                let is_named = named.is_none_or(|dedup| dedup.by() != DedupBy::None);
                match cloud_events::read(&delivery.headers, payload)? {
                    CloudEvents::One(event) => {
                        (is_named.then_some(event.name), Some(event.headers), event.payload)
                    }
                    CloudEvents::Batch(events) => {
                        return self.take_batch(known, &delivery, origin, events, is_named).await;
                    }
                }
            }
        };
        let delivery = Delivery { headers: headers.unwrap_or_else(|| delivery.headers.clone()), ..delivery };
        let new = new_run(known, delivery.into_input(&config.verify), payload, name, origin, now);
        // Watched before it can end.
        let watcher = (config.reply == Reply::Outcome).then(|| self.storage.watch().run(new.run_id));
        let accepted = self.storage.journal().accept(new).await?;
        let run = accepted.run_id();
        let request = origin.request_id.unwrap_or_else(RequestId::random);
        self.count(known, accepted);
        let Some(mut watcher) = watcher else { return Ok(committed(config, run)) };
        if let Accepted::Duplicate(_) = accepted {
            // The first delivery's run: it may have ended long ago, or be about to.
            watcher = self.storage.watch().run(run);
            if let Some(settled) = reply::ended(&self.storage, known.org_id, run).await? {
                return Ok(reply::answer(&settled, request));
            }
        }
        Ok(reply::outcome(&self.storage, known.org_id, watcher, deadline, request).await)
    }

    /// Commits the events of a batch together: each is a run of its own, and the sender hears of them at once.
    async fn take_batch(
        &self,
        known: &Known,
        delivery: &Delivery,
        origin: &Origin,
        events: Vec<CloudEvent>,
        is_named: bool,
    ) -> Result<Answer, Refusal> {
        let now = self.storage.clock().now();
        let all = events.into_iter().map(|event| {
            let one = Delivery { headers: event.headers, ..delivery.clone() };
            let name = is_named.then_some(event.name);
            new_run(known, one.into_input(&known.config.verify), event.payload, name, origin, now)
        });
        let answers = self.storage.journal().accept_all(all.collect()).await?;
        let mut runs = Vec::with_capacity(answers.len());
        for accepted in answers {
            let accepted = accepted?;
            self.count(known, accepted);
            runs.push(accepted.run_id());
        }
        Ok(match known.config.reply {
            Reply::Fixed => fixed(&known.config),
            Reply::Accepted | Reply::Outcome => Answer::accepted_all(&runs),
        })
    }

    fn count(&self, known: &Known, accepted: Accepted) {
        match accepted {
            Accepted::New(_) => self.tally.accepted(known.id),
            Accepted::Duplicate(_) => self.tally.duplicate(known.id),
        }
    }

    /// Answers a handshake. The first of a kind is on the record before it is answered, or is not answered.
    async fn shake(
        &self,
        known: &Known,
        delivery: &Delivery,
        origin: &Origin,
        answer: Answer,
    ) -> Result<Answer, Refusal> {
        let (code, what) = handshake::kind(&known.config, &delivery.method);
        if let Some(entry) = self.tally.answered(&self.storage, known.refuser(), (code, &what), origin) {
            let recorded = self.storage.journal().record(entry).await;
            recorded.inspect_err(|_| self.tally.untold(known.id, code))?;
        }
        Ok(answer)
    }

    /// Counts a refusal and puts it on the record. The first of a kind is committed before the sender hears of it.
    async fn refuse(&self, known: &Arc<Known>, refusal: &Refusal, origin: &Origin) {
        if !refusal.is_the_senders() {
            return;
        }
        if let Some(entry) =
            self.tally.refused(&self.storage, known.refuser(), (refusal.row().1, refusal), origin)
            && let Err(error) = self.storage.journal().record(entry).await
        {
            tracing::error!(%error, trigger = %known.id, "a refusal could not be put on the record");
        }
    }
}

/// What is said once a delivery is committed, and nothing is waited for.
fn committed(config: &WebhookConfig, run: RunId) -> Answer {
    match config.reply {
        Reply::Accepted | Reply::Outcome => Answer::accepted(run),
        Reply::Fixed => fixed(config),
    }
}

fn fixed(config: &WebhookConfig) -> Answer {
    config.fixed.as_ref().map_or_else(|| Answer::fixed(&FixedReply::default()), Answer::fixed)
}

fn new_run(
    known: &Known,
    input: EventInput,
    payload: Vec<u8>,
    name: Option<String>,
    origin: &Origin,
    now: Timestamp,
) -> NewRun {
    let window = DAY * dedup::window_days(known.config.dedup.as_ref());
    NewRun {
        run_id: RunId::random(),
        org_id: known.org_id,
        workflow_id: known.workflow_id,
        account_id: known.base_account,
        initiator: Initiator { kind: InitiatorKind::Webhook, id: Some(known.id.to_string()) },
        trigger_id: Some(known.id),
        parent: None,
        credential: None,
        dedup: name.map(|key| DedupKey { key, expires_at: now.plus(window) }),
        event: EventSource::New { input, payload },
        replay_of: None,
        due_at: None,
        origin: origin.clone(),
    }
}

fn user_agent(delivery: &Delivery) -> Option<String> {
    let text = delivery.headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT_BYTES).collect())
}
