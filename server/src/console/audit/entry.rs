//! One entry: every field in words, what was changed, and its seal. What must hold: what "verify now" says was shown was computed for this answer, and what it
//! cannot show is said beside it.

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::audit::AuditEntry;
use factotum_storage::verify::entry::EntryCheck;
use http::StatusCode;
use serde::Deserialize;

use super::rows::{Changed, Outcome, changes, pretty};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::viewer::Viewer;
use crate::operations::audit::{self, Placed};
use crate::view::harmless::shown;

#[derive(Deserialize)]
pub(super) struct Asked {
    verify: Option<String>,
}

#[derive(Template)]
#[template(path = "audit/entry.html")]
struct EntryPage {
    frame: Frame,
    entry: AuditEntry,
    actor: String,
    outcome: Outcome,
    reason: String,
    targets: Vec<Thing>,
    changed: Vec<Changed>,
    change: String,
    user_agent: String,
    external_ref: String,
    raw: String,
    sealed: Option<Sealed>,
    steps: Vec<Step>,
    /// Whether all that was verified holds; none where nothing was.
    holds: Option<bool>,
}

/// Something that was acted on.
struct Thing {
    kind: String,
    name: String,
    id: String,
}

/// Where it stands, and the newest checkpoint.
struct Sealed {
    index: u64,
    size: u64,
    at: String,
    root: String,
}

/// A step of the verification.
struct Step {
    holds: bool,
    words: String,
}

pub(super) async fn show(
    services: State,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Shown {
    let Placed { entry, index, checkpoint, check } =
        audit::entry(&services, &viewer.caller, &id, asked.verify.is_some()).await?;
    let targets = entry.targets.iter().map(|target| Thing {
        kind: shown(&target.kind).into_owned(),
        name: target.name.as_deref().map(|name| shown(name).into_owned()).unwrap_or_default(),
        id: shown(&target.id).into_owned(),
    });
    let page_ = EntryPage {
        actor: shown(&entry.actor.name).into_owned(),
        outcome: (&entry).into(),
        reason: shown(entry.reason.as_deref().unwrap_or_default()).into_owned(),
        targets: targets.collect(),
        changed: entry.change.as_ref().map(changes).unwrap_or_default(),
        change: entry.change.as_ref().map(pretty).unwrap_or_default(),
        user_agent: shown(entry.user_agent.as_deref().unwrap_or_default()).into_owned(),
        external_ref: shown(entry.initiator.external_ref.as_deref().unwrap_or_default()).into_owned(),
        raw: pretty(&entry),
        sealed: index.zip(checkpoint).map(|(index, checkpoint)| Sealed {
            index,
            size: checkpoint.size,
            at: checkpoint.at.to_string(),
            root: checkpoint.root.to_string(),
        }),
        steps: check.as_ref().map(|check| steps(&entry, check)).unwrap_or_default(),
        holds: check.as_ref().map(|check| check.holds() && entry.altered.is_empty()),
        frame: viewer.frame("Audit entry", super::HERE),
        entry,
    };
    Ok(page(StatusCode::OK, &page_))
}

/// What was looked at, one after another, and what came of it.
fn steps(entry: &AuditEntry, check: &EntryCheck) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |holds: bool, yes: String, no: String| {
        steps.push(Step { holds, words: if holds { yes } else { no } });
    };
    let values = if entry.erased.is_empty() {
        "Names and addresses are those that the entry committed to.".to_owned()
    } else {
        format!(
            "{} of its values were erased, as the law may ask for; those that are left are those that the entry committed to.",
            entry.erased.len()
        )
    };
    step(
        entry.altered.is_empty(),
        values,
        format!("These values were changed behind the program's back: {}.", shown(&entry.altered.join(", "))),
    );
    let Some(seal) = &check.seal else {
        step(
            false,
            String::new(),
            "The entry is not sealed yet; that takes about a second. Verify it again then.".to_owned(),
        );
        return steps;
    };
    let (size, hashes) = (seal.checkpoint.checkpoint.size, seal.hashes.unwrap_or_default());
    step(
        seal.same_leaf,
        format!(
            "The entry as it is stored now was hashed again: {} is what the log has for it, as leaf {}.",
            check.leaf_hash, seal.index
        ),
        format!(
            "The entry as it is stored now has the hash {}, and the log has another one for it: it was changed after it was sealed.",
            check.leaf_hash
        ),
    );
    step(
        seal.leads_to_root,
        format!(
            "From that hash, with {hashes} others beside the path, the root over {size} leaves was computed; it is the one in the checkpoint."
        ),
        format!(
            "No path leads from the entry to the root over {size} leaves that was signed: this entry, or the log around it, was changed."
        ),
    );
    step(
        seal.note_agrees,
        format!("The checkpoint of {} says that root and that size.", seal.checkpoint.checkpoint.at),
        "The checkpoint's text does not say what is stored beside it: one of them was changed.".to_owned(),
    );
    let signer = seal.signer.as_ref().map(|key| (key.index + 1, key.public.short()));
    let (number, key) = signer.clone().unwrap_or_default();
    step(
        signer.is_some(),
        format!("The checkpoint is signed (Ed25519) by this organization's signing key {number}, {key}."),
        "The checkpoint is signed by none of this organization's keys.".to_owned(),
    );
    if signer.is_some() {
        step(
            seal.keys_follow,
            "Each key before that one named its successor; or it is the first.".to_owned(),
            "A key before that one did not name its successor: keys were replaced.".to_owned(),
        );
    }
    steps
}

#[allow(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "a template calls methods, and passes what it has by reference"
)]
impl EntryPage {
    /// What started it, in words.
    fn started_by(&self) -> &'static str {
        use factotum_model::InitiatorKind as Kind;
        match self.entry.initiator.kind {
            Kind::Webhook => "a delivery to a webhook",
            Kind::Email => "an e-mail",
            Kind::Schedule => "a schedule",
            Kind::Edi => "an EDI message",
            Kind::Member => "a person in the console or with their session",
            Kind::Api => "a request to the API",
            Kind::Run => "another run",
            Kind::System => "the system itself",
        }
    }

    /// How an account acts, in words.
    fn kind_of_actor(&self) -> &'static str {
        use factotum_model::AccountKind as Kind;
        match self.entry.actor.kind {
            Kind::Member => "a person",
            Kind::Base => "the organization's own account, which automated work runs as",
            Kind::ApiKey => "the account of an API key",
        }
    }
}
