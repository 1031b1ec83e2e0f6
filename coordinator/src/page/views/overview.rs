//! A sweep on one screen: is it alive and when does it end, what can be said now, and every candidate with its splits.

use super::actions::{self, Offered};
use super::{Asked, Seen};
use crate::analysis::answer::Answer;
use crate::analysis::comparison::Performance;
use crate::outlook;
use crate::page::actions::words as done;
use crate::page::frame::View;
use crate::report::Lineup;
use crate::report::parts::{further, lead, strips};
use crate::text::{metric_name, plural, range, signed, signed_or_dash};
use maud::{Markup, html};
use proto::spec::Trainer;
use proto::status::{Status, SweepState, SweepStatus};

/// Maximum number of candidates on a page.
const MAX_ROWS: usize = 100;
/// Maximum number of workers in trouble that are named.
const MAX_TROUBLED: usize = 5;

/// The view; with buttons for who is `offered` them.
pub(super) fn view(seen: &Seen, offered: Option<&Offered>) -> Markup {
    let head = &seen.study.results.head;
    html! {
        @if let Some(words) = done(&seen.asked.done) { p class="notice" id="done" role="status" { (words) "." } }
        @if let Some(sweep) = seen.sweep() {
            (standing(seen, sweep))
            @if let Some(offered) = offered { (actions::view(seen, sweep, offered)) }
        }
        (answer(&seen.study.answer, head.trainer == Trainer::Simulated))
        (candidates(seen))
        section id="files" {
            h2 { "Take it with you" }
            ul class="commands" {
                li { code { "coordinator report " (seen.source.named) " --sweep " (head.sweep) " --out report" } " writes all this as a page that works offline" }
                li { code { "coordinator tables " (seen.source.named) " --sweep " (head.sweep) " --rows jobs --format csv" } " prints every score with its seeds" }
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
                p class="note" {
                    "This pool: other random splits of these cases. New cases: new cases for the networks that were trained on \
                     these. New data: new cases and new training sets."
                }
            }
        }
    }
}

/// How far the sweep is.
fn standing(seen: &Seen, sweep: &SweepStatus) -> Markup {
    let status = &seen.status;
    let left = outlook::time_left(status, sweep);
    let end = left.filter(|_| status.at_ms > 0).map(|left| outlook::clock(status.at_ms + left.as_millis() as u64));
    html! {
        section id="standing" aria-label="How far the sweep is" {
            p class="summary" {
                strong { (outlook::state(status, sweep)) }
                @if let Some(left) = left {
                    ", about " strong { (humantime::format_duration(left)) } " left"
                    @if let Some(end) = end { " (until " (end) ")" }
                }
                @if sweep.state == SweepState::Running && seen.source.live.is_some() { ", " (outlook::slots(status)) }
                @if sweep.simulated { ", simulated" }
            }
            (bar(sweep))
            @if sweep.state == SweepState::Running { (troubles(status)) }
            @if !sweep.problem.is_empty() {
                p class="notice" {
                    b { "Last problem: " } (sweep.problem) " \u{2013} " a href=(seen.path(View::Failures)) { "all failures" }
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

/// The order of candidates.
#[derive(Clone, Copy)]
struct Order {
    key: &'static str,
    title: &'static str,
}

const ORDERS: [Order; 5] = [
    Order { key: "best", title: "best first" },
    Order { key: "name", title: "name" },
    Order { key: "n", title: "n" },
    Order { key: "mean", title: "mean" },
    Order { key: "sd", title: "sd" },
];

/// The candidates that are wanted, in the order that is wanted.
fn wanted(lineup: &Lineup<'_>, asked: &Asked) -> Vec<usize> {
    let words: Vec<String> = asked.find.split_whitespace().map(str::to_lowercase).collect();
    let has_words = |candidate: &usize| {
        let name = lineup.name(*candidate).to_lowercase();
        words.iter().all(|word| name.contains(word))
    };
    let mut found: Vec<usize> = lineup.order.iter().copied().filter(has_words).collect();
    let (key, is_falling) = match asked.sort.strip_prefix('-') {
        Some(key) => (key, true),
        None => (asked.sort.as_str(), false),
    };
    let number = |candidate: &usize| {
        let scores = &lineup.row(*candidate).scores;
        match key {
            "n" => Some(scores.n as f64),
            "mean" => scores.mean,
            "sd" => scores.sd,
            _ => None,
        }
    };
    // what has no number comes last, whichever way
    let rank =
        |candidate: &usize| number(candidate).map_or(f64::INFINITY, |number| if is_falling { -number } else { number });
    match key {
        "name" => found.sort_by(|a, b| lineup.name(*a).cmp(lineup.name(*b))),
        "n" | "mean" | "sd" => found.sort_by(|a, b| rank(a).total_cmp(&rank(b))),
        _ => {}
    }
    if is_falling && matches!(key, "name" | "best") {
        found.reverse();
    }
    found
}

fn candidates(seen: &Seen) -> Markup {
    let (lineup, asked, path) = (seen.lineup(), &seen.asked, seen.path(View::Overview));
    let found = wanted(&lineup, asked);
    let pages = found.len().div_ceil(MAX_ROWS);
    let page = asked.page(pages);
    let shown: Vec<usize> = found.iter().copied().skip(page * MAX_ROWS).take(MAX_ROWS).collect();
    let strips = strips(&lineup, &shown);
    let (of_candidates, of_baselines) = strips.rows.split_at(shown.len());
    let metric = metric_name(seen.study.results.head.metric.name());
    let best = lineup.best;
    html! {
        section id="candidates" {
            h2 { "Candidates" }
            (choice(asked, &path, found.len(), lineup.order.len()))
            (strips.key)
            div class="wide cards" tabindex="0" role="region" aria-label="Candidates" {
                table role="table" {
                    caption {
                        "The " (metric) " of each candidate over its splits"
                        @if asked.sort.is_empty() { ", the best first" }
                        @if !of_baselines.is_empty() { "; then what needs no training" }
                    }
                    thead role="rowgroup" {
                        tr role="row" {
                            (head(asked, &path, "best", "rank"))
                            (head(asked, &path, "name", "candidate"))
                            (head(asked, &path, "n", "n"))
                            (head(asked, &path, "mean", "mean"))
                            (head(asked, &path, "sd", "sd"))
                            th scope="col" role="columnheader" class="strips" {
                                (strips.axis)
                                span class="unseen" { "95 % intervals" }
                            }
                            th scope="col" role="columnheader" class="number" { "difference" }
                            th scope="col" role="columnheader" { "against the leader" }
                            th scope="col" role="columnheader" class="number" { "not trained" }
                        }
                    }
                    tbody role="rowgroup" {
                        @for (&candidate, strip) in shown.iter().zip(of_candidates) {
                            @let rank = lineup.order.iter().position(|other| *other == candidate).unwrap_or(0) + 1;
                            @let class = if best == Some(candidate) { "leads" } else { "" };
                            tr role="row" class=(class) id={ "candidate-" (candidate) } data-candidate=(candidate) {
                                td role="cell" class="number rank" { (rank) }
                                th role="rowheader" scope="row" { (name(seen, &lineup, candidate)) }
                                (numbers(lineup.row(candidate), strip))
                                td role="cell" class="number difference" { (difference(&lineup, candidate)) }
                                td role="cell" class={ "verdict " (lineup.against(candidate).class()) } { (lineup.verdict(candidate)) }
                                (not_trained(seen, lineup.row(candidate)))
                            }
                        }
                        @if page + 1 == pages.max(1) {
                            @for (&baseline, strip) in lineup.baselines().iter().zip(of_baselines) {
                                @let row = &lineup.analysis.baselines[baseline];
                                tr role="row" class="baseline" id={ "baseline-" (baseline) } {
                                    td role="cell" class="number rank" {}
                                    th role="rowheader" scope="row" { (row.label) }
                                    (numbers(row, strip))
                                    td role="cell" class="number difference" {}
                                    td role="cell" class="verdict" { "no training" }
                                    td role="cell" class="number troubled" {}
                                }
                            }
                        }
                    }
                }
            }
            (pager(asked, &path, page, pages))
        }
    }
}

/// A candidate's name; a link to its comparison with the leader, or of the leader with the next.
fn name(seen: &Seen, lineup: &Lineup<'_>, candidate: usize) -> Markup {
    let other = lineup.best.filter(|best| *best != candidate);
    let other = other.or_else(|| lineup.order.iter().copied().find(|other| *other != candidate));
    let words = lineup.name(candidate);
    let Some(other) = other else { return html! { (words) } };
    let (a, b) = if lineup.best == Some(candidate) { (candidate, other) } else { (other, candidate) };
    let asked = Asked { a: a.to_string(), b: b.to_string(), ..Asked::default() };
    html! { a href=(asked.at(&seen.path(View::Compare))) { (words) } }
}

fn numbers(row: &Performance, strip: &Markup) -> Markup {
    let n = if row.scores.n == row.jobs { row.jobs.to_string() } else { format!("{} of {}", row.scores.n, row.jobs) };
    html! {
        td role="cell" class="number n" { (n) }
        td role="cell" class="number mean" { (signed_or_dash(row.scores.mean, 3)) }
        td role="cell" class="number sd" { (signed_or_dash(row.scores.sd, 3)) }
        td role="cell" class="strips" {
            (strip)
            span class="unseen" {
                @if let Some(pool) = row.this_pool { "this pool " (range(pool, 3)) }
                @if let Some(new) = row.new_data { ", new data " (range(new.interval, 3)) }
            }
        }
    }
}

fn difference(lineup: &Lineup<'_>, candidate: usize) -> String {
    if lineup.best == Some(candidate) {
        return "\u{2013}".to_owned();
    }
    let comparison = lineup.against_best(candidate).and_then(|pair| pair.comparison);
    comparison.map_or_else(|| "\u{2013}".to_owned(), |comparison| signed(comparison.mean, 3))
}

fn not_trained(seen: &Seen, row: &Performance) -> Markup {
    html! {
        td role="cell" class="number troubled" {
            @if row.not_trained.count == 0 { "\u{2013}" }
            @else { a class="bad" href=(seen.path(View::Failures)) { (row.not_trained.count) " of " (row.not_trained.of) } }
        }
    }
}

/// The head of a column that candidates can be sorted by. Names rise at first, numbers fall.
fn head(asked: &Asked, path: &str, key: &'static str, title: &str) -> Markup {
    let rises_first = matches!(key, "best" | "name");
    let (rising, falling) = (key.to_owned(), format!("-{key}"));
    let sort = match &asked.sort {
        sort if *sort == rising || (sort.is_empty() && key == "best") => Some("ascending"),
        sort if *sort == falling => Some("descending"),
        _ => None,
    };
    let next = match (sort, rises_first) {
        (Some("ascending"), _) | (None, false) => falling,
        _ => rising,
    };
    let next = if next == "best" { String::new() } else { next };
    let to = Asked { sort: next, page: String::new(), ..asked.clone() };
    let class = if key == "name" { "" } else { "number" };
    html! {
        th scope="col" role="columnheader" class=(class) aria-sort=[sort] {
            a href=(to.at(path)) id={ "sort-" (key) } { (title) }
        }
    }
}

/// Which candidates are shown, and in which order; works without a script and without the heads of the columns.
fn choice(asked: &Asked, path: &str, found: usize, all: usize) -> Markup {
    html! {
        form class="choice" action=(path) role="search" aria-label="Candidates" {
            label for="find" { "Find" }
            input id="find" name="find" type="search" value=(asked.find) placeholder="unet dice";
            label for="sort" { "Sort by" }
            select id="sort" name="sort" {
                @for Order { key, title } in ORDERS {
                    @let value = match key { "best" => String::new(), "name" => key.to_owned(), key => format!("-{key}") };
                    option value=(value) selected[asked.sort == value] { (title) }
                }
            }
            button { "Show" }
            span class="note" {
                @if found == all { (plural(all as u64, "candidate")) } @else { (found) " of " (plural(all as u64, "candidate")) }
            }
        }
    }
}

fn pager(asked: &Asked, path: &str, page: usize, pages: usize) -> Markup {
    let to = |page: usize| Asked { page: (page + 1).to_string(), ..asked.clone() }.at(path);
    html! {
        @if pages > 1 {
            nav class="pager" aria-label="Pages of candidates" {
                @if page > 0 { a rel="prev" href=(to(page - 1)) { "\u{2190} before" } }
                span { "page " (page + 1) " of " (pages) }
                @if page + 1 < pages { a rel="next" href=(to(page + 1)) { "after \u{2192}" } }
            }
        }
    }
}
