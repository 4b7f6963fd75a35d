//! Style sheet, script and icon, in the binary. What must hold: a file's path names its content, so that browsers keep it for ever and never
//! have an old one.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::IntoResponse as _;
use factotum_model::Digest;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::api::endpoint::{Endpoint, Needs, Routes};
use crate::api::problem::Problem;
use crate::console::{Pages, Shown};
use crate::operations::Services;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset { name: "console.css", kind: "text/css; charset=utf-8", bytes: include_bytes!("console.css") },
    Asset { name: "console.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("console.js") },
    Asset { name: "audit.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("audit.js") },
    // htmx 2.0.11 as published, 0BSD.
    Asset { name: "htmx.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("htmx.js") },
    Asset { name: "upload.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("upload.js") },
    Asset { name: "select.js", kind: "text/javascript; charset=utf-8", bytes: include_bytes!("select.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", bytes: include_bytes!("icon.svg") },
];
/// RFC 8246: what has the content's digest in its path never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What the console knows of it.
pub const PAGES: Pages = Pages { routes, menu: None };

fn routes(routes: Routes<Arc<Services>>) -> Routes<Arc<Services>> {
    routes.add(
        Endpoint::get("/assets/{file}", "asset", "Style sheet, script, icon").needs(Needs::Nothing),
        show,
    )
}

/// The path of an asset: `/assets/0123456789ab-console.css`.
pub fn path(name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    asset.map_or_else(String::new, |asset| format!("/assets/{}", file(asset)))
}

fn file(asset: &Asset) -> String {
    let hex = Digest::of(asset.bytes).hex();
    format!("{}-{}", hex.get(..12).unwrap_or(&hex), asset.name)
}

async fn show(Path(asked): Path<String>, headers: HeaderMap) -> Shown {
    let asset = ASSETS.iter().find(|asset| file(asset) == asked).ok_or_else(Problem::not_found)?;
    let tag = format!("\"{asked}\"");
    let cache = [
        (header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER)),
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, cache).into_response());
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind))];
    Ok((cache, kind, asset.bytes).into_response())
}
