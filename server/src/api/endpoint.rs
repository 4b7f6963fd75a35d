//! The table of routes. What must hold: a handler is reachable only through an [`Endpoint`], which states its method, path, permission,
//! input and answers, so that router, OpenAPI document and the table of permissions cannot differ.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use factotum_model::Action;
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};

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
    /// Query parameters.
    pub query: Vec<Parameter>,
    /// The body it takes.
    pub body: Option<BodyKind>,
    /// The answers beside problems.
    pub answers: Vec<Answer>,
}

impl Endpoint {
    /// An endpoint that needs a key and no grant, until told otherwise.
    pub const fn of(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let needs = Needs::Account;
        Self { method, path, id, summary, needs, query: Vec::new(), body: None, answers: Vec::new() }
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

    /// States a query parameter.
    pub fn query(mut self, name: &'static str, what: &'static str) -> Self {
        self.query.push(Parameter { name, what });
        self
    }

    /// States that it is a list: `limit` and `cursor`.
    pub fn paged(self) -> Self {
        self.query("limit", "how many items at the most, up to 1000; 50 unless given")
            .query("cursor", "`next` of the page before")
    }

    /// States that it takes JSON.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(BodyKind::Json(SchemaGenerator::subschema_for::<T>));
        self
    }

    /// States that it takes other bytes.
    pub fn takes_raw(mut self, content_type: &'static str) -> Self {
        self.body = Some(BodyKind::Raw(content_type));
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
    pub fn add_any<H, T>(mut self, endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.router = self.router.route(endpoint.path, axum::routing::any(handler));
        self.endpoints.push(endpoint);
        self
    }

    /// The router.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}
