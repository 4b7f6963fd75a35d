//! `/audit`

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use factotum_model::audit::{AuditEntry, AuditOutcome};
use factotum_model::{AccountKind, Action, AuditId};
use factotum_storage::audit_entries::AuditFilter;
use factotum_storage::audit_search::words::{MAX_WORDS, words};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, State};
use crate::api::chunks::{BrokenOff, ChunkedBody, Chunks};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::parameters::{Parameters, page, value, word};
use crate::api::problem::Problem;
use crate::operations::{Caller, Services, audit};
use crate::view::PageView;
use crate::view::audit::AuditForm;

/// States the filters.
pub(super) fn filtered(endpoint: Endpoint) -> Endpoint {
    endpoint
        .query_of(
            "actor_kind",
            Form::Words(&["member", "base", "api_key", "service"]),
            "member, base, api_key, or service for the latter two; several with commas",
        )
        .query_of("account", Form::Id("acc_"), "by this account")
        .query_of("key", Form::Id("key_"), "with this API key")
        .query("action", "of this action, such as api_key.create; a trailing * takes all that begin so")
        .query_of("outcome", Form::Word(&["ok", "denied", "error"]), "ok, denied or error")
        .query("target", "done to the thing with this id")
        .query_of("trigger", Form::Id("trg_"), "started by this trigger")
        .query_of("run", Form::Id("run_"), "about this run")
        .query_of("ip", Form::Address, "from this address")
        .query_of("since", Form::Time, "at or after this time, RFC 3339")
        .query_of("until", Form::Time, "before this time, RFC 3339")
        .query("q", "with these words, in any order; the last may be the beginning of one")
}

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            filtered(Endpoint::get(
                "/api/v1/audit",
                "listAudit",
                "Read the audit trail; that is on the record too",
            ))
            .grant(Action::AUDIT_READ)
            .paged()
            .gives::<PageView<Value>>(200, "The entries, newest first"),
            list,
        )
        .add(
            filtered(Endpoint::get(
                "/api/v1/audit/export",
                "exportAudit",
                "Export the audit trail, newest first",
            ))
            .grant(Action::AUDIT_EXPORT)
            .query_of(
                "format",
                Form::Word(&["jsonl", "csv", "ocsf"]),
                "jsonl, which is the default, csv, or ocsf: events of OCSF 1.5.0, one a line",
            )
            .gives_raw(200, "The entries", "application/jsonl")
            .gives_raw(200, "The entries", "text/csv"),
            export,
        )
}

/// The filters as a query has them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cursor: Option<String>,
}

impl AuditQuery {
    /// The filter that it asks for.
    pub(crate) fn filter(&self) -> Result<AuditFilter, Problem> {
        Ok(AuditFilter {
            actor_kinds: word("actor_kind", self.actor_kind.as_deref(), kinds)?.unwrap_or_default(),
            account: value("account", self.account.as_deref())?,
            key: value("key", self.key.as_deref())?,
            action: self.action.clone(),
            outcome: word("outcome", self.outcome.as_deref(), AuditOutcome::from_word)?,
            target: self.target.clone(),
            trigger: value("trigger", self.trigger.as_deref())?,
            run: value("run", self.run.as_deref())?,
            address: value("ip", self.ip.as_deref())?,
            since: value("since", self.since.as_deref())?,
            until: value("until", self.until.as_deref())?,
            text: self.q.as_deref().map(searched).transpose()?,
        })
    }

    /// Refuses what only a list or an export takes.
    pub(super) fn is_no_page(&self) -> Result<(), Problem> {
        let given = [("limit", &self.limit), ("format", &self.format)];
        match given.into_iter().find(|(_, value)| value.is_some()) {
            None => Ok(()),
            Some((name, _)) => Err(Problem::field(name, format!("in the query, `{name}`: a tail has none"))),
        }
    }

    /// The query for the record of its being asked.
    pub(crate) fn asked(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A text that is searched for must have a word, and not too many.
fn searched(text: &str) -> Result<String, Problem> {
    match words(text).count() {
        0 => Err(Problem::field("q", "in the query, `q` must have at least one letter or digit")),
        n if n > MAX_WORDS => {
            Err(Problem::field("q", format!("in the query, `q` has {n} words; at most {MAX_WORDS}")))
        }
        _ => Ok(text.to_owned()),
    }
}

/// `service` is every actor that is no person.
fn kinds(text: &str) -> Option<Vec<AccountKind>> {
    let mut kinds = Vec::new();
    for word in text.split(',') {
        match word {
            "service" => kinds.extend([AccountKind::Base, AccountKind::ApiKey]),
            word => kinds.push(AccountKind::from_word(word)?),
        }
    }
    Some(kinds)
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<AuditQuery>,
) -> Answer<Json<PageView<AuditEntry>>> {
    let page = page::<AuditId>(query.limit.as_deref(), query.cursor.as_deref())?;
    let found = audit::list(&services, &caller, &query.filter()?, query.asked(), page).await?;
    Ok(Json(PageView { items: found.items, next: found.next }))
}

async fn export(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<AuditQuery>,
) -> Answer<Response> {
    let form = word("format", query.format.as_deref(), AuditForm::from_word)?.unwrap_or(AuditForm::JsonLines);
    let filter = query.filter()?;
    audit::begin_export(&services, &caller, query.asked()).await?;
    let services = Arc::clone(&services);
    let export = Export { services, caller, filter, form, before: None, stage: Stage::Head };
    let mut response = Body::new(ChunkedBody::begin(export)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    Ok(response)
}

enum Stage {
    Head,
    Entries,
    Done,
}

/// An export under way: it holds one chunk, however long the trail is, and no transaction between two chunks.
struct Export {
    services: Arc<Services>,
    caller: Caller,
    filter: AuditFilter,
    form: AuditForm,
    before: Option<AuditId>,
    stage: Stage,
}

impl Chunks for Export {
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        match self.stage {
            Stage::Done => return Ok(None),
            Stage::Head => {
                self.stage = Stage::Entries;
                if !self.form.head().is_empty() {
                    return Ok(Some(self.form.head().into()));
                }
            }
            Stage::Entries => {}
        }
        let found = audit::export_chunk(&self.services, &self.caller, &self.filter, self.before).await;
        let found = found.map_err(|error| {
            tracing::error!(%error, "an export of the audit trail broke off");
            BrokenOff
        })?;
        let Some(found) = found else {
            tracing::info!(account = %self.caller.principal.id, "an export of the audit trail broke off: its key or session has ended");
            return Err(BrokenOff);
        };
        self.before = found.last().map(|entry| entry.id);
        if found.len() < audit::EXPORT_CHUNK as usize {
            self.stage = Stage::Done;
        }
        let lines: Vec<String> = found.iter().map(|entry| self.form.line(entry)).collect();
        Ok(Some(lines.concat().into()).filter(|bytes: &Bytes| !bytes.is_empty()))
    }
}
