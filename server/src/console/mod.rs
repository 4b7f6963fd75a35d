//! The console: pages for people, rendered here and made of the operations that the API is made of. What must hold: a page is one folder with its
//! module and its templates; it decides nothing and does nothing that an operation does not; it can be read without JavaScript, loads nothing from
//! elsewhere and runs no script but the console's own; a service account is shown and never offered to be changed.

pub mod account;
pub mod api_keys;
pub mod assets;
pub mod audit;
pub mod dead_letters;
pub mod fields;
pub mod frame;
pub mod grants;
pub mod interchanges;
pub mod invitation;
pub mod login;
pub mod members;
pub mod multipart;
pub mod notices;
pub mod overview;
pub mod page;
pub mod partners;
pub mod password_reset;
pub mod plugins;
pub mod provider;
pub mod refusal;
pub mod roles;
pub mod runs;
pub mod secrets;
pub mod settings;
pub mod setup;
pub mod triggers;
pub mod unknown;
pub mod viewer;
pub mod workflows;

use std::sync::Arc;

use axum::response::Response;

use crate::api::endpoint::Routes;
use crate::operations::Services;
use frame::Entry;
use refusal::Refusal;

/// What a page's handler gives.
pub type Shown = Result<Response, Refusal>;

/// A page, or several that belong together.
pub struct Pages {
    /// Adds its routes.
    routes: fn(Routes<Arc<Services>>) -> Routes<Arc<Services>>,
    /// Where it stands in the menu.
    menu: Option<Entry>,
}

/// All pages, in the order of the menu: another one is another line.
static PAGES: &[&Pages] = &[
    &assets::PAGES,
    &login::PAGES,
    &setup::PAGES,
    &invitation::PAGES,
    &password_reset::PAGES,
    &account::PAGES,
    &overview::PAGES,
    &runs::PAGES,
    &dead_letters::PAGES,
    &workflows::PAGES,
    &triggers::PAGES,
    &partners::PAGES,
    &interchanges::PAGES,
    &plugins::PAGES,
    &audit::PAGES,
    &members::PAGES,
    &roles::PAGES,
    &api_keys::PAGES,
    &secrets::PAGES,
    &notices::PAGES,
    &settings::SSO,
    &settings::MAIL,
    &settings::RETENTION,
    &settings::EGRESS,
];

/// The routes of all pages. They are no part of the API and of its document, and stand in the same matrix of permissions.
pub fn all() -> Routes<Arc<Services>> {
    PAGES.iter().fold(Routes::default(), |routes, page| (page.routes)(routes))
}

/// The entries of the menu, in its order.
fn menu() -> impl Iterator<Item = &'static Entry> {
    PAGES.iter().filter_map(|page| page.menu.as_ref())
}
