//! Files of a run. What must hold: they are offered as files, never shown by the browser; a line of a log is a line of the file, whatever is in it.

use std::fmt::Write as _;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use factotum_model::RunId;
use http::{HeaderValue, header};

use crate::api::problem::Problem;
use crate::api::routes::State;
use crate::console::Shown;
use crate::console::viewer::Viewer;
use crate::operations::run;
use crate::view::harmless;

/// The whole log, a line each: attempt, milliseconds, level, message, fields as JSON.
pub async fn log(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let lines = run::logs(&services, &viewer.caller, &id, (0, 0)).await?;
    let mut text = String::new();
    for line in lines {
        let own = &line.line;
        let word = |name: &str| harmless::shown(own[name].as_str().unwrap_or_default()).into_owned();
        let at = own["at_ms"].as_u64().unwrap_or_default();
        // Writing to a string does not fail.
        let _ = write!(text, "{} {at} {} {}", line.attempt, word("level"), word("message"));
        if own["fields"].as_object().is_some_and(|fields| !fields.is_empty()) {
            let _ = write!(text, " {}", harmless::json(&own["fields"]));
        }
        text.push('\n');
    }
    file(&id, "log.txt", "text/plain; charset=utf-8", text)
}

/// What it answered.
pub async fn output(services: State, viewer: Viewer, Path(id): Path<String>) -> Shown {
    let run = run::get(&services, &viewer.caller, &id).await?;
    let output = run.output.ok_or_else(Problem::not_found)?;
    file(&id, "output.json", "application/json", output)
}

fn file(id: &str, what: &str, kind: &'static str, text: String) -> Shown {
    // Only an id has come so far; its form goes into a header.
    let id: RunId = id.parse().map_err(|_| Problem::not_found())?;
    let mut response: Response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{id}.{what}\""));
    headers.insert(header::CONTENT_DISPOSITION, name.unwrap_or(HeaderValue::from_static("attachment")));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
