//! `/session` and `/me/sessions`: logging in and out. What must hold: a session's token leaves in its cookie alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use http::StatusCode;

use super::{Answer, State};
use crate::api::body;
use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::session::{SetSession, Visitor};
use crate::operations::session::{self, LogIn, LoggedIn, Switch};
use crate::operations::{Caller, OperationError, Services};
use crate::view::PageView;
use crate::view::session::{LoggedInView, SessionView};

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    let (at, own) = ("/api/v1/session", "/api/v1/me/sessions");
    routes
        .add(
            Endpoint::post(
                at,
                "logIn",
                "Log in with e-mail address and password; the session is in the cookie",
            )
            .needs(Needs::Nothing)
            .takes::<LogIn>()
            .gives::<LoggedInView>(200, "Logged in"),
            log_in,
        )
        .add(
            Endpoint::get(at, "getSession", "Who is logged in, and where else they could be")
                .needs(Needs::Session)
                .gives::<LoggedInView>(200, "The session"),
            current,
        )
        .add(
            Endpoint::delete(at, "logOut", "Log out").needs(Needs::Session).gives_nothing(204, "Logged out"),
            log_out,
        )
        .add(
            Endpoint::post(
                "/api/v1/session/org",
                "switchOrganization",
                "Go over to another organization of one's own",
            )
            .needs(Needs::Session)
            .takes::<Switch>()
            .gives::<LoggedInView>(200, "Logged in there, and no longer here"),
            switch,
        )
        .add(
            Endpoint::get(own, "listSessions", "List one's own sessions")
                .needs(Needs::Session)
                .gives::<PageView<SessionView>>(200, "The sessions, newest first, on one page"),
            list,
        )
        .add(
            Endpoint::delete(own, "endOtherSessions", "End all of one's own sessions but this one")
                .needs(Needs::Session)
                .gives_nothing(204, "Ended"),
            end_others,
        )
        .add(
            Endpoint::delete("/api/v1/me/sessions/{id}", "endSession", "End one of one's own sessions")
                .needs(Needs::Session)
                .gives_nothing(204, "Ended"),
            end,
        )
}

/// The answer that logs a browser in.
pub fn logged_in(done: LoggedIn) -> (SetSession, Json<LoggedInView>) {
    let view = LoggedInView::from(&done);
    (SetSession::Begin(done.begun.token, done.begun.now, done.begun.expires_at), Json(view))
}

async fn log_in(
    services: State,
    visitor: Visitor,
    body: body::Json<LogIn>,
) -> Answer<(SetSession, Json<LoggedInView>)> {
    let done = session::log_in(&services, &body.value, &visitor.origin, visitor.token.as_ref()).await?;
    Ok(logged_in(done))
}

async fn current(services: State, caller: Caller) -> Answer<Json<LoggedInView>> {
    let (session, memberships) = session::current(&services, &caller).await?;
    let view = LoggedInView::current(&session, &memberships).ok_or(OperationError::Unauthenticated)?;
    Ok(Json(view))
}

async fn log_out(services: State, caller: Caller) -> Answer<(SetSession, StatusCode)> {
    session::log_out(&services, &caller).await?;
    Ok((SetSession::End, StatusCode::NO_CONTENT))
}

async fn switch(
    services: State,
    caller: Caller,
    body: body::Json<Switch>,
) -> Answer<(SetSession, Json<LoggedInView>)> {
    Ok(logged_in(session::switch(&services, &caller, &body.value).await?))
}

async fn list(services: State, caller: Caller) -> Answer<Json<PageView<SessionView>>> {
    let (sessions, this) = session::list(&services, &caller).await?;
    let items = sessions.iter().map(|session| SessionView::of(session, this)).collect();
    Ok(Json(PageView { items, next: None }))
}

async fn end_others(services: State, caller: Caller) -> Answer<StatusCode> {
    session::end_others(&services, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end(services: State, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    session::end(&services, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
