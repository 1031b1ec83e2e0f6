//! How a browser on another machine is let in: a form that asks for the token of a reader. It works without a script.

use super::access::Access;
use super::frame::bare;
use super::visitor::Visitor;
use crate::identity::Guesses;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

pub(super) const LOGIN: &str = "/login";
/// What is said of a token that lets nobody in.
const WRONG: &str = "This is not the token of a reader or submitter: paste the line of reader.token, which is in the folder that the \
                     coordinator was started with (certs/reader.token).";

/// Lets in who has a token; counts and slows wrong ones.
pub(super) struct Login {
    access: Arc<Access>,
    guesses: Mutex<Guesses>,
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    token: String,
    /// The page that was asked for.
    to: String,
}

impl Login {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, guesses: Mutex::default() }
    }

    /// Counts a wrong token; how long its answer is to wait.
    fn count(&self, visitor: &Visitor) -> Duration {
        let address = visitor.address;
        let wrong = self.guesses.lock().unwrap_or_else(PoisonError::into_inner).wrong(Instant::now(), address);
        if let Some(count) = wrong.say {
            tracing::warn!(%address, count, "wrong tokens at the live page; they are answered slowly");
        }
        wrong.delay
    }
}

/// Whether a stranger who asks for the path is asked for a token: a browser for a page, not a program or a part of a page.
pub(super) fn is_asked_at(path: &str) -> bool {
    !path.starts_with("/api/") && !matches!(path, "/events" | "/metrics" | "/page.js")
}

/// Asks for a token, in place of the page of that address.
pub(super) fn ask(uri: &Uri) -> Response {
    form(None, own(uri.path_and_query().map_or("/", |path| path.as_str())))
}

/// `GET /login` of a browser that is known.
pub(super) async fn welcome(State(login): State<Arc<Login>>) -> Response {
    login.access.welcome("/", None)
}

/// `POST /login`
pub(super) async fn enter(
    State(login): State<Arc<Login>>,
    ConnectInfo(visitor): ConnectInfo<Visitor>,
    body: Bytes,
) -> Response {
    let Given { token, to } = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    if let Some(right) = login.access.right_of_token(&token) {
        visitor.stay();
        return login.access.welcome(own(&to), Some(right));
    }
    sleep(login.count(&visitor)).await;
    form(Some(WRONG), own(&to))
}

/// The path if it is one of this server's pages, else the first page.
fn own(path: &str) -> &str {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_own = path.starts_with('/') && !path.starts_with("//") && is_plain;
    if is_own && !path.starts_with(LOGIN) { path } else { "/" }
}

fn form(wrong: Option<&str>, to: &str) -> Response {
    let content: Markup = html! {
        h1 { "Sign in" }
        p class="lead" { "This page is for those who have a token of the coordinator." }
        @if let Some(wrong) = wrong { p class="notice" role="alert" id="wrong" { (wrong) } }
        form class="login" method="post" action=(LOGIN) {
            input type="hidden" name="to" value=(to);
            label for="token" { "The line of " code { "reader.token" } }
            input id="token" name="token" type="password" required autofocus autocomplete="current-password" spellcheck="false"
                aria-describedby="where";
            button { "Let this browser in" }
        }
        p class="note" id="where" {
            "The file is in the folder of the coordinator (" code { "--certs" } "): " code { "certs/reader.token" } ". Whoever runs the \
             coordinator can give it to you, or the address that the program printed last after " code { "live page:" } "."
        }
    };
    (StatusCode::UNAUTHORIZED, bare("Sign in", &content)).into_response()
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn a_login_leads_to_pages_of_this_server_only() {
        for path in ["/", "/sweep/full?sort=-mean", "/job/0123"] {
            assert_eq!(own(path), path);
        }
        for other in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nset-cookie: x", "/login", "/ä"]
        {
            assert_eq!(own(other), "/", "{other}");
        }
    }
}
