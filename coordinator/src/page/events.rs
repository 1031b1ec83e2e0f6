//! `GET /events`: server-sent events that say no more than that there is a new version. What it shows, a page fetches itself.

use super::desk::Desk;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::WatchStream;

/// A comment is sent so often, so that nobody on the way takes the connection for dead.
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);
/// A browser whose stream has ended waits so long before it opens another.
const RETRY: Duration = Duration::from_secs(2);

/// A stream of versions. One that reads slowly gets the newest only.
pub(super) async fn events(State(desk): State<Arc<Desk>>) -> Response {
    let Some(place) = desk.viewer() else {
        let words = "Too many pages are open: this one asks again and again instead.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "60")], words).into_response();
    };
    let versions = WatchStream::new(desk.changes()).map(move |status| {
        let _place = &place;
        let version = status.at_ms.to_string();
        Ok::<_, Infallible>(Event::default().id(&version).event("version").data(&version).retry(RETRY))
    });
    let kept_alive = Sse::new(versions).keep_alive(KeepAlive::new().interval(COMMENT_INTERVAL).text("still here"));
    ([("x-accel-buffering", "no")], kept_alive).into_response()
}
