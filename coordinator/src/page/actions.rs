//! What the page has done to a sweep where the coordinator was started with --page-actions: `POST /sweep/{sweep}/cancel` and `/retry`.
//! Both are asked for by a form of the sweep's page, which bears what no other site knows.

use super::desk::{Desk, Trouble};
use super::frame::{View, trouble};
use super::keys::Forms;
use super::visitor::Visitor;
use crate::outlook;
use crate::text::plural;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

pub(super) const CANCEL: &str = "/sweep/{sweep}/cancel";
pub(super) const RETRY: &str = "/sweep/{sweep}/retry";

/// Does something to the sweep of that name; the answer is the number of jobs that it was done to, or why it was not done.
pub type Deed = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<u64, String>> + Send>> + Send + Sync>;

/// What the page may have done to sweeps.
#[derive(Clone)]
pub struct Actions {
    /// Cancels the unfinished jobs.
    pub cancel: Deed,
    /// Has failed and cancelled jobs tried again.
    pub retry: Deed,
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Actions")
    }
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Cancel,
    Retry,
}

impl Action {
    const ALL: [Self; 2] = [Self::Cancel, Self::Retry];

    fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }

    /// Where its form is sent.
    pub(super) fn path(self, sweep: &str) -> String {
        format!("/sweep/{sweep}/{}", self.name())
    }

    /// What was done, in words.
    fn words(self, count: u64) -> String {
        match (self, count) {
            (Self::Cancel, count) => format!("{} cancelled", plural(count, "job")),
            (Self::Retry, 0) => "no job has failed or was cancelled".to_owned(),
            (Self::Retry, 1) => "1 job is tried again".to_owned(),
            (Self::Retry, count) => format!("{} are tried again", plural(count, "job")),
        }
    }

    /// What the address of a page says that was done.
    fn done(self, count: u64) -> String {
        format!("{}-{count}", self.name())
    }
}

/// What was done, in words; `None` if the text does not say it.
pub(super) fn words(done: &str) -> Option<String> {
    let (name, count) = done.split_once('-')?;
    let action = Action::ALL.into_iter().find(|action| action.name() == name)?;
    Some(action.words(count.parse().ok()?))
}

/// Whether something is done at that path.
pub(super) fn is_at(path: &str) -> bool {
    let parts = path.strip_prefix("/sweep/").and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(sweep, name)| !sweep.is_empty() && Action::ALL.iter().any(|action| action.name() == name))
}

/// What a form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    form: String,
}

type Asked = (State<Arc<Desk>>, Path<String>, Extension<Forms>, ConnectInfo<Visitor>);

pub(super) async fn cancel(asked: Asked, body: Bytes) -> Response {
    act(Action::Cancel, asked, &body).await
}

pub(super) async fn retry(asked: Asked, body: Bytes) -> Response {
    act(Action::Retry, asked, &body).await
}

async fn act(action: Action, asked: Asked, body: &[u8]) -> Response {
    let (State(desk), Path(sweep), Extension(forms), ConnectInfo(visitor)) = asked;
    let Given { form } = serde_urlencoded::from_bytes(body).unwrap_or_default();
    if !forms.is_token(&form, &action.path(&sweep)) {
        return (StatusCode::FORBIDDEN, "This form is not the page's: load the page again.\n").into_response();
    }
    let status = desk.status();
    let actions = desk.source().live.as_ref().and_then(|live| live.actions.clone());
    let (Some(actions), Some(_)) = (actions, outlook::find(&status, &sweep)) else {
        return trouble(&Trouble::Missing(format!("there is no sweep `{sweep}`")), status.at_ms);
    };
    let deed = match action {
        Action::Cancel => actions.cancel,
        Action::Retry => actions.retry,
    };
    match deed(sweep.clone()).await {
        Ok(count) => {
            tracing::warn!(address = %visitor.address, "{sweep}: {}, by the live page", action.words(count));
            let to = format!("{}?done={}", View::Overview.path(&sweep), action.done(count));
            (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
        }
        Err(why) => trouble(&Trouble::Failed(why), status.at_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_was_done_and_nothing_else() {
        let said = |action: Action, count| words(&action.done(count));
        assert_eq!(said(Action::Cancel, 12).as_deref(), Some("12 jobs cancelled"));
        assert_eq!(said(Action::Cancel, 1).as_deref(), Some("1 job cancelled"));
        assert_eq!(said(Action::Retry, 3).as_deref(), Some("3 jobs are tried again"));
        assert_eq!(said(Action::Retry, 1).as_deref(), Some("1 job is tried again"));
        assert_eq!(said(Action::Retry, 0).as_deref(), Some("no job has failed or was cancelled"));
        for other in ["", "cancel", "cancel-", "cancel--1", "cancel-x", "delete-1", "<b>-1"] {
            assert_eq!(words(other), None, "{other}");
        }
    }
}
