//! The handlers, one file per noun: they translate between HTTP and operations, and do nothing else.

pub mod account;
pub mod api_key;
pub mod audit;
pub mod audit_log;
pub mod audit_tail;
pub mod edi_inbox;
pub mod event;
pub mod hook;
pub mod identity;
pub mod interchange;
pub mod invitation;
pub mod me;
pub mod member;
pub mod notice;
pub mod oidc;
pub mod partner;
pub mod password;
pub mod plugin;
pub mod role;
pub mod run;
pub mod secret;
pub mod session;
pub mod setup;
pub mod system;
pub mod totp;
pub mod trigger;
pub mod workflow;

use std::sync::Arc;

use super::endpoint::Routes;
use super::error::ApiError;
use crate::operations::Services;

/// The state of every handler.
pub type State = axum::extract::State<Arc<Services>>;
/// What a handler gives.
pub type Answer<T> = Result<T, ApiError>;

/// All routes.
pub fn all() -> Routes<Arc<Services>> {
    edi_inbox::routes(hook::routes(all_but_hooks()))
}

/// What the world calls.
pub fn hooks() -> Routes<Arc<Services>> {
    edi_inbox::routes(hook::routes(Routes::default()))
}

/// All routes for those who set it up and look after it.
pub fn all_but_hooks() -> Routes<Arc<Services>> {
    let mut routes = Routes::default();
    for add in [
        me::routes,
        session::routes,
        password::routes,
        totp::routes,
        setup::routes,
        identity::routes,
        oidc::routes,
        member::routes,
        invitation::routes,
        role::routes,
        account::routes,
        api_key::routes,
        plugin::routes,
        workflow::routes,
        notice::routes,
        trigger::routes,
        run::routes,
        event::routes,
        partner::routes,
        interchange::routes,
        audit::routes,
        audit_log::routes,
        audit_tail::routes,
        secret::routes,
        system::routes,
    ] {
        routes = add(routes);
    }
    routes
}
