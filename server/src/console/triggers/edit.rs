//! Making and changing a trigger, with a live look at when a schedule would be due. What must hold: what the look shows is what the scheduler will do; a
//! secret that is made here is shown once.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery};
use factotum_model::audit::Target;
use factotum_model::trigger::TriggerKind;
use factotum_model::{Action, Redacted};
use factotum_schedule::{DstEffect, Firing};
use factotum_storage::triggers::Trigger;
use http::StatusCode;
use serde_json::json;

use super::HERE;
use super::form::{Answered, Typed, faults, kind_of};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::{Faults, Fields};
use crate::console::frame::Frame;
use crate::console::page::{go, page};
use crate::console::refusal::Refusal;
use crate::console::viewer::Viewer;
use crate::operations::trigger::{self, Change, NewTrigger, Preview};
use crate::operations::{OperationError, Page, Services, workflow};

/// How many workflows a form proposes.
const WORKFLOWS_OFFERED: u32 = 200;
/// Methods that a webhook may take.
const METHODS: [&str; 7] = ["POST", "PUT", "PATCH", "GET", "DELETE", "HEAD", "OPTIONS"];

pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::get("/new/trigger", "page.triggers.new", "Make a trigger")
                .grant(Action::TRIGGERS_CREATE),
            blank,
        )
        .add(
            Endpoint::post(HERE, "page.triggers.create", "Make a trigger").grant(Action::TRIGGERS_CREATE),
            create,
        )
        .add(
            Endpoint::get("/triggers/{id}/edit", "page.trigger.edit", "Change a trigger")
                .grant(Action::TRIGGERS_UPDATE),
            edit,
        )
        .add(
            Endpoint::post("/triggers/{id}", "page.trigger.change", "Change a trigger")
                .grant(Action::TRIGGERS_UPDATE),
            change,
        )
}

/// A firing as a page shows it.
pub(super) struct FiringView {
    /// With the weekday, as the zone's clock shows it.
    pub(super) local: String,
    /// In UTC.
    pub(super) utc: String,
    /// What a change of the clocks does to it.
    pub(super) mark: Option<&'static str>,
    /// The same at length.
    pub(super) words: &'static str,
}

impl From<&Firing> for FiringView {
    fn from(firing: &Firing) -> Self {
        let (mark, words) = match firing.dst {
            None => (None, ""),
            Some(DstEffect::Gap) => (
                Some("skipped hour"),
                "The clocks jump over the time that is written: it fires right after the jump, once.",
            ),
            Some(DstEffect::Overlap) => (
                Some("repeated hour"),
                "The clocks show this time twice: a fixed time fires as is set, an interval goes on.",
            ),
            Some(DstEffect::Skipped) => (
                Some("skipped hour"),
                "The clocks jump over the time that is written: it is left out, as is set.",
            ),
        };
        // `2026-11-23T09:00:00+01:00`, `2026-11-23T08:00:00.000000Z`
        let utc = firing.at.to_string();
        let utc = utc.get(..19).unwrap_or(&utc).replace('T', " ");
        Self { local: firing.local.replacen('T', " ", 1), utc: format!("{utc} UTC"), mark, words }
    }
}

/// What the look at a schedule found.
struct PreviewView {
    firings: Vec<FiringView>,
    changed: Option<FiringView>,
}

impl From<Preview> for PreviewView {
    fn from(preview: Preview) -> Self {
        Self {
            firings: preview.firings.iter().map(FiringView::from).collect(),
            changed: preview.changed.as_ref().map(FiringView::from),
        }
    }
}

pub(super) type Options = &'static [(&'static str, &'static str)];

fn replies() -> Options {
    &[
        ("accepted", "that it is accepted, with the run's id"),
        ("outcome", "the workflow's answer, once it is there"),
        ("fixed", "always the same, set below"),
    ]
}

fn algorithms() -> Options {
    &[("", "SHA-256"), ("sha512", "SHA-512"), ("sha1", "SHA-1")]
}

fn encodings() -> Options {
    &[("", "hexadecimal"), ("base64", "Base64")]
}

fn presets() -> Options {
    &[
        ("standard", "Standard Webhooks: webhook-signature"),
        ("github", "GitHub: X-Hub-Signature-256"),
        ("stripe", "Stripe: Stripe-Signature"),
        ("slack", "Slack: X-Slack-Signature"),
        ("shopify", "Shopify: X-Shopify-Hmac-Sha256"),
        ("twilio", "Twilio: X-Twilio-Signature"),
        ("meta", "Meta: X-Hub-Signature-256 and a verify token"),
        ("graph", "Microsoft Graph: clientState"),
        ("hmac", "it signs the body: HMAC, as set below"),
        ("basic", "a name and a password"),
        ("bearer", "a token in Authorization"),
        ("none", "not at all: who has the URL can start the workflow"),
    ]
}

fn authentications() -> Options {
    &[
        ("record", "their results stand in the event and on the record"),
        ("require", "DMARC has to pass; other mail is refused"),
        ("ignore", "not looked up"),
    ]
}

fn mechanisms() -> Options {
    &[("spf", "SPF"), ("dkim", "DKIM"), ("dmarc", "DMARC")]
}

fn formats() -> Options {
    &[("", "anything: one delivery starts one run"), ("cloudevents", "CloudEvents: each event starts a run")]
}

fn names() -> Options {
    &[
        ("", "what is given here, or else as the sender's scheme has it"),
        ("header", "a header"),
        ("pointer", "a value in its JSON"),
        ("body", "its bytes"),
        ("none", "nothing: each delivery is new"),
    ]
}

pub(super) fn methods() -> [&'static str; 7] {
    METHODS
}

#[derive(Template)]
#[template(path = "triggers/form.html")]
struct FormPage {
    frame: Frame,
    faults: Faults,
    /// No faults: those of what the look is about stand in it.
    quiet: Faults,
    kind: &'static str,
    /// The trigger that is changed; none for a new one.
    id: Option<String>,
    /// Where the form goes.
    action: String,
    /// Where the look is.
    look: String,
    workflow: String,
    workflows: Vec<String>,
    zones: Vec<String>,
    typed: Typed,
    preview: Option<PreviewView>,
}

impl FormPage {
    fn secret_hint(&self) -> &'static str {
        if self.id.is_some() {
            "empty: those that it has stay. To rotate, give the new and the old one, one a line; later the new one alone"
        } else {
            "as the sender shows it; empty: one is made, and shown once, where it is yours to choose"
        }
    }

    async fn of(
        services: &Services,
        viewer: &Viewer,
        (kind, id): (TriggerKind, Option<&str>),
        (workflow, typed): (String, Typed),
        faults: Faults,
    ) -> Result<Self, Refusal> {
        let workflows = if id.is_none() && viewer.may(Action::WORKFLOWS_READ) {
            let first = Page { limit: WORKFLOWS_OFFERED, cursor: None };
            let found = workflow::list(services, &viewer.caller, first).await?;
            found.items.into_iter().map(|workflow| workflow.name).collect()
        } else {
            Vec::new()
        };
        let title = match (id, kind) {
            (Some(_), _) => format!("Edit the {} of {workflow}", kind.as_str()),
            (None, TriggerKind::Schedule) => "New schedule".to_owned(),
            (None, TriggerKind::Email) => "New mail address".to_owned(),
            (None, TriggerKind::Edi) => "New EDI address".to_owned(),
            (None, TriggerKind::Webhook) => "New webhook".to_owned(),
        };
        Ok(Self {
            frame: viewer.frame(title, HERE),
            faults,
            quiet: Faults::default(),
            kind: kind.as_str(),
            action: id.map_or_else(|| HERE.to_owned(), |id| format!("{HERE}/{id}")),
            look: id.map_or_else(|| "/new/trigger".to_owned(), |id| format!("{HERE}/{id}/edit")),
            id: id.map(ToOwned::to_owned),
            workflow,
            workflows,
            zones: if kind == TriggerKind::Schedule { factotum_schedule::zones() } else { Vec::new() },
            typed,
            preview: None,
        })
    }

    /// With when it would be due, or with what is wrong with it.
    async fn looked(mut self, services: &Services, viewer: &Viewer) -> Result<Self, Refusal> {
        if self.kind != TriggerKind::Schedule.as_str() || !self.typed.says_when() {
            return Ok(self);
        }
        let found = match self.typed.config(TriggerKind::Schedule, &Fields::default()) {
            Ok(config) => trigger::preview(services, &viewer.caller, &config).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(preview) => self.preview = Some(preview.into()),
            // Who may make triggers and not read them makes them without a look.
            Err(OperationError::Denied { .. }) => {}
            Err(error) => self.faults = faults(error)?.1,
        }
        Ok(self)
    }

    /// The words that stand over the form: those of no field that it has.
    fn whole(&self) -> &str {
        const KNOWN: [&str; 56] = [
            "partner",
            "sets",
            "per",
            "versions",
            "usage",
            "name",
            "allow_senders",
            "require",
            "authentication",
            "max_message_bytes",
            "dispatch_automatic",
            "workflow",
            "cron",
            "timezone",
            "missed.policy",
            "missed.window_s",
            "missed.max",
            "every",
            "at",
            "dialect",
            "start",
            "end",
            "dst.gap",
            "dst.overlap",
            "jitter_s",
            "overlap",
            "reply",
            "reply_timeout_ms",
            "methods",
            "max_body_bytes",
            "verify.preset",
            "verify.header",
            "verify.algorithm",
            "verify.encoding",
            "verify.prefix",
            "verify.timestamp_header",
            "verify.tolerance_s",
            "verify.secrets",
            "verify.verify_token",
            "verify.public_url",
            "allowed_networks",
            "client_certificates",
            "format",
            "origins",
            "fixed.status",
            "fixed.content_type",
            "fixed.headers",
            "fixed.body",
            "dedup.by",
            "dedup.pointer",
            "dedup.header",
            "dedup.window_days",
            "rate.per_minute",
            "rate.burst",
            "kind",
            "",
        ];
        let beside =
            KNOWN.iter().filter(|name| !name.is_empty()).any(|name| !self.faults.exactly(name).is_empty());
        if beside { "" } else { &self.faults.words }
    }

    /// Whether the rarer settings of a schedule are shown.
    fn rarer_times(&self) -> bool {
        let names = ["dialect", "start", "end", "dst.gap", "dst.overlap", "missed.max", "jitter_s"];
        names.iter().any(|name| !self.faults.at(name).is_empty() || !self.typed.get(name).is_empty())
    }

    /// Whether the settings are shown that only some schemes have.
    fn settings_of_the_scheme(&self) -> bool {
        let chosen = self.typed.get("verify.preset");
        let wrong = self.faults.at("verify");
        let elsewhere = !self.faults.exactly("verify.secrets").is_empty()
            || !self.faults.exactly("verify.preset").is_empty();
        matches!(chosen, "hmac" | "meta" | "twilio") || (!wrong.is_empty() && !elsewhere)
    }

    /// Whether the rarer settings of a webhook are shown.
    fn rarer(&self) -> bool {
        let wrong = [
            "reply_timeout_ms",
            "methods",
            "max_body_bytes",
            "dedup",
            "rate",
            "fixed",
            "format",
            "origins",
            "allowed_networks",
            "client_certificates",
        ];
        wrong.iter().any(|name| !self.faults.at(name).is_empty())
    }
}

async fn blank(services: State, viewer: Viewer, RawQuery(query): RawQuery) -> Shown {
    let doing = viewer.caller.allowed(&services, "trigger.create", Action::TRIGGERS_CREATE, None, None);
    doing.await?;
    let asked = Fields::of_query(query.as_deref());
    let kind = kind_of(&asked.text("kind")).unwrap_or(TriggerKind::Schedule);
    // An address that has no more than the workflow is the beginning.
    let begun = ["cron", "every", "at", "timezone"].iter().any(|name| asked.some(name).is_some());
    let typed = if begun { Typed::read(kind, &asked) } else { Typed::blank(kind) };
    let of = (asked.text("workflow"), typed);
    let shown = FormPage::of(&services, &viewer, (kind, None), of, Faults::default()).await?;
    Ok(page(StatusCode::OK, &shown.looked(&services, &viewer).await?))
}

#[derive(Template)]
#[template(path = "triggers/made.html")]
struct MadePage {
    frame: Frame,
    id: String,
    workflow: String,
    url: Option<String>,
    secret: Option<String>,
    header: String,
}

/// A configuration whose sender signs, and that has no secret yet, gets one.
fn with_secret(
    mut config: serde_json::Value,
) -> Result<(serde_json::Value, Option<Redacted>), OperationError> {
    let verify = config.get_mut("verify").and_then(serde_json::Value::as_object_mut);
    let Some(verify) = verify.filter(|v| !v.contains_key("secrets")) else {
        return Ok((config, None));
    };
    let secret = match verify.get("preset").and_then(serde_json::Value::as_str) {
        Some("hmac" | "github" | "bearer" | "graph") => trigger::fresh_secret()?,
        // Hexadecimal digits are base64, too: of 48 bytes.
        Some("standard") => Redacted::new(format!("whsec_{}", trigger::fresh_secret()?.expose())),
        _ => return Ok((config, None)),
    };
    verify.insert("secrets".to_owned(), json!([secret.expose()]));
    Ok((config, Some(secret)))
}

async fn create(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let kind = kind_of(&fields.text("kind")).unwrap_or(TriggerKind::Schedule);
    let (typed, workflow) = (Typed::read(kind, &fields), fields.text("workflow"));
    let config = typed.config(kind, &fields);
    let made = async {
        let (config, secret) = with_secret(config?)?;
        let header = config["verify"]["header"].as_str().unwrap_or_default().to_owned();
        let new = NewTrigger { workflow: workflow.clone(), kind: kind.as_str().to_owned(), config };
        Ok((trigger::create(&services, &viewer.caller, new, None).await?, secret, header))
    };
    match made.await {
        Ok((made, None, _)) => Ok(go(&format!("{HERE}/{}", made.trigger.id))),
        Ok((made, Some(secret), header)) => {
            let shown = MadePage {
                frame: viewer.frame("Webhook made", HERE),
                id: made.trigger.id.to_string(),
                workflow: made.trigger.workflow,
                url: made.url,
                secret: Some(secret.expose().clone()),
                header,
            };
            Ok(page(StatusCode::CREATED, &shown))
        }
        Err(error) => again(&services, &viewer, (kind, None), (workflow, typed), error).await,
    }
}

async fn again(
    services: &Services,
    viewer: &Viewer,
    which: (TriggerKind, Option<&str>),
    of: (String, Typed),
    error: OperationError,
) -> Answered {
    let (status, faults) = faults(error)?;
    let shown = FormPage::of(services, viewer, which, of, faults).await?;
    Ok(page(status, &shown))
}

/// The trigger that somebody is about to change; a refusal is on the record, also where there is none.
async fn to_change(services: &Services, viewer: &Viewer, id: &str) -> Result<Trigger, OperationError> {
    let found = match trigger::get(services, &viewer.caller, id).await {
        Ok(shown) => Some(shown.trigger),
        Err(OperationError::NotFound) => None,
        Err(other) => return Err(other),
    };
    let workflow = found.as_ref().map(|trigger| trigger.workflow.as_str());
    let target = Some(Target::new("trigger", id));
    viewer.caller.allowed(services, "trigger.update", Action::TRIGGERS_UPDATE, workflow, target).await?;
    found.ok_or(OperationError::NotFound)
}

async fn edit(services: State, viewer: Viewer, Path(id): Path<String>, RawQuery(query): RawQuery) -> Shown {
    let found = to_change(&services, &viewer, &id).await?;
    let asked = Fields::of_query(query.as_deref());
    let typed = if asked.some("timezone").is_some() {
        Typed::read(found.kind, &asked)
    } else {
        Typed::of(&found.config)
    };
    let of = (found.workflow, typed);
    let shown = FormPage::of(&services, &viewer, (found.kind, Some(&id)), of, Faults::default()).await?;
    Ok(page(StatusCode::OK, &shown.looked(&services, &viewer).await?))
}

async fn change(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let found = to_change(&services, &viewer, &id).await?;
    let typed = Typed::read(found.kind, &fields);
    let changed = match typed.config(found.kind, &fields) {
        Ok(config) => {
            let change = Change { paused: None, config: Some(config) };
            trigger::change(&services, &viewer.caller, &id, change).await
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => Ok(go(&format!("{HERE}/{id}"))),
        Err(error) => {
            again(&services, &viewer, (found.kind, Some(&id)), (found.workflow, typed), error).await
        }
    }
}
