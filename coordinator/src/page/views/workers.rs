//! The workers: where each computes, what it runs, what is wrong with it, and who ran what.

use crate::analyst::{Analyst, TableError};
use crate::outlook;
use crate::page::desk::Source;
use crate::page::frame::View;
use crate::report::parts;
use crate::results::ResultsError;
use crate::results::timeline::{self, Span};
use crate::text::plural;
use maud::{Markup, html};
use proto::status::{RunningJob, Status, WorkerStatus};

/// Maximum number of workers that are shown.
const MAX_SHOWN: usize = 200;

/// While a coordinator runs, attempts that began within this time are shown: milliseconds.
const RECENT_MS: u64 = 15 * 60_000;

/// The attempts that are shown: the last ones, or the last of a store that nobody writes.
pub(super) fn attempts(analyst: &Analyst, status: &Status, source: &Source) -> Result<Vec<Span>, TableError> {
    let since = if source.live.is_some() { status.at_ms.saturating_sub(RECENT_MS) } else { 0 };
    Ok(analyst.read(|reader| timeline::attempts(reader, since)).map_err(ResultsError::from)?)
}

/// The view.
pub(super) fn view(status: &Status, source: &Source, attempts: &[Span]) -> Markup {
    let connected = status.workers.iter().filter(|worker| worker.connected).count();
    html! {
        h1 { "Workers" }
        @if source.live.is_none() {
            p class="notice" { "No coordinator runs here: what workers do is not known from the store alone." }
        } @else if status.workers.is_empty() {
            p class="notice" {
                "No worker yet. On each host: "
                code { "worker " (source.named) }
            }
        } @else {
            p class="summary" {
                (plural(connected as u64, "worker")) " connected, " (outlook::slots(status)) ", "
                (format!("{:.1}", status.epochs_per_second)) " epochs/s."
            }
            ul class="tiles" {
                @for worker in status.workers.iter().take(MAX_SHOWN) { (tile(status, worker)) }
            }
            @if status.workers.len() > MAX_SHOWN {
                p class="note" { "\u{2026} and " (status.workers.len() - MAX_SHOWN) " more." }
            }
        }
        @if let Some(figure) = parts::timeline(attempts, until(status, source, attempts), |alias| named(status, alias)) {
            (parts::drawn(&figure))
        }
    }
}

/// Until when attempts are shown: until now, or until the last thing that happened.
fn until(status: &Status, source: &Source, attempts: &[Span]) -> u64 {
    let last = || attempts.iter().map(|span| span.ended.map_or(span.began_ms, |(at, _)| at)).max();
    if source.live.is_some() { status.at_ms } else { last().unwrap_or_default() }
}

/// The name of a worker; that of one that is gone is not known any more.
fn named(status: &Status, alias: &str) -> String {
    let worker = status.workers.iter().find(|worker| worker.worker == alias);
    worker.map_or_else(|| alias.to_owned(), |worker| worker.name.clone())
}

fn tile(status: &Status, worker: &WorkerStatus) -> Markup {
    let wrong = outlook::of_worker(status, worker);
    let class = if wrong.is_empty() && worker.notices.is_empty() { "tile" } else { "tile troubled" };
    let idle = (worker.slots as usize).saturating_sub(worker.running.len());
    html! {
        li class=(class) id={ "worker-" (worker.worker) } {
            h2 { (worker.name) }
            p class="where" { (worker.host) " \u{b7} " (worker.device) " \u{b7} " (plural(worker.slots.into(), "slot")) }
            @if let Some(pace) = outlook::pace(worker) { p { (pace) } }
            @for reading in &worker.readings { p class="where" { (outlook::of_device(reading)) } }
            @for words in &wrong { p class="bad" { (words) } }
            @for notice in &worker.notices { p class="bad" { (notice) } }
            @if !worker.running.is_empty() {
                ul class="at-work" { @for job in &worker.running { (running(status, job)) } }
            }
            @if idle > 0 && worker.connected && !worker.silent { p class="where" { (plural(idle as u64, "slot")) " idle" } }
        }
    }
}

fn running(status: &Status, job: &RunningJob) -> Markup {
    html! {
        li {
            a href={ "/job/" (job.job) } { (job.label) }
            " " span class="where" { "of " a href=(View::Overview.path(&job.sweep)) { (job.sweep) } }
            div class="epochs" {
                progress max=(job.epochs.max(1)) value=(job.epoch) aria-label={ "Epochs of " (job.label) } {}
                span class="where" { (outlook::of_job(status, job)) }
            }
        }
    }
}
