//! Bodies that attackers try impossible values in. What must hold: a field that does not exist, or has a value that cannot be, is on the record as a
//! denial of what was asked for.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::body::{self, is_json, wrong_type};
use super::error::ApiError;
use super::problem::{Code, Problem};
use crate::operations::{Caller, OperationError, Services};

/// Reads a JSON body; what cannot be is put on the record. `empty` stands for an empty body.
pub async fn read<T: DeserializeOwned>(
    services: &Services,
    caller: &Caller,
    doing: &'static str,
    headers: &HeaderMap,
    body: Body,
    empty: Option<T>,
) -> Result<(T, Bytes), ApiError> {
    let bytes = if is_json(headers) || empty.is_some() {
        body::read(headers, body, services.limits.json_body_bytes).await?
    } else {
        return Err(wrong_type(headers, "application/json").into());
    };
    match empty {
        Some(value) if bytes.is_empty() => return Ok((value, bytes)),
        Some(_) if !is_json(headers) => return Err(wrong_type(headers, "application/json").into()),
        _ => {}
    }
    match body::parse(&bytes) {
        Ok(value) => Ok((value, bytes)),
        Err(problem) => {
            if matches!(problem.code, Code::InvalidField | Code::UnknownField) {
                record(services, caller, doing, &problem).await?;
            }
            Err(problem.into())
        }
    }
}

async fn record(
    services: &Services,
    caller: &Caller,
    doing: &'static str,
    problem: &Problem,
) -> Result<(), ApiError> {
    match caller.refused(services, doing, None, refusal(problem)).await {
        OperationError::Invalid { .. } => Ok(()),
        other => Err(other.into()),
    }
}

/// The same for an operation that records it by itself.
pub fn refusal(problem: &Problem) -> OperationError {
    OperationError::invalid(problem.field.clone().unwrap_or_default(), &problem.detail)
}
