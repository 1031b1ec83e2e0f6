//! The workers: where each computes, what it runs, what is wrong with it, and who ran what.

use super::Asked;
use crate::outlook;
use crate::page::desk::Source;
use crate::page::frame::View;
use crate::page::timelines::Back;
use crate::report::parts;
use crate::results::timeline::Timeline;
use crate::text::plural;
use maud::{Markup, html};
use proto::status::{RunningJob, Status, WorkerStatus};
use std::collections::{BTreeMap, HashMap};

/// Maximum number of workers that are shown.
const MAX_SHOWN: usize = 100;
/// Number of running jobs that are shown; one per worker at least.
const MAX_RUNNING: usize = 200;

/// The view; without a timeline while it is being read, with none in it if it cannot be.
pub(super) fn view(status: &Status, source: &Source, asked: &Asked, timeline: Option<Option<&Timeline>>) -> Markup {
    let connected = status.workers.iter().filter(|worker| worker.connected).count();
    let shown = status.workers.len().min(MAX_SHOWN);
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
                @for worker in status.workers.iter().take(shown) { (tile(status, worker, MAX_RUNNING.div_ceil(shown))) }
            }
            @if status.workers.len() > shown {
                p class="note" { "\u{2026} and " (status.workers.len() - shown) " more." }
            }
        }
        (history(status, source, asked, timeline))
    }
}

/// Who ran what, in the time that is asked for.
fn history(status: &Status, source: &Source, asked: &Asked, timeline: Option<Option<&Timeline>>) -> Markup {
    let is_live = source.live.is_some();
    let (usual, chosen) = (Asked::default().back(is_live), asked.back(is_live));
    let to = |back: Back| Asked {
        back: if back == usual { String::new() } else { back.key().to_owned() },
        ..Asked::default()
    };
    html! {
        section id="timeline" {
            h2 { "Who ran what" }
            nav class="spans" aria-label="How far back" {
                @for back in Back::ALL {
                    a href=(to(back).at("/workers")) aria-current=[(back == chosen).then_some("true")] { (back.name()) }
                }
            }
            @match timeline {
                None => p class="note" { "The journal is still being read. Load this page again in a moment, if it does not do so by itself." },
                Some(None) => p class="note" { "The journal cannot be read now: the log says why." },
                Some(Some(timeline)) => {
                    @match parts::timeline(timeline, names(status, timeline)) {
                        Some(figure) => (parts::captioned(&figure)),
                        None => p class="note" { "No attempt began in this time." },
                    }
                }
            }
        }
    }
}

/// The names of a timeline's workers: with their aliases where several have the same, and the alias alone where none is known.
fn names(status: &Status, timeline: &Timeline) -> impl Fn(&str) -> String {
    let mut names: BTreeMap<String, String> =
        timeline.workers.iter().map(|(alias, of)| (alias.clone(), of.name.clone())).collect();
    for worker in &status.workers {
        if let Some(name) = names.get_mut(&worker.worker) {
            worker.name.clone_into(name);
        }
    }
    let mut times = HashMap::new();
    names.values().for_each(|name| *times.entry(name.clone()).or_insert(0) += 1);
    move |alias| match names.get(alias).filter(|name| !name.is_empty()) {
        Some(name) if times[name] > 1 => format!("{name} ({alias})"),
        Some(name) => name.clone(),
        None => alias.to_owned(),
    }
}

/// A worker, with so many of the jobs that it runs.
fn tile(status: &Status, worker: &WorkerStatus, jobs: usize) -> Markup {
    let wrong = outlook::of_worker(status, worker);
    let class = if wrong.is_empty() && worker.notices.is_empty() { "tile" } else { "tile troubled" };
    let idle = (worker.slots as usize).saturating_sub(worker.running.len());
    html! {
        li class=(class) id={ "worker-" (worker.worker) } {
            h2 { (worker.name) }
            p class="where" { (worker.host) " \u{b7} " (worker.device) " \u{b7} " (plural(worker.slots.into(), "slot")) }
            @if let Some(pace) = outlook::pace(worker) { p { (pace) } }
            @for reading in &worker.readings { p class="where" { (reading) } }
            @for words in &wrong { p class="bad" { (words) } }
            @for notice in &worker.notices { p class="bad" { (notice) } }
            @if !worker.running.is_empty() {
                ul class="at-work" {
                    @for job in worker.running.iter().take(jobs) { (running(status, job)) }
                    @if worker.running.len() > jobs { li class="where" { "\u{2026} and " (worker.running.len() - jobs) " more" } }
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::timeline::Lanes;

    #[test]
    fn workers_of_a_timeline_have_names_that_tell_them_apart() {
        let lanes = |name: &str| Lanes { name: name.to_owned(), ..Lanes::default() };
        let known = [("a", "gpu1"), ("b", "gpu1"), ("c", "gpu2"), ("d", ""), ("e", "")];
        let workers = known.map(|(alias, name)| (alias.to_owned(), lanes(name))).into();
        let timeline = Timeline { workers, ..Timeline::default() };
        let here = WorkerStatus { worker: "d".to_owned(), name: "gpu4".to_owned(), ..WorkerStatus::default() };
        let status = Status { workers: vec![here], ..Status::default() };
        let name = names(&status, &timeline);
        assert_eq!(["a", "b", "c", "d", "e"].map(name), ["gpu1 (a)", "gpu1 (b)", "gpu2", "gpu4", "e"]);
    }
}
