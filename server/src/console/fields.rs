//! The fields of a form that a page sent (`application/x-www-form-urlencoded`, URL Standard §5), and what was wrong with them. What must hold: a
//! form is bounded, and what somebody typed stands in it again when it is shown with an error, but for passwords.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use factotum_model::Redacted;
use http::{StatusCode, header};

use super::refusal::Refusal;
use crate::api::body::{read, wrong_type};
use crate::operations::OperationError;

/// The largest form, in bytes.
const MAX_FORM_BYTES: u64 = 1 << 20;

/// The fields of a form.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of a query string, where a form was sent by GET.
    pub fn of_query(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// A field's text without white space around it; empty if it is not there.
    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().trim().to_owned()
    }

    /// A field's text, if there is any.
    pub fn some(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// A secret, as typed.
    pub fn secret(&self, name: &str) -> Redacted {
        Redacted::new(self.get(name).unwrap_or_default().to_owned())
    }

    /// A secret, if one was typed.
    pub fn some_secret(&self, name: &str) -> Option<Redacted> {
        self.get(name)
            .filter(|text| !text.trim().is_empty())
            .map(|text| Redacted::new(text.trim().to_owned()))
    }

    /// All values of a field that may come more than once.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect()
    }

    /// Fields that came in another encoding.
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(wrong_type(&parts.headers, "application/x-www-form-urlencoded").into());
        }
        let bytes = read(&parts.headers, body, MAX_FORM_BYTES).await?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }
}

/// Whether two texts are the same: for a template, where one may be borrowed more often than the other.
pub fn same(a: impl AsRef<str>, b: impl AsRef<str>) -> bool {
    a.as_ref() == b.as_ref()
}

/// What was wrong with a form: beside a field, or with the whole.
#[derive(Debug, Default)]
pub struct Faults {
    field: String,
    /// The words.
    pub words: String,
}

impl Faults {
    /// What an operation says of what was typed; what is not about that is a page of its own.
    pub fn of(error: OperationError) -> Result<Self, Refusal> {
        match error {
            OperationError::Invalid { field, reason } => Ok(Self { field, words: reason }),
            OperationError::Conflict(_)
            | OperationError::LogInFailed
            | OperationError::SecondFactorRequired
            | OperationError::RateLimited(_)
            | OperationError::Immutable(_) => Ok(Self { field: String::new(), words: error.to_string() }),
            other => Err(other.into()),
        }
    }

    /// As [`of`](Self::of), with the status that the API answers with; a denial, too, stands in the form, beside this field or, without one, above
    /// all.
    pub fn answered(error: OperationError, denied_at: &str) -> Result<(StatusCode, Self), Refusal> {
        let status = match &error {
            OperationError::Denied { .. } => StatusCode::FORBIDDEN,
            OperationError::Conflict(_) | OperationError::Immutable(_) => StatusCode::CONFLICT,
            OperationError::LogInFailed | OperationError::SecondFactorRequired => StatusCode::UNAUTHORIZED,
            OperationError::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        match error {
            OperationError::Denied { reason, .. } => Ok((status, Self::beside(denied_at, reason))),
            other => Ok((status, Self::of(other)?)),
        }
    }

    /// As [`of`](Self::of), with a refusal of what was typed as words over the form as well, and the status that all of that has in the API.
    pub fn with_status(error: OperationError) -> Result<(StatusCode, Self), Refusal> {
        match error {
            OperationError::Denied { reason, .. } => Ok((StatusCode::FORBIDDEN, Self::beside("", reason))),
            OperationError::Component(words) => {
                Ok((StatusCode::UNPROCESSABLE_ENTITY, Self::beside("file", words)))
            }
            conflict @ OperationError::Conflict(_) => Ok((StatusCode::CONFLICT, Self::of(conflict)?)),
            other => Ok((StatusCode::UNPROCESSABLE_ENTITY, Self::of(other)?)),
        }
    }

    /// One that is found here, beside a field.
    pub fn beside(field: &str, words: impl Into<String>) -> Self {
        Self { field: field.to_owned(), words: words.into() }
    }

    /// The words beside this field; empty if it is fine.
    pub fn at(&self, field: &str) -> &str {
        // `grants[2]` belongs to `grants`.
        let own = self.field.split(['[', '.']).next().unwrap_or_default();
        if own == field { &self.words } else { "" }
    }

    /// The words beside the field with just this path, `limits.wall_ms`, or within it, `grants[2]`; empty if it is fine.
    pub fn exactly(&self, path: &str) -> &str {
        let own = self.field.split('[').next().unwrap_or_default();
        if own == path { &self.words } else { "" }
    }

    /// The words that belong to none of these fields.
    pub fn whole(&self, fields: &[&str]) -> &str {
        if fields.iter().any(|field| !self.at(field).is_empty()) { "" } else { &self.words }
    }
}
