//! A sweep on one screen: is it alive and when does it end, what can be said now, and every candidate with its splits.

use super::{Seen, actions, candidates, pending};
use crate::analysis::answer::Answer;
use crate::outlook;
use crate::page::actions::words as done;
use crate::page::desk::Source;
use crate::page::frame::View;
use crate::page::keys::Forms;
use crate::report::parts::{QUESTIONS, further, lead};
use crate::text::plural;
use maud::{Markup, html};
use proto::spec::Trainer;
use proto::status::{Status, SweepState, SweepStatus};

/// Maximum number of workers in trouble that are named.
const MAX_TROUBLED: usize = 5;

/// The view; with buttons if the viewer may act, and has `forms`.
pub(super) fn view(seen: &Seen, forms: Option<&Forms>) -> Markup {
    let head = &seen.study.results.head;
    html! {
        @if let Some(words) = done(&seen.asked.done) { p class="notice" id="done" role="status" { (words) "." } }
        @if let Some(sweep) = seen.sweep() {
            (standing(&seen.status, &seen.source, sweep))
            @if let Some(forms) = forms { (actions::view(seen, sweep, forms)) }
        }
        @match &seen.study.answer {
            Some(words) => (answer(words, head.trainer == Trainer::Simulated)),
            None => (pending::comparing(head.candidates.len())),
        }
        (candidates::section(seen))
        section id="files" {
            h2 { "Take it with you" }
            ul class="commands" {
                li { code { "coordinator report " (head.sweep) " " (seen.source.named) " --out report" } " writes all this as a page that works offline" }
                li { code { "coordinator tables " (head.sweep) " " (seen.source.named) " --rows jobs --format csv" } " prints every score with its seeds" }
                @if head.trainer != Trainer::Simulated {
                    li { code { "coordinator weights " (head.sweep) " " (seen.source.named) " --best --out weights" } " writes the weights of the leading candidate, if its jobs have kept them; " code { "worker predict --weights weights/*.safetensors --images FOLDER --out predicted" } " segments new images with them" }
                }
                @if seen.source.live.is_some() {
                    li { code { "coordinator submit FILE " (seen.source.named) } " adds splits: give the sweep's file with a greater " code { "split_seeds" } ", and only the new jobs are trained" }
                }
            }
        }
    }
}

/// What can be said now: the first sentence, and the others for who wants them.
fn answer(answer: &Answer, is_simulated: bool) -> Markup {
    let (more, caveats) = (answer.sentences().len().saturating_sub(1), answer.caveats.len());
    html! {
        section id="answer" {
            h2 { "The answer" }
            (lead(answer, is_simulated))
            @if more > 0 {
                details id="further" {
                    summary {
                        "The whole answer: " (plural(more as u64, "sentence")) " more"
                        @if caveats > 0 { ", of which " (caveats) " to know before you believe the numbers" }
                    }
                    (further(answer))
                }
                p class="note" { (QUESTIONS) }
            }
        }
    }
}

/// How far the sweep is.
pub(super) fn standing(status: &Status, source: &Source, sweep: &SweepStatus) -> Markup {
    html! {
        section id="standing" aria-label="How far the sweep is" {
            p class="summary" {
                strong { (outlook::state(status, sweep)) }
                @if let Some(left) = outlook::time_left(status, sweep) {
                    ", about " strong { (humantime::format_duration(left)) } " left"
                    @if let Some(until) = outlook::until(status, sweep) { ", " (until) }
                }
                @if sweep.state == SweepState::Running && source.live.is_some() { ", " (outlook::slots(status)) }
                @if sweep.simulated { ", simulated" }
            }
            (bar(sweep))
            @if sweep.state == SweepState::Running { (troubles(status)) }
            @if !sweep.problem.is_empty() {
                p class="notice" {
                    b { "Last problem: " } (sweep.problem) " \u{2013} " a href=(View::Failures.path(&sweep.sweep)) { "all failures" }
                }
            }
        }
    }
}

/// The workers that are in trouble.
fn troubles(status: &Status) -> Markup {
    let troubled = status.workers.iter().map(|worker| (worker, outlook::of_worker(status, worker)));
    let mut troubled = troubled.filter(|(worker, words)| !words.is_empty() || !worker.notices.is_empty()).peekable();
    html! {
        @if troubled.peek().is_some() {
            p class="notice" {
                b { "Workers in trouble: " }
                @for (number, (worker, words)) in troubled.take(MAX_TROUBLED).enumerate() {
                    @if number > 0 { "; " }
                    (worker.name) " (" (words.into_iter().next().or_else(|| worker.notices.first().cloned()).unwrap_or_default()) ")"
                }
                " \u{2013} " a href="/workers" { "all workers" }
            }
        }
    }
}

/// The jobs by their state: a bar, and the same in words.
fn bar(sweep: &SweepStatus) -> Markup {
    let parts = [
        ("done", sweep.succeeded),
        ("running", sweep.running),
        ("failed", sweep.failed),
        ("cancelled", sweep.cancelled),
        ("dropped", sweep.dropped),
        ("queued", sweep.queued),
    ];
    let all = parts.iter().map(|(_, count)| *count).sum::<u64>().max(1) as f64;
    let mut x = 0.0;
    html! {
        svg class="progress" viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true" {
            @for (name, count) in parts.iter().filter(|(_, count)| *count > 0) {
                @let width = 1000.0 * *count as f64 / all;
                rect class=(name) x=(format!("{x:.2}")) y="0" width=(format!("{width:.2}")) height="14" {}
                @let () = x += width;
            }
        }
        ul class="legend" {
            @for (name, count) in parts.iter().filter(|(name, count)| *count > 0 || *name == "done") {
                li { i class={ "swatch " (name) } {} b { (count) } " " (name) }
            }
            li class="all" { "of " (plural(sweep.jobs, "job")) }
        }
    }
}
