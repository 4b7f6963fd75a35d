//! A path that leads nowhere, asked for by a browser. What must hold: a program gets the API's problem instead; the page tells nobody what there is.

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts as _;
use axum::response::Response;
use http::request::Parts;
use http::{Method, StatusCode};

use super::frame::Frame;
use super::page::{page, takes_html};
use super::viewer::Viewer;
use crate::operations::Services;

/// What is below these is for programs, whatever they say that they read.
const FOR_PROGRAMS: [&str; 4] = ["/api/", "/hooks/", "/edi/", "/as2"];

#[derive(Template)]
#[template(path = "unknown/page.html")]
struct UnknownPage {
    frame: Frame,
}

/// Whether it is a browser that wants to show something.
pub fn is_for_people(parts: &Parts) -> bool {
    let path = parts.uri.path();
    matches!(parts.method, Method::GET | Method::HEAD)
        && !FOR_PROGRAMS.iter().any(|start| path.starts_with(start))
        && takes_html(&parts.headers)
}

/// The page: with its menu for who is logged in.
pub async fn show(parts: &mut Parts, services: &Arc<Services>) -> Response {
    const TITLE: &str = "There is no such page";
    let frame = match Viewer::from_request_parts(parts, services).await {
        Ok(viewer) => viewer.frame(TITLE, ""),
        Err(_) => Frame::bare(TITLE),
    };
    page(StatusCode::NOT_FOUND, &UnknownPage { frame })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_browsers_get_a_page() {
        let asks = |method: &str, path: &str, accept: &str| {
            let request = http::Request::builder().method(method).uri(path).header("accept", accept);
            is_for_people(&request.body(()).unwrap().into_parts().0)
        };
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(asks("GET", "/nowhere", browser));
        assert!(asks("HEAD", "/nowhere/else?x=1", "application/json, Text/HTML;q=0.5"));
        assert!(!asks("GET", "/nowhere", "*/*"));
        assert!(!asks("GET", "/nowhere", "application/json"));
        assert!(!asks("GET", "/api/v1/nowhere", browser));
        assert!(!asks("GET", "/hooks/wrong", browser));
        assert!(!asks("POST", "/nowhere", browser));
    }
}
