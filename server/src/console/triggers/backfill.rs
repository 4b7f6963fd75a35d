//! The backfill of a schedule: shown first, fired once it is confirmed. What must hold: what is confirmed is the range that was shown; the operation decides.

use axum::extract::Path;
use http::StatusCode;

use super::{TriggerPage, form, one};
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::fields::Fields;
use crate::console::page::page;
use crate::console::viewer::Viewer;
use crate::operations::trigger::{self, Range};

/// The path of the form.
pub(super) const PATH: &str = "/triggers/{id}/backfill";

pub(super) async fn backfill(
    services: State,
    viewer: Viewer,
    Path(id): Path<String>,
    fields: Fields,
) -> Shown {
    let (from, until) = (fields.text("from"), fields.text("until"));
    let dry_run = fields.text("confirmed") != "yes";
    let asked = Range { from: from.clone(), until: until.clone(), dry_run, again: false };
    match trigger::backfill(&services, &viewer.caller, &id, &asked, None).await {
        Ok(done) => {
            let shown = one(&services, &viewer, &id).await?;
            let range = if dry_run { (from, until) } else { (String::new(), String::new()) };
            let shown = TriggerPage { backfill: Some(done.view()), range, ..shown };
            Ok(page(StatusCode::OK, &shown))
        }
        Err(error) => {
            let (status, faults) = form::faults(error)?;
            let shown = one(&services, &viewer, &id).await?;
            Ok(page(status, &TriggerPage { faults, range: (from, until), ..shown }))
        }
    }
}
