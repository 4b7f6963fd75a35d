//! `/plugins`

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use factotum_model::Action;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::{Answer, State};
use crate::api::body::{self, wrong_type};
use crate::api::endpoint::{Endpoint, Routes};
use crate::api::form::Form;
use crate::api::idempotency::IdempotencyKey;
use crate::api::parameters::{Parameters, listed, page};
use crate::operations::plugin::{self, Upload};
use crate::operations::{Caller, Services};
use crate::view::PageView;
use crate::view::plugin::PluginView;

/// Adds the routes.
pub fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes
        .add(
            Endpoint::post(
                "/api/v1/plugins",
                "uploadPlugin",
                "Upload a component, or a core module of WASI preview 1",
            )
            .grant(Action::PLUGINS_CREATE)
            .query_required("name", Form::Name, "the plugin's name")
            .query_required("version", Form::Version, "its version, such as 1.0.0; versions never change")
            .takes_raw("application/wasm")
            .gives::<PluginView>(201, "The plugin")
            .gives::<PluginView>(200, "The version is there already, with the same bytes"),
            upload,
        )
        .add(
            Endpoint::get("/api/v1/plugins", "listPlugins", "List plugins")
                .grant(Action::PLUGINS_READ)
                .paged()
                .gives::<PageView<PluginView>>(200, "The plugins, newest first"),
            list,
        )
        .add(
            Endpoint::get("/api/v1/plugins/{plugin}", "getPlugin", "Show a plugin, by id or name@version")
                .grant(Action::PLUGINS_READ)
                .gives::<PluginView>(200, "The plugin"),
            show,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadQuery {
    name: String,
    version: String,
}

async fn upload(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<UploadQuery>,
    idempotency: IdempotencyKey,
    headers: HeaderMap,
    body: Body,
) -> Answer<(StatusCode, Json<PluginView>)> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !matches!(kind.split(';').next().map(str::trim), Some("application/wasm" | "application/octet-stream"))
    {
        return Err(wrong_type(&headers, "application/wasm").into());
    }
    let bytes = body::read(&headers, body, services.limits.component_bytes).await?;
    let once = idempotency.over(&bytes)?;
    let upload = Upload { name: query.name, version: query.version, bytes };
    let (plugin, created) = plugin::push(&services, &caller, upload, once.as_ref()).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json((&plugin).into())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    services: State,
    caller: Caller,
    Parameters(query): Parameters<ListQuery>,
) -> Answer<Json<PageView<PluginView>>> {
    let page = page(query.limit.as_deref(), query.cursor.as_deref())?;
    Ok(listed(plugin::list(&services, &caller, page).await?, |plugin| PluginView::from(&plugin)))
}

async fn show(services: State, caller: Caller, Path(which): Path<String>) -> Answer<Json<PluginView>> {
    Ok(Json((&plugin::get(&services, &caller, &which).await?).into()))
}
