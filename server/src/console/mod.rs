//! The console: pages for people, rendered here and made of the operations that the API is made of. What must hold: a page is one folder with its
//! module and its templates; it decides nothing and does nothing that an operation does not; it can be read without JavaScript, loads nothing from
//! elsewhere and runs no script but the console's own; a service account is shown and never offered to be changed.

pub mod api_keys;
pub mod assets;
pub mod fields;
pub mod frame;
pub mod invitation;
pub mod login;
pub mod members;
pub mod overview;
pub mod page;
pub mod password_reset;
pub mod refusal;
pub mod setup;
pub mod viewer;

use std::sync::Arc;

use axum::response::Response;

use crate::api::endpoint::Routes;
use crate::operations::Services;
use refusal::Refusal;

/// What a page's handler gives.
pub type Shown = Result<Response, Refusal>;

/// All pages. They are no part of the API and of its document, and stand in the same matrix of permissions.
pub fn all() -> Routes<Arc<Services>> {
    let mut routes = Routes::default();
    for add in [
        assets::routes,
        login::routes,
        setup::routes,
        invitation::routes,
        password_reset::routes,
        overview::routes,
        members::routes,
        api_keys::routes,
    ] {
        routes = add(routes);
    }
    routes
}
