//! On to the identity provider from a form, which the policy of pages lets lead nowhere but here (CSP Level 3, `form-action` counts redirects too): a
//! page in between, which goes on by itself. What must hold: it leads to the provider that is configured and nowhere else; it works without JavaScript.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;

use super::frame::Frame;
use super::page::page;
use crate::api::flow::SetFlow;
use crate::operations::oidc::Started;

#[derive(Template)]
#[template(path = "provider/page.html")]
struct ProviderPage {
    frame: Frame,
    url: String,
}

/// The page in between.
pub fn go_on(started: Started) -> Response {
    let shown = ProviderPage { frame: Frame::bare("On to the identity provider"), url: started.url };
    (SetFlow::Begin(started.browser), page(StatusCode::OK, &shown)).into_response()
}
