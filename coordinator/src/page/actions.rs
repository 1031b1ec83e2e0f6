//! What the page has done to a sweep where the coordinator was started with --page-actions: `POST /sweep/{sweep}/cancel`, `/retry` and
//! `/splits`. Each is asked for by a form of the sweep's page, which bears what no other site knows. A form that is sent twice does no more
//! than one: that of splits says how many there shall be in all.

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
pub(super) const SPLITS: &str = "/sweep/{sweep}/splits";

/// Does what is asked for; the answer is what came of it, or why it was not done.
pub type Deed<A, R> = Arc<dyn Fn(A) -> Pin<Box<dyn Future<Output = Result<R, String>> + Send>> + Send + Sync>;

/// What the page may have done to sweeps.
#[derive(Clone)]
pub struct Actions {
    /// Cancels the unfinished jobs of a sweep; the answer is their number.
    pub cancel: Deed<String, u64>,
    /// Has failed and cancelled jobs of a sweep tried again; the answer is their number.
    pub retry: Deed<String, u64>,
    /// Gives a sweep so many splits in all; the answer is the number of those that it did not have.
    pub add_splits: Deed<(String, u64), u64>,
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
    Splits,
}

impl Action {
    const ALL: [Self; 3] = [Self::Cancel, Self::Retry, Self::Splits];

    fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Splits => "splits",
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
            (Self::Splits, 0) => "the sweep has as many splits already".to_owned(),
            (Self::Splits, count) => format!("{} added", plural(count, "split")),
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
    /// How many splits there shall be in all.
    splits: String,
}

type Asked = (State<Arc<Desk>>, Path<String>, Extension<Forms>, ConnectInfo<Visitor>);

pub(super) async fn cancel(asked: Asked, body: Bytes) -> Response {
    act(Action::Cancel, asked, &body).await
}

pub(super) async fn retry(asked: Asked, body: Bytes) -> Response {
    act(Action::Retry, asked, &body).await
}

pub(super) async fn splits(asked: Asked, body: Bytes) -> Response {
    act(Action::Splits, asked, &body).await
}

async fn act(action: Action, asked: Asked, body: &[u8]) -> Response {
    let (State(desk), Path(sweep), Extension(forms), ConnectInfo(visitor)) = asked;
    let Given { form, splits } = serde_urlencoded::from_bytes(body).unwrap_or_default();
    if !forms.is_token(&form, &action.path(&sweep)) {
        return (StatusCode::FORBIDDEN, "This form is not the page's: load the page again.\n").into_response();
    }
    let status = desk.status();
    let actions = desk.source().live.as_ref().and_then(|live| live.actions.clone());
    let (Some(actions), Some(_)) = (actions, outlook::find(&status, &sweep)) else {
        return trouble(&Trouble::Missing(format!("there is no sweep `{sweep}`")), status.at_ms);
    };
    let done = match action {
        Action::Cancel => (actions.cancel)(sweep.clone()).await,
        Action::Retry => (actions.retry)(sweep.clone()).await,
        Action::Splits => match splits.trim().parse() {
            Ok(splits) => (actions.add_splits)((sweep.clone(), splits)).await,
            Err(_) => Err("the number of splits must be a whole number".to_owned()),
        },
    };
    match done {
        Ok(count) => {
            tracing::warn!(address = %visitor.address, "{sweep}: {}, by the live page", action.words(count));
            let to = format!("{}?done={}", View::Overview.path(&sweep), action.done(count));
            (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
        }
        Err(why) => trouble(&Trouble::NotDone(why), status.at_ms),
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
        assert_eq!(said(Action::Splits, 4).as_deref(), Some("4 splits added"));
        assert_eq!(said(Action::Splits, 0).as_deref(), Some("the sweep has as many splits already"));
        for other in ["", "cancel", "cancel-", "cancel--1", "cancel-x", "delete-1", "<b>-1"] {
            assert_eq!(words(other), None, "{other}");
        }
    }
}
