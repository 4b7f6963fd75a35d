//! Trading partners: who there is, what was agreed with each; making, changing, deleting. What must hold: a field has the name that the API has, so that a
//! refusal stands beside it.

mod form;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query};
use factotum_model::Action;
use factotum_model::edi::{Ack, PartnerSpec};
use http::StatusCode;
use serde::Deserialize;

use super::fields::{Faults, Fields};
use super::frame::{Entry, Frame, Section};
use super::page::{go, page};
use super::viewer::Viewer;
use super::{Pages, Shown};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::parameters::page as page_of;
use crate::api::routes::State;
use crate::operations::{OperationError, Services, partner};
use crate::view::partner::word;
use form::Typed;

const HERE: &str = "/partners";

/// What the console knows of it.
pub const PAGES: Pages = Pages {
    routes,
    menu: Some(Entry {
        path: HERE,
        label: "EDI",
        section: Section::Main,
        needs: Some(Action::PARTNERS_READ),
    }),
};

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(Endpoint::get(HERE, "page.partners", "Trading partners").grant(Action::PARTNERS_READ), list)
        .add(
            Endpoint::get("/new/partner", "page.partners.new", "Make a trading partner")
                .grant(Action::PARTNERS_CREATE),
            blank,
        )
        .add(
            Endpoint::post(HERE, "page.partners.create", "Make a trading partner")
                .grant(Action::PARTNERS_CREATE),
            create,
        )
        .add(
            Endpoint::get("/partners/{id}", "page.partner", "A trading partner").grant(Action::PARTNERS_READ),
            show,
        )
        .add(
            Endpoint::get("/partners/{id}/edit", "page.partner.edit", "Change a trading partner")
                .grant(Action::PARTNERS_UPDATE),
            edit,
        )
        .add(
            Endpoint::post("/partners/{id}", "page.partner.change", "Change a trading partner")
                .grant(Action::PARTNERS_UPDATE),
            change,
        )
        .add(
            Endpoint::post("/partners/{id}/delete", "page.partner.delete", "Delete a trading partner")
                .grant(Action::PARTNERS_DELETE),
            delete,
        )
}

/// A partner in a list.
struct Summary {
    name: String,
    ids: Vec<String>,
    ours: Vec<String>,
    ack: String,
    usage: String,
}

impl From<&PartnerSpec> for Summary {
    fn from(spec: &PartnerSpec) -> Self {
        Self {
            name: spec.name.clone(),
            ids: spec.x12.iter().chain(&spec.edifact).cloned().collect(),
            ours: spec.ours.x12.iter().chain(&spec.ours.edifact).cloned().collect(),
            ack: ack_words(spec.ack).to_owned(),
            usage: word(spec.usage),
        }
    }
}

/// What documents are answered with, in words.
const fn ack_words(ack: Ack) -> &'static str {
    match ack {
        Ack::Auto => "997 or 999, CONTRL",
        Ack::Functional => "997",
        Ack::Implementation => "999",
        Ack::Contrl => "CONTRL",
        Ack::None => "nothing",
    }
}

#[derive(Template)]
#[template(path = "partners/page.html")]
struct PartnersPage {
    frame: Frame,
    partners: Vec<Summary>,
    next: Option<String>,
    may_create: bool,
    may_see_interchanges: bool,
}

#[derive(Deserialize)]
struct Asked {
    cursor: Option<String>,
}

async fn list(services: State, viewer: Viewer, Query(asked): Query<Asked>) -> Shown {
    let part = page_of(None, asked.cursor.as_deref())?;
    let found = partner::list(&services, &viewer.caller, part).await?;
    let shown = PartnersPage {
        partners: found.items.iter().map(|partner| Summary::from(&partner.spec)).collect(),
        next: found.next,
        may_create: viewer.may(Action::PARTNERS_CREATE),
        may_see_interchanges: viewer.may(Action::EVENTS_READ),
        frame: viewer.frame("Trading partners", HERE),
    };
    Ok(page(StatusCode::OK, &shown))
}

#[derive(Template)]
#[template(path = "partners/one.html")]
struct PartnerPage {
    frame: Frame,
    faults: Faults,
    name: String,
    facts: Vec<(&'static str, String)>,
    created_at: String,
    updated_at: String,
    may_update: bool,
    may_delete: bool,
    may_see_interchanges: bool,
}

fn facts(spec: &PartnerSpec) -> Vec<(&'static str, String)> {
    let list = |all: &[String], none: &str| if all.is_empty() { none.to_owned() } else { all.join(", ") };
    let ours = |id: &Option<String>| id.clone().unwrap_or_else(|| "whoever it is addressed to".to_owned());
    let chosen = |options: &[(&str, &str)], word: &str| {
        options.iter().find(|(own, _)| *own == word).map_or("", |(_, words)| words).to_owned()
    };
    vec![
        ("Its X12 ids", list(&spec.x12, "none")),
        ("We are to it in X12", ours(&spec.ours.x12)),
        ("Its EDIFACT ids", list(&spec.edifact, "none")),
        ("We are to it in EDIFACT", ours(&spec.ours.edifact)),
        ("Its interchanges", chosen(form::usages(), &word(spec.usage))),
        ("Its documents are answered with", ack_words(spec.ack).to_owned()),
        ("TA1", chosen(form::ta1s(), &word(spec.ta1))),
        ("Its documents are checked", chosen(form::validations(), &word(spec.validation))),
        (
            "Control numbers that come again with other bytes",
            chosen(form::duplicates(), &word(spec.duplicates)),
        ),
        ("Control numbers are remembered", format!("{} days", spec.window_days)),
        ("Document types agreed on", list(&spec.sets, "every type")),
        ("Versions agreed on", list(&spec.versions, "every version")),
    ]
}

async fn one(
    services: &Services,
    viewer: &Viewer,
    id: &str,
    faults: Faults,
) -> Result<PartnerPage, OperationError> {
    let partner = partner::get(services, &viewer.caller, id).await?;
    let name = partner.spec.name.clone();
    let may = |action| viewer.may_named(action, &name);
    Ok(PartnerPage {
        frame: viewer.frame(name.clone(), HERE),
        faults,
        facts: facts(&partner.spec),
        created_at: partner.created_at.to_string(),
        updated_at: partner.updated_at.to_string(),
        may_update: may(Action::PARTNERS_UPDATE),
        may_delete: may(Action::PARTNERS_DELETE),
        may_see_interchanges: viewer.may(Action::EVENTS_READ),
        name,
    })
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    Ok(page(StatusCode::OK, &one(&services, &viewer, &id, Faults::default()).await?))
}

async fn delete(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    match partner::delete(&services, &viewer.caller, &id).await {
        Ok(()) => Ok(go(HERE)),
        Err(error) => {
            let (status, faults) = Faults::with_status(error)?;
            Ok(page(status, &one(&services, &viewer, &id, faults).await?))
        }
    }
}

#[derive(Template)]
#[template(path = "partners/form.html")]
struct FormPage {
    frame: Frame,
    faults: Faults,
    /// The name of the one that is changed.
    name: Option<String>,
    typed: Typed,
}

impl FormPage {
    fn of(viewer: &Viewer, name: Option<String>, typed: Typed, faults: Faults) -> Self {
        let title =
            name.as_ref().map_or_else(|| "New trading partner".to_owned(), |name| format!("Edit {name}"));
        Self { frame: viewer.frame(title, HERE), faults, name, typed }
    }

    /// The words that stand over the form: those of no field that it has.
    fn whole(&self) -> &str {
        let beside = form::FIELDS.iter().any(|(name, _)| !self.faults.exactly(name).is_empty());
        if beside { "" } else { &self.faults.words }
    }
}

async fn blank(services: State, viewer: Viewer) -> Shown {
    viewer.caller.allowed(&services, "partner.create", Action::PARTNERS_CREATE, None, None).await?;
    Ok(page(StatusCode::OK, &FormPage::of(&viewer, None, Typed::default(), Faults::default())))
}

async fn create(services: State, viewer: Viewer, fields: Fields) -> Shown {
    let doing = viewer.caller.allowed(&services, "partner.create", Action::PARTNERS_CREATE, None, None);
    doing.await?;
    let typed = Typed::read(&fields);
    let made = async {
        let spec = typed.spec()?;
        partner::create(&services, &viewer.caller, spec, None).await
    };
    match made.await {
        Ok(made) => Ok(go(&format!("{HERE}/{}", made.spec.name))),
        Err(error) => {
            let (status, faults) = Faults::with_status(error)?;
            Ok(page(status, &FormPage::of(&viewer, None, typed, faults)))
        }
    }
}

async fn edit(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let found = match partner::get(&services, &viewer.caller, &id).await {
        Ok(partner) => Some(partner),
        Err(OperationError::NotFound) => None,
        Err(other) => return Err(other.into()),
    };
    let name = found.as_ref().map(|partner| partner.spec.name.clone());
    let doing =
        viewer.caller.allowed(&services, "partner.update", Action::PARTNERS_UPDATE, name.as_deref(), None);
    doing.await?;
    let (partner, name) = found.zip(name).ok_or(OperationError::NotFound)?;
    let typed = Typed::of(&partner.spec);
    Ok(page(StatusCode::OK, &FormPage::of(&viewer, Some(name), typed, Faults::default())))
}

async fn change(services: State, viewer: Viewer, Path(id): Path<String>, fields: Fields) -> Shown {
    let typed = Typed::read(&fields);
    let changed = async {
        let whole = typed.whole()?;
        partner::change(&services, &viewer.caller, &id, whole).await
    };
    match changed.await {
        Ok(partner) => Ok(go(&format!("{HERE}/{}", partner.spec.name))),
        Err(error) => {
            let (status, faults) = Faults::with_status(error)?;
            Ok(page(status, &FormPage::of(&viewer, Some(id), typed, faults)))
        }
    }
}
