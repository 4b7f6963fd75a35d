//! Triggers: which there are, what each does next, its URL, a test delivery; pausing, regenerating, deleting. What must hold: a webhook's URL is shown only to
//! those to whom the operation gives it; a test goes the way that every delivery goes.

mod backfill;
mod edi;
mod edit;
mod form;
mod relevant;
mod webhook;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::Action;
use factotum_model::trigger::TriggerKind;
use http::StatusCode;
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::{go, page};
use super::plugins::grouped;
use super::refusal::Refusal;
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::trigger::{self, Change, Overlap, Sample, Tested};
use crate::operations::{OperationError, Services};
use crate::view::harmless;
use crate::view::trigger::BackfillView;
use edit::FiringView;
use factotum_storage::triggers::Trigger;
use form::Typed;

const HERE: &str = "/triggers";
/// What a test delivery's body is at first.
const SAMPLE: &str = "{\n  \"test\": true\n}";
/// How much of an answer is shown, in bytes.
const SHOWN_BYTES: usize = 16 << 10;

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "Triggers",
        section: Section::Main,
        needs: Some(Action::TRIGGERS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let changing = |path, id, summary| Endpoint::post(path, id, summary).grant(Action::TRIGGERS_UPDATE);
    let routes = routes
        .add(Endpoint::get(HERE, "page.triggers", "Triggers").grant(Action::TRIGGERS_READ), list)
        .add(Endpoint::get("/triggers/{id}", "page.trigger", "A trigger").grant(Action::TRIGGERS_READ), show)
        .add(changing("/triggers/{id}/pause", "page.trigger.pause", "Pause a trigger"), pause)
        .add(changing("/triggers/{id}/resume", "page.trigger.resume", "Resume a trigger"), resume)
        .add(
            changing(
                "/triggers/{id}/regenerate",
                "page.trigger.regenerate",
                "Give a trigger another URL or address",
            ),
            regenerate,
        )
        .add(changing("/triggers/{id}/test", "page.trigger.test", "Send a test delivery"), test)
        .add(
            changing(backfill::PATH, "page.trigger.backfill", "Fire the times of a schedule in a range"),
            backfill::backfill,
        )
        .add(
            Endpoint::post("/triggers/{id}/delete", "page.trigger.delete", "Delete a trigger")
                .grant(Action::TRIGGERS_DELETE),
            delete,
        );
    edit::routes(routes)
}

/// A trigger in a list.
pub struct Summary {
    /// Its id.
    pub id: String,
    /// What it starts.
    pub workflow: String,
    /// webhook, email, schedule or edi.
    pub kind: &'static str,
    /// When it fires, or how a sender proves itself.
    pub what: String,
    /// Whether it starts nothing for now.
    pub paused: bool,
    /// When it is due next, as its zone's clock shows it.
    pub next: Option<String>,
    /// What it took and refused.
    pub counts: String,
}

impl From<&trigger::Shown> for Summary {
    fn from(shown: &trigger::Shown) -> Self {
        let (trigger, typed) = (&shown.trigger, Typed::of(&shown.trigger.config));
        let counts = trigger.counts;
        let next = shown.firings.as_ref().and_then(|all| all.first());
        Self {
            id: trigger.id.to_string(),
            workflow: trigger.workflow.clone(),
            kind: trigger.kind.as_str(),
            what: match trigger.kind {
                TriggerKind::Schedule => format!("{} {}", words::when(&typed), typed.get("timezone")),
                TriggerKind::Email => format!("mail to {}+…", typed.get("name")),
                TriggerKind::Edi => edi::what(&typed),
                TriggerKind::Webhook => {
                    webhook::proof(typed.get("verify.preset"), typed.get("verify.header"))
                }
            },
            paused: trigger.paused_at.is_some(),
            next: next.map(|firing| FiringView::from(firing).local),
            counts: match trigger.kind {
                TriggerKind::Webhook | TriggerKind::Email | TriggerKind::Edi => format!(
                    "{} taken, {} refused, {} repeated",
                    grouped(counts.accepted),
                    grouped(counts.rejected),
                    grouped(counts.duplicates)
                ),
                TriggerKind::Schedule => {
                    format!("{} fired, {} left out", grouped(counts.accepted), grouped(counts.rejected))
                }
            },
        }
    }
}

#[derive(Template)]
#[template(path = "triggers/page.html")]
struct TriggersPage {
    frame: Frame,
    triggers: Vec<Summary>,
    next: Option<String>,
    workflow: Option<String>,
    may_create: bool,
}

#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
    workflow: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let part = page_of(None, asked.cursor.as_deref())?;
    let workflow = asked.workflow.filter(|name| !name.is_empty());
    let found = trigger::list(&services, &viewer.caller, workflow.as_deref(), part).await?;
    let shown = TriggersPage {
        triggers: found.items.iter().map(Summary::from).collect(),
        next: found.next,
        workflow,
        may_create: viewer.may(Action::TRIGGERS_CREATE),
        frame: viewer.frame("Triggers", HERE),
    };
    Ok(page(StatusCode::OK, &shown))
}

/// What a test delivery was answered, as a page shows it.
struct AnswerView {
    status: String,
    fine: bool,
    content_type: String,
    body: String,
    run: Option<String>,
}

impl From<&Tested> for AnswerView {
    fn from(tested: &Tested) -> Self {
        let answer = &tested.answer;
        let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(SHOWN_BYTES)]);
        // JSON as it can be read; anything else as it came.
        let body = match serde_json::from_str::<serde_json::Value>(&body) {
            Ok(json) => serde_json::to_string_pretty(&json).unwrap_or_default(),
            Err(_) => body.into_owned(),
        };
        Self {
            status: answer.status.to_string(),
            fine: answer.status.is_success(),
            content_type: answer
                .headers
                .get(http::header::CONTENT_TYPE)
                .and_then(|kind| kind.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            body: body.lines().map(harmless::shown).collect::<Vec<_>>().join("\n"),
            run: tested.run.map(|run| run.to_string()),
        }
    }
}

#[derive(Template)]
#[template(path = "triggers/one.html")]
struct TriggerPage {
    frame: Frame,
    faults: Faults,
    id: String,
    summary: Summary,
    is_webhook: bool,
    is_email: bool,
    is_edi: bool,
    is_schedule: bool,
    url: Option<String>,
    address: Option<String>,
    /// Name and value of what is set.
    facts: Vec<(&'static str, String)>,
    firings: Vec<FiringView>,
    paused_at: Option<String>,
    created_at: String,
    updated_at: String,
    body: String,
    answer: Option<AnswerView>,
    regenerated: bool,
    /// schedule: how many firings wait.
    waiting: u64,
    /// What a backfill would do, or does.
    backfill: Option<BackfillView>,
    /// The range that was typed.
    range: (String, String),
    old_url_until: Option<String>,
    may_update: bool,
    may_delete: bool,
    may_run: bool,
}

/// What is set, in words.
fn facts(trigger: &Trigger, typed: &Typed) -> Vec<(&'static str, String)> {
    if trigger.kind == TriggerKind::Schedule {
        return words::facts(trigger, typed);
    }
    if trigger.kind == TriggerKind::Email {
        return email_facts(typed);
    }
    if trigger.kind == TriggerKind::Edi {
        return edi::facts(typed);
    }
    webhook::facts(typed)
}

fn email_facts(typed: &Typed) -> Vec<(&'static str, String)> {
    let senders = typed.lines("allow_senders");
    let proofs = match typed.get("authentication") {
        "require" => "DMARC has to pass",
        "ignore" => "not looked up",
        _ => "recorded",
    };
    let required = typed.lines("require").to_uppercase().replace('\n', ", ");
    let most = typed.get("max_message_bytes").parse().map(grouped).unwrap_or_default();
    let machines = if typed.has("dispatch_automatic", "true") {
        "starts the workflow too"
    } else {
        "is stored and starts nothing"
    };
    vec![
        (
            "Senders",
            if senders.is_empty() {
                "everybody who knows the address".to_owned()
            } else {
                senders.replace('\n', ", ")
            },
        ),
        ("Their proofs", proofs.to_owned()),
        ("What must have passed besides", if required.is_empty() { "nothing".to_owned() } else { required }),
        ("Largest message", format!("{most} bytes")),
        ("Mail of machines", machines.to_owned()),
    ]
}

async fn one(services: &Services, viewer: &Viewer, id: &str) -> Result<TriggerPage, Refusal> {
    let shown = trigger::get(services, &viewer.caller, id).await?;
    Ok(of(viewer, shown))
}

fn of(viewer: &Viewer, shown: trigger::Shown) -> TriggerPage {
    let trigger = &shown.trigger;
    let may = |action| viewer.may_named(action, &trigger.workflow);
    TriggerPage {
        frame: viewer.frame(format!("{} of {}", trigger.kind.as_str(), trigger.workflow), HERE),
        is_email: trigger.kind == TriggerKind::Email,
        is_edi: trigger.kind == TriggerKind::Edi,
        is_schedule: trigger.kind == TriggerKind::Schedule,
        faults: Faults::default(),
        id: trigger.id.to_string(),
        summary: Summary::from(&shown),
        is_webhook: trigger.kind == TriggerKind::Webhook,
        facts: facts(trigger, &Typed::of(&trigger.config)),
        firings: shown.firings.iter().flatten().map(FiringView::from).collect(),
        paused_at: trigger.paused_at.map(|at| at.to_string()),
        created_at: trigger.created_at.to_string(),
        updated_at: trigger.updated_at.to_string(),
        body: SAMPLE.to_owned(),
        answer: None,
        regenerated: false,
        waiting: trigger.waiting,
        backfill: None,
        range: (String::new(), String::new()),
        old_url_until: shown.old_url_until.map(|at| at.to_string()),
        may_update: may(Action::TRIGGERS_UPDATE),
        may_delete: may(Action::TRIGGERS_DELETE),
        may_run: may(Action::WORKFLOWS_RUN),
        url: shown.url,
        address: shown.address,
    }
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &one(&services, &viewer, &id).await?))
}

/// The trigger's page again, with what stood in the way of a change.
async fn refused(services: &Services, viewer: &Viewer, id: &str, error: OperationError) -> Shown {
    let (status, faults) = form::faults(error)?;
    let shown = one(services, viewer, id).await?;
    Ok(page(status, &TriggerPage { faults, ..shown }))
}

async fn set_paused(services: &Services, viewer: &Viewer, id: &str, paused: bool) -> Shown {
    let change = Change { paused: Some(paused), config: None };
    match trigger::change(services, &viewer.caller, id, change).await {
        Ok(_) => Ok(go(&format!("{HERE}/{id}"))),
        Err(error) => refused(services, viewer, id, error).await,
    }
}

async fn pause(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    set_paused(&services, &viewer, &id, true).await
}

async fn resume(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    set_paused(&services, &viewer, &id, false).await
}

async fn regenerate(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let asked = fields.some("overlap_s").map(|text| text.parse()).transpose();
    let overlap = match asked {
        Ok(seconds) => Overlap::seconds(seconds),
        Err(_) => Err(OperationError::invalid("overlap_s", "a whole number of seconds is expected")),
    };
    let overlap = match overlap {
        Ok(overlap) => overlap,
        Err(error) => return refused(&services, &viewer, &id, error).await,
    };
    match trigger::regenerate(&services, &viewer.caller, &id, overlap, None).await {
        Ok(made) => Ok(page(StatusCode::OK, &TriggerPage { regenerated: true, ..of(&viewer, made) })),
        Err(error) => refused(&services, &viewer, &id, error).await,
    }
}

async fn test(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let body = fields.text("body");
    // What is typed for a mail is its text, whatever it looks like.
    let is_json =
        fields.text("kind") != "email" && serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
    let sample = if is_json { Sample::Json(body.clone()) } else { Sample::Text(body.clone()) };
    match trigger::test(&services, &viewer.caller, &id, sample).await {
        Ok(tested) => {
            let shown = one(&services, &viewer, &id).await?;
            Ok(page(StatusCode::OK, &TriggerPage { answer: Some(AnswerView::from(&tested)), body, ..shown }))
        }
        Err(error) => refused(&services, &viewer, &id, error).await,
    }
}

async fn delete(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match trigger::delete(&services, &viewer.caller, &id).await {
        Ok(()) => Ok(go(HERE)),
        Err(error) => refused(&services, &viewer, &id, error).await,
    }
}
