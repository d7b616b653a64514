//! The files that pages are made with: styles and scripts, all of them in the binary.
//!
//! A page names each with a hash of its content, so browsers keep it for good and take a new one at once.

use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::answer::{Refusal, Why, compressed};
use crate::pages::STYLE;
use crate::status;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The name, type and content of each.
const FILES: [(&str, &str, &str); 4] = [
    ("trailbook.css", CSS, STYLE),
    ("console.css", CSS, include_str!("../../assets/console.css")),
    ("console.js", SCRIPT, include_str!("../../assets/console.js")),
    // htmx 2, of the npm package htmx.org, as it is there (0BSD).
    ("htmx.js", SCRIPT, include_str!("../../assets/htmx.min.js")),
];

/// The name and the hash of each.
static HASHES: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let hash = |content: &str| {
        let digest = digest(&SHA256, content.as_bytes());
        URL_SAFE_NO_PAD.encode(digest.as_ref().get(..9).unwrap_or_default())
    };
    FILES.iter().map(|(name, _, content)| (*name, hash(content))).collect()
});

fn hash_of(name: &str) -> &'static str {
    HASHES.iter().find(|(one, _)| *one == name).map_or("", |(_, hash)| hash)
}

/// The path of a file, with its hash.
pub(super) fn url(name: &str) -> String {
    format!("/assets/{name}?v={}", hash_of(name))
}

/// `GET /assets/{name}`
pub(super) async fn give(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some((name, kind, content)) = FILES.iter().find(|(one, _, _)| *one == name) else {
        return Refusal::new(Why::NotFound, "There is no such file.").bare();
    };
    let hash = hash_of(name);
    let tag = format!("\"{hash}\"");
    let is_of_hash = query.is_some_and(|query| query.strip_prefix("v=") == Some(hash));
    let kept = if is_of_hash { "public, max-age=31536000, immutable" } else { "no-cache" };
    let own = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, kept), (header::VARY, "Accept-Encoding")];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes()) {
        return (status::SAME, own).into_response();
    }
    match compressed(&headers, content.as_bytes()) {
        Some(bytes) => {
            let form = [(header::CONTENT_TYPE, *kind), (header::CONTENT_ENCODING, "gzip")];
            (status::FOUND, own, form, bytes).into_response()
        }
        None => (status::FOUND, own, [(header::CONTENT_TYPE, *kind)], *content).into_response(),
    }
}
