//! Taking a delivery, from its token to its answer. What must hold: the trigger's checks come before anything is stored; the
//! acknowledgement comes after the commit; pause, deletion and suspension are decided in the accepting transaction, not by what
//! is remembered here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use factotum_model::trigger::Reply;
use factotum_model::{Initiator, InitiatorKind, RequestId, RunId, TriggerId};
use factotum_storage::Storage;
use factotum_storage::accept::{Accepted, DedupKey, EventSource, NewRun, Origin};
use http::header::USER_AGENT;
use http_body::Body;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::known::{Cache, Known};
use crate::rate::Rates;
use crate::refusal::Refusal;
use crate::request::Delivery;
use crate::tally::Tally;
use crate::token::Token;
use crate::{body, dedup, reply, verify};

/// How often counts are written down.
const FLUSH: Duration = Duration::from_secs(1);
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
        let mut stopped = false;
        while !stopped {
            tokio::select! {
                () = stop.cancelled() => stopped = true,
                () = tokio::time::sleep(FLUSH) => {}
            }
            self.rates.forget();
            if let Err(error) = self.tally.flush(&self.storage, stopped).await {
                tracing::warn!(%error, "what webhooks took and refused is not written down yet");
            }
        }
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
        if !config.methods.iter().any(|m| m == delivery.method.as_str()) {
            return Err(Refusal::Method(config.methods.clone()));
        }
        delivery.check()?;
        let payload = body::read(body, &delivery.headers, config.max_body_bytes, body::BODY_TIMEOUT).await?;
        let now = self.storage.clock().now();
        verify::verify(&config.verify, &delivery.headers, &payload, now)?;
        // After it is known whose delivery it is: a stranger who has the URL alone uses up nothing.
        self.rates.take(known.id, config.rate).map_err(Refusal::RateLimited)?;
        let dedup = match &config.dedup {
            Some(dedup) => Some(DedupKey {
                key: dedup::key(dedup, &delivery.headers)?.to_owned(),
                expires_at: now.plus(DAY * dedup.window_days),
            }),
            None => None,
        };
        let run_id = RunId::random();
        // Watched before it can end.
        let watcher = (config.reply == Reply::Outcome).then(|| self.storage.watch().run(run_id));
        let new = NewRun {
            run_id,
            org_id: known.org_id,
            workflow_id: known.workflow_id,
            account_id: known.base_account,
            initiator: Initiator { kind: InitiatorKind::Webhook, id: Some(known.id.to_string()) },
            trigger_id: Some(known.id),
            parent: None,
            credential: None,
            dedup,
            event: EventSource::New { input: delivery.into_input(&config.verify), payload },
            replay_of: None,
            due_at: None,
            origin: origin.clone(),
        };
        let accepted = self.storage.journal().accept(new).await?;
        let run = accepted.run_id();
        let request = origin.request_id.unwrap_or_else(RequestId::random);
        match accepted {
            Accepted::New(_) => self.tally.accepted(known.id),
            Accepted::Duplicate(_) => self.tally.duplicate(known.id),
        }
        let Some(mut watcher) = watcher else { return Ok(Answer::accepted(run)) };
        if let Accepted::Duplicate(_) = accepted {
            // The first delivery's run: it may have ended long ago, or be about to.
            watcher = self.storage.watch().run(run);
            if let Some(settled) = reply::ended(&self.storage, known.org_id, run).await? {
                return Ok(reply::answer(&settled, request));
            }
        }
        Ok(reply::outcome(&self.storage, known.org_id, watcher, deadline, request).await)
    }

    /// Counts a refusal and puts it on the record. The first of a kind is committed before the sender hears of it.
    async fn refuse(&self, known: &Arc<Known>, refusal: &Refusal, origin: &Origin) {
        if !refusal.is_the_senders() {
            return;
        }
        if let Some(entry) = self.tally.refused(&self.storage, known, refusal, origin)
            && let Err(error) = self.storage.journal().record(entry).await
        {
            tracing::error!(%error, trigger = %known.id, "a refusal could not be put on the record");
        }
    }
}

fn user_agent(delivery: &Delivery) -> Option<String> {
    let text = delivery.headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT_BYTES).collect())
}
