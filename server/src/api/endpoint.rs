//! The table of routes. What must hold: a handler is reachable only through an [`Endpoint`], which states its method, path, permission,
//! input and answers, so that router, OpenAPI document and the table of permissions cannot differ.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use factotum_model::Action;
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::form::Form;

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: anybody may ask.
    Nothing,
    /// Any valid key or session.
    Account,
    /// A person's own session: no key will do.
    Session,
    /// A grant.
    Grant(Action),
    /// A grant, or, for a run, to be its principal.
    GrantOrPrincipal(Action),
}

/// A query parameter or header of a request.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it looks like.
    pub form: Form,
}

/// A body.
#[derive(Clone, Copy)]
pub enum BodyKind {
    /// JSON of this schema.
    Json(MakeSchema),
    /// Other bytes.
    Raw(&'static str),
}

/// One possible answer.
#[derive(Clone, Copy)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// When it comes.
    pub what: &'static str,
    /// What is in it.
    pub body: Option<BodyKind>,
}

/// One method of one path.
#[derive(Clone)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The whole path, parameters in braces.
    pub path: &'static str,
    /// A name for generated clients.
    pub id: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What the caller needs.
    pub needs: Needs,
    /// What the caller needs instead in some cases, and which those are: `where the workflow is new`.
    pub or_needs: Vec<(Action, &'static str)>,
    /// Query parameters.
    pub query: Vec<Parameter>,
    /// The body it takes.
    pub body: Option<BodyKind>,
    /// Whether it does without that body too.
    pub body_optional: bool,
    /// The answers beside problems.
    pub answers: Vec<Answer>,
    /// The problems that do not follow from what it takes and needs.
    pub refusals: Vec<(u16, &'static str)>,
    /// Whether it takes every method, of which `method` is one.
    pub any_method: bool,
}

impl Endpoint {
    /// An endpoint that needs a key and no grant, until told otherwise.
    pub const fn of(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            needs: Needs::Account,
            or_needs: Vec::new(),
            query: Vec::new(),
            body: None,
            body_optional: false,
            answers: Vec::new(),
            refusals: Vec::new(),
            any_method: false,
        }
    }

    /// A `GET`.
    pub const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::of(Method::GET, path, id, summary)
    }

    /// A `POST`.
    pub const fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::of(Method::POST, path, id, summary)
    }

    /// A `PUT`.
    pub const fn put(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::of(Method::PUT, path, id, summary)
    }

    /// A `PATCH`.
    pub const fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::of(Method::PATCH, path, id, summary)
    }

    /// A `DELETE`.
    pub const fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::of(Method::DELETE, path, id, summary)
    }

    /// States what the caller needs.
    pub fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// States the grant the caller needs.
    pub fn grant(self, action: Action) -> Self {
        self.needs(Needs::Grant(action))
    }

    /// States a grant that the caller needs instead in some cases, and which those are.
    pub fn or_grant(mut self, action: Action, when: &'static str) -> Self {
        self.or_needs.push((action, when));
        self
    }

    /// States a query parameter that is any text.
    pub fn query(self, name: &'static str, what: &'static str) -> Self {
        self.query_of(name, Form::Text, what)
    }

    /// States a query parameter and its form.
    pub fn query_of(mut self, name: &'static str, form: Form, what: &'static str) -> Self {
        self.query.push(Parameter { name, what, required: false, form });
        self
    }

    /// States a query parameter that must be there.
    pub fn query_required(mut self, name: &'static str, form: Form, what: &'static str) -> Self {
        self.query.push(Parameter { name, what, required: true, form });
        self
    }

    /// States that it is a list: `limit` and `cursor`.
    pub fn paged(self) -> Self {
        let cursor = Form::of_collection(self.path.rsplit('/').next().unwrap_or_default());
        let limit = Form::Count(1, u64::from(u32::MAX));
        self.query_of("limit", limit, "how many items at the most; 50 unless given, and never more than 1000")
            .query_of("cursor", cursor, "`next` of the page before")
    }

    /// States that it takes JSON.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(BodyKind::Json(SchemaGenerator::subschema_for::<T>));
        self
    }

    /// States that it takes JSON, or no body at all.
    pub fn may_take<T: JsonSchema>(mut self) -> Self {
        self.body_optional = true;
        self.takes::<T>()
    }

    /// States that it takes other bytes.
    pub fn takes_raw(mut self, content_type: &'static str) -> Self {
        self.body = Some(BodyKind::Raw(content_type));
        self
    }

    /// States a problem that does not follow from what the endpoint takes and needs.
    pub fn refuses(mut self, status: u16, what: &'static str) -> Self {
        self.refusals.push((status, what));
        self
    }

    /// States an answer in JSON.
    pub fn gives<T: JsonSchema>(mut self, status: u16, what: &'static str) -> Self {
        let body = Some(BodyKind::Json(SchemaGenerator::subschema_for::<T>));
        self.answers.push(Answer { status, what, body });
        self
    }

    /// States an answer of other bytes.
    pub fn gives_raw(mut self, status: u16, what: &'static str, content_type: &'static str) -> Self {
        self.answers.push(Answer { status, what, body: Some(BodyKind::Raw(content_type)) });
        self
    }

    /// States an answer without a body.
    pub fn gives_nothing(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push(Answer { status, what, body: None });
        self
    }
}

/// Routes under construction.
pub struct Routes<S> {
    /// The endpoints so far.
    pub endpoints: Vec<Endpoint>,
    router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { endpoints: Vec::new(), router: Router::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Adds an endpoint with its handler.
    pub fn add<H, T>(mut self, endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        // Every method of `Endpoint` is one that axum has a filter for.
        let filter = MethodFilter::try_from(endpoint.method.clone()).unwrap_or(MethodFilter::GET);
        self.router = self.router.route(endpoint.path, on(filter, handler));
        self.endpoints.push(endpoint);
        self
    }

    /// Adds a path that takes every method; the endpoint states one of them.
    pub fn add_any<H, T>(mut self, mut endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.router = self.router.route(endpoint.path, axum::routing::any(handler));
        endpoint.any_method = true;
        self.endpoints.push(endpoint);
        self
    }

    /// The router.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}
