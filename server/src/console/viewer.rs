//! Who looks at a page: a person in a session. What must hold: an API key gets no page, whatever it may do through the API.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use factotum_model::{Action, authorize};
use factotum_storage::people::Membership;
use http::request::Parts;
use http::{Method, header};

use super::frame::{Entry, Frame, Member};
use super::refusal::Refusal;
use crate::api::error::ApiError;
use crate::api::problem::{Code, Problem};
use crate::operations::{Caller, Services, session};

/// A person in a session.
#[derive(Debug)]
pub struct Viewer {
    /// As operations know them.
    pub caller: Caller,
    /// The organizations that they are members of.
    pub memberships: Vec<Membership>,
}

impl FromRequestParts<Arc<Services>> for Viewer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Refusal> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let words = "the console is for people who are logged in; a program with an API key uses the API below /api/v1";
            return Err(Problem::new(Code::Denied, words).into());
        }
        let caller = Caller::from_request_parts(parts, services).await.map_err(|error| match error {
            ApiError::Problem(problem) if problem.code == Code::Unauthenticated => {
                // A form that was sent by nobody is lost; the page it stood on is found again.
                let wanted = if parts.method == Method::GET { parts.uri.path_and_query() } else { None };
                Refusal::LogIn(wanted.map_or("/", |path| path.as_str()).to_owned())
            }
            other => other.into(),
        })?;
        let (_, memberships) = session::current(services, &caller).await?;
        Ok(Self { caller, memberships })
    }
}

impl Viewer {
    /// The frame around a page of this title; `here`: the entry of the menu that it belongs to.
    pub fn frame(&self, title: impl Into<String>, here: &'static str) -> Frame {
        let own = self.memberships.iter().find(|m| m.org_id == self.caller.org_id);
        let member = Member {
            name: self.caller.principal.name.clone(),
            org: own.map(|m| m.org_name.clone()).unwrap_or_default(),
            others: self
                .memberships
                .iter()
                .filter(|m| m.org_id != self.caller.org_id)
                .map(|m| (m.org_id.to_string(), m.org_name.clone()))
                .collect(),
        };
        let offered = |entry: &&Entry| entry.needs.is_none_or(|action| self.may(action));
        Frame {
            title: title.into(),
            here,
            member: Some(member),
            menu: super::menu().filter(offered).collect(),
        }
    }

    /// Whether the viewer may: for offering only what will not be refused. It is the operation that decides.
    pub fn may(&self, action: Action) -> bool {
        authorize(&self.caller.authority, action, None).is_ok()
    }

    /// The same of one thing.
    pub fn may_named(&self, action: Action, name: &str) -> bool {
        authorize(&self.caller.authority, action, Some(name)).is_ok()
    }
}
