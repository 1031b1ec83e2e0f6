//! The style and the script of the page. Figures and tables look as in a report: its styles come first.

use crate::report::parts::{FIGURE_STYLE, PAGE_STYLE};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

/// Where the styles are.
pub(super) const STYLE: &str = "/page.css";
/// The styles, one after the other.
static CSS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("text/css; charset=utf-8", [FIGURE_STYLE, PAGE_STYLE, include_str!("page.css")].concat())
});
/// The script.
static JS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/javascript; charset=utf-8", include_str!("page.js").to_owned()));

pub(super) async fn css(headers: HeaderMap) -> Response {
    CSS.answer(&headers)
}

pub(super) async fn js(headers: HeaderMap) -> Response {
    JS.answer(&headers)
}

/// A file that is part of the program.
struct Asset {
    kind: &'static str,
    text: String,
    tag: String,
}

impl Asset {
    fn new(kind: &'static str, text: String) -> Self {
        let tag = format!("\"{}\"", &blake3::hash(text.as_bytes()).to_hex()[..16]);
        Self { kind, text, tag }
    }

    /// The file, unless the browser has it.
    fn answer(&'static self, headers: &HeaderMap) -> Response {
        let tag = HeaderValue::from_static(&self.tag);
        let head = [
            (CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (ETAG, tag.clone()),
        ];
        if headers.get(IF_NONE_MATCH) == Some(&tag) {
            return (StatusCode::NOT_MODIFIED, head).into_response();
        }
        (head, self.text.as_str()).into_response()
    }
}
