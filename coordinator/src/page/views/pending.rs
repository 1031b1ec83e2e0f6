//! What is said of a sweep while its results are being read, and while its candidates are being compared: for a million jobs these take
//! seconds and minutes. The rest of a view does not wait for it.

use super::overview::standing;
use crate::outlook;
use crate::page::desk::Source;
use crate::text::plural;
use maud::{Markup, html};
use proto::status::Status;

const AGAIN: &str = "The rest comes by itself; without a script, load this page again.";

/// A view while the results are being read: how far the sweep is, is known all the same.
pub(super) fn reading(status: &Status, source: &Source, sweep: &str) -> Markup {
    html! {
        @if let Some(sweep) = outlook::find(status, sweep) { (standing(status, source, sweep)) }
        p class="notice" id="pending" { "The results are being read. " (AGAIN) }
    }
}

/// In place of the answer while so many candidates are being compared.
pub(super) fn comparing(candidates: usize) -> Markup {
    html! {
        section id="answer" {
            h2 { "The answer" }
            (being_compared(candidates))
        }
    }
}

/// That so many candidates are being compared.
pub(super) fn being_compared(candidates: usize) -> Markup {
    let pairs = candidates as u64 * (candidates as u64).saturating_sub(1) / 2;
    html! {
        p class="notice" id="pending" {
            "The candidates are being compared, " (plural(pairs, "pair")) "; until that is done, each stands here by itself. " (AGAIN)
        }
    }
}
