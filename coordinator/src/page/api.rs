//! `/api/v1`: what the views are made of, as JSON for programs. deploy/README.md lists the addresses.

use super::desk::{Desk, Trouble};
use crate::analyst::Question;
use crate::outlook;
use crate::tables::TableKind;
use crate::tables::export::Format;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Where sweeps and workers stand, as `coordinator status --json` prints it.
pub(super) async fn status(State(desk): State<Arc<Desk>>) -> Response {
    answered(outlook::document(&desk.status()).map_err(|error| Trouble::Failed(error.to_string())))
}

/// What can be said of a sweep, in sentences.
pub(super) async fn answer(State(desk): State<Arc<Desk>>, Path(sweep): Path<String>) -> Response {
    answered(desk.study(&sweep).await.and_then(|(version, study)| {
        let of_outline = || Trouble::Failed(format!("the candidates of sweep `{sweep}` are being compared"));
        let answer = study.answer.as_ref().ok_or_else(of_outline)?;
        Ok(json!({
            "schema": "splitsweep.answer/1",
            "sweep": sweep,
            "at_ms": version,
            "best": answer.best,
            "undecided": answer.undecided,
            "failures": answer.failures,
            "caveats": answer.caveats,
        }))
    }))
}

/// A table, as `coordinator tables SWEEP --rows ROWS --format json` prints it.
pub(super) async fn table(State(desk): State<Arc<Desk>>, Path((sweep, rows)): Path<(String, String)>) -> Response {
    let Some(kind) = TableKind::from_name(&rows) else {
        return answered(Err(Trouble::Missing(format!("there is no table `{rows}`"))));
    };
    let question = Question { sweep, rows: kind, format: Format::Json, ..Question::default() };
    match desk.ask(move |analyst| analyst.answer(&question)).await {
        Ok(table) => ([(CONTENT_TYPE, "application/json")], table.text).into_response(),
        Err(trouble) => answered(Err(trouble)),
    }
}

/// Whatever else is asked for.
pub(super) async fn nothing() -> Response {
    answered(Err(Trouble::Missing("there is no such address".to_owned())))
}

fn answered(answer: Result<Value, Trouble>) -> Response {
    let (status, value) = match answer {
        Ok(value) => (StatusCode::OK, value),
        Err(trouble) => (trouble.status(), json!({ "error": trouble.to_string() })),
    };
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
