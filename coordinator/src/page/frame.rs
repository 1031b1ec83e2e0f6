//! What stands around every view: landmarks, the way to the other views, and the place where the script says how up to date it all is.

use super::assets::STYLE;
use super::desk::Trouble;
use crate::outlook;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// A view of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Overview,
    Cells,
    Compare,
    Effects,
    Curves,
    Failures,
}

impl View {
    const ALL: [Self; 6] = [Self::Overview, Self::Cells, Self::Compare, Self::Effects, Self::Curves, Self::Failures];

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Cells => "Cells",
            Self::Compare => "Compare",
            Self::Effects => "Effects",
            Self::Curves => "Curves",
            Self::Failures => "Failures",
        }
    }

    /// Its address.
    pub(super) fn path(self, sweep: &str) -> String {
        match self {
            Self::Overview => format!("/sweep/{sweep}"),
            other => format!("/sweep/{sweep}/{}", other.name().to_ascii_lowercase()),
        }
    }
}

/// Which page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Sweeps,
    Workers,
    Sweep(&'a str, View),
    /// One job, or something that is not there.
    Other,
}

/// What is said of a page beside its content.
pub(super) struct Frame<'a> {
    pub(super) place: Place<'a>,
    /// What the browser's tab says.
    pub(super) title: String,
    /// The version that it shows: milliseconds since 1970.
    pub(super) version: u64,
}

impl Frame<'_> {
    /// The whole page.
    pub(super) fn around(&self, content: &Markup) -> Response {
        Html(self.page(content).into_string()).into_response()
    }

    fn page(&self, content: &Markup) -> Markup {
        let version = self.version.to_string();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    (about(&self.title))
                    script src="/page.js" defer {}
                }
                body data-version=(version) data-settled="1" {
                    a class="skip" href="#main" { "Skip to the content" }
                    header class="bar" {
                        a class="brand" href="/" { (mark()) "Splitsweep" }
                        nav aria-label="Site" {
                            (link("/", "Sweeps", self.place == Place::Sweeps))
                            (link("/workers", "Workers", self.place == Place::Workers))
                        }
                        p id="freshness" {
                            @if self.version > 0 { "as of " (outlook::clock(self.version)) }
                        }
                    }
                    p id="notice" role="status" hidden {}
                    main id="main" tabindex="-1" {
                        @if let Place::Sweep(sweep, view) = self.place { (heading(sweep, view)) }
                        (content)
                    }
                }
            }
        }
    }
}

/// What the head of every page says.
fn about(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { (title) " \u{2013} Splitsweep" }
        link rel="icon" href="data:,";
        link rel="stylesheet" href=(STYLE);
    }
}

/// A page for who may not see the others: it leads nowhere, and stands still.
pub(super) fn bare(title: &str, content: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { (about(title)) }
            body {
                header class="bar" { span class="brand" { (mark()) "Splitsweep" } }
                main id="main" { (content) }
            }
        }
    };
    Html(page.into_string())
}

/// The sign before the name: splits of one pool.
fn mark() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 24 16" aria-hidden="true" {
            line x1="1" y1="8" x2="23" y2="8" {}
            circle cx="6" cy="8" r="2.4" {}
            circle cx="12" cy="8" r="4.2" class="centre" {}
            circle cx="18.5" cy="8" r="2.4" {}
        }
    }
}

/// The sweep's name, and the way to its views.
fn heading(sweep: &str, view: View) -> Markup {
    html! {
        div class="heading" {
            h1 { (sweep) }
            nav class="views" aria-label="Views of the sweep" {
                @for other in View::ALL { (link(&other.path(sweep), other.name(), other == view)) }
            }
        }
    }
}

fn link(href: &str, words: &str, is_here: bool) -> Markup {
    html! { a href=(href) aria-current=[is_here.then_some("page")] { (words) } }
}

/// A page that says why there is nothing to see.
pub(super) fn trouble(trouble: &Trouble, version: u64) -> Response {
    let title = match trouble.status() {
        StatusCode::NOT_FOUND => "Not here",
        StatusCode::CONFLICT => "Not done",
        _ => "Not to be read now",
    };
    let content = html! { h1 { (title) } p class="notice" { (trouble) } p { a href="/" { "All sweeps" } } };
    let page = Frame { place: Place::Other, title: title.to_owned(), version }.around(&content);
    (trouble.status(), page).into_response()
}
