//! All that one key did, for the day it leaks. What must hold: lists that are cut off say so; who looks is on the record.

use std::sync::Arc;

use askama::Template;
use axum::extract::Path;
use factotum_model::Action;
use factotum_model::audit::AuditEntry;
use factotum_storage::audit_search::report::Counted;
use http::StatusCode;

use super::HERE;
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::viewer::Viewer;
use crate::operations::Services;
use crate::operations::key::{self, KeyReport};
use crate::view::harmless;

/// Adds the routes.
pub(super) fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(
        Endpoint::get("/settings/api-keys/{id}/report", "page.key.report", "All that an API key did")
            .grant(Action::AUDIT_READ),
        show,
    )
}

#[derive(Template)]
#[template(path = "api_keys/report.html")]
struct ReportPage {
    frame: Frame,
    report: KeyReport,
    /// Tables of what was counted: title, head, rows.
    tables: Vec<Table>,
    /// Tables of entries.
    lists: Vec<(&'static str, Vec<AuditEntry>)>,
}

struct Table {
    title: &'static str,
    head: &'static str,
    rows: Vec<Counted>,
}

/// How many rows each table has at the most.
const ROWS: usize = 20;

impl Table {
    fn of(title: &'static str, head: &'static str, counted: &[Counted]) -> Self {
        // Two words of one value have a NUL between them.
        let row = |one: &Counted| Counted {
            value: harmless::shown(&one.value.replace('\0', " ")).into_owned(),
            ..one.clone()
        };
        Self { title, head, rows: counted.iter().take(ROWS).map(row).collect() }
    }
}

impl ReportPage {
    /// Whether something is left out.
    fn cut(&self) -> bool {
        let activity = &self.report.activity;
        let counted = [&activity.addresses, &activity.actions, &activity.started, &activity.targets];
        activity.more || counted.iter().any(|counted| counted.len() > ROWS)
    }

    /// What an entry was done to.
    fn target(entry: &AuditEntry) -> String {
        let first = entry.targets.first();
        first.map_or_else(String::new, |t| harmless::shown(t.name.as_deref().unwrap_or(&t.id)).into_owned())
    }
}

async fn show(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let report = key::report(&services, &viewer.caller, &id).await?;
    let activity = &report.activity;
    let tables = vec![
        Table::of("Where it came from", "Address", &activity.addresses),
        Table::of("What it did or tried", "Action and outcome", &activity.actions),
        Table::of("What it started", "Workflow", &activity.started),
        Table::of("To what", "Kind and id", &activity.targets),
    ];
    let newest = |entries: &[AuditEntry]| entries.iter().take(ROWS).cloned().collect();
    let lists = vec![
        ("What it was refused, the newest", newest(&report.denied)),
        ("Runs that it started, the newest", newest(&report.runs)),
        ("What was done to the key", newest(&report.history)),
    ];
    let frame = viewer.frame(format!("Report on {}", report.key.nickname), HERE);
    Ok(page(StatusCode::OK, &ReportPage { frame, report, tables, lists }))
}
