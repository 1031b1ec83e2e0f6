//! What programs that watch over a coordinator ask: `GET /metrics` for Prometheus, `/healthz` and `/readyz` for whoever restarts it.

use super::desk::{Desk, Live};
use crate::clock::now_ms;
use crate::telemetry::{Standing, exposition};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

pub(super) const METRICS: &str = "/metrics";
pub(super) const HEALTH: &str = "/healthz";
pub(super) const READY: &str = "/readyz";

/// A driver that has not come round for so long hangs: it does so twice a second, and a large submission takes a second.
const MAX_SILENCE: Duration = Duration::from_secs(10);
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What is said of a page that is made of a store alone.
const NOT_LIVE: &str = "no coordinator runs here\n";

/// All numbers of the coordinator.
pub(super) async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let Some(Live { telemetry, keeps, .. }) = &desk.source().live else {
        return (StatusCode::NOT_FOUND, NOT_LIVE).into_response();
    };
    let half_widths = desk.half_widths();
    let standing = Standing { status: desk.status(), keeps: *keeps.borrow(), half_widths, now_ms: now_ms() };
    ([(CONTENT_TYPE, OPENMETRICS)], exposition(telemetry, standing)).into_response()
}

/// The program runs: it answers.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Whether the coordinator takes what workers hand in, and if not, why.
pub(super) async fn ready(State(desk): State<Arc<Desk>>) -> (StatusCode, &'static str) {
    match desk.source().live.as_ref().map_or(Some(NOT_LIVE), why_not_ready) {
        None => (StatusCode::OK, "ok\n"),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn why_not_ready(live: &Live) -> Option<&'static str> {
    match live.keeps.has_changed() {
        Err(_) => Some("the driver has ended\n"),
        Ok(_) if live.telemetry.since_turn() > MAX_SILENCE => Some("the driver does not answer\n"),
        Ok(_) if !*live.keeps.borrow() => Some("the store keeps nothing\n"),
        Ok(_) => None,
    }
}
