//! The list of sweeps, the newest first: how far each is, and who leads.

use crate::analyst::Study;
use crate::outlook;
use crate::page::desk::Source;
use crate::page::frame::View;
use crate::report::Lineup;
use crate::report::parts::{Head, cell, table};
use crate::text::{plural, range, signed};
use maud::{Markup, html};
use proto::status::{Status, SweepStatus};
use std::sync::Arc;

/// Maximum number of sweeps of which the leader is shown: each takes an analysis.
const MAX_LED: usize = 8;
/// Maximum number of jobs of such a sweep.
const MAX_JOBS: u64 = 20_000;
/// Maximum number of sweeps in the list.
const MAX_LISTED: usize = 100;

const HEADS: [Head<'_>; 7] = [
    ("sweep", false),
    ("state", false),
    ("done", true),
    ("failed", true),
    ("leader", false),
    ("mean", true),
    ("95 % for new data", true),
];

/// The sweeps of which the leader is shown.
pub(super) fn with_leader(status: &Status) -> impl Iterator<Item = &SweepStatus> {
    let has_scores = |sweep: &&SweepStatus| sweep.succeeded > 0 && sweep.jobs <= MAX_JOBS;
    status.sweeps.iter().rev().filter(has_scores).take(MAX_LED)
}

/// The view.
pub(super) fn view(status: &Status, studies: &[Arc<Study>], source: &Source) -> Markup {
    let study = |name: &str| studies.iter().find(|study| study.results.head.sweep == name);
    let newest = status.sweeps.iter().rev().take(MAX_LISTED);
    let rows: Vec<Vec<Markup>> = newest.map(|sweep| row(status, sweep, study(&sweep.sweep))).collect();
    let workers = plural(status.workers.iter().filter(|worker| worker.connected).count() as u64, "worker");
    html! {
        h1 { "Sweeps" }
        @if source.live.is_some() { p class="summary" { (workers) ", " (outlook::slots(status)) "." } }
        @if rows.is_empty() {
            p class="notice" {
                "No sweep yet. Submit a file: "
                code { "coordinator submit FILE " (source.named) }
            }
        } @else {
            div class="cards" { (table(&plural(status.sweeps.len() as u64, "sweep"), &HEADS, &rows)) }
        }
        @if rows.len() < status.sweeps.len() { p class="note" { "The newest " (rows.len()) " are shown." } }
    }
}

fn row(status: &Status, sweep: &SweepStatus, study: Option<&Arc<Study>>) -> Vec<Markup> {
    let state = outlook::state(status, sweep);
    let left = outlook::time_left(status, sweep);
    let [leader, mean, interval] =
        study.and_then(|study| leader(study)).unwrap_or_else(|| ["\u{2013}"; 3].map(str::to_owned));
    vec![
        html! { a href=(View::Overview.path(&sweep.sweep)) { (sweep.sweep) } },
        html! { (state) @if let Some(left) = left { ", " (humantime::format_duration(left)) " left" } },
        cell(format!("{} of {}", sweep.succeeded, sweep.jobs)),
        html! {
            @if sweep.failed > 0 { a class="bad" href=(View::Failures.path(&sweep.sweep)) { (sweep.failed) } }
            @else { "\u{2013}" }
        },
        cell(leader),
        cell(mean),
        cell(interval),
    ]
}

/// Who leads, with which mean, and the interval of that.
fn leader(study: &Study) -> Option<[String; 3]> {
    let lineup = Lineup::new(&study.analysed.observations, &study.analysed.analysis);
    let best = lineup.best?;
    let row = lineup.row(best);
    let interval = row.new_data.map_or_else(|| "\u{2013}".to_owned(), |new| range(new.interval, 3));
    Some([lineup.name(best).to_owned(), signed(row.scores.mean?, 3), interval])
}
