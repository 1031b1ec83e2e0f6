//! The table of candidates on the overview: each with its splits, and where it stands against the leader; found, sorted and turned over.

use super::{Asked, Seen};
use crate::analysis::comparison::{Performance, Question};
use crate::page::frame::View;
use crate::report::Lineup;
use crate::report::parts::strips;
use crate::text::{metric_name, plural, range, signed_or_dash};
use maud::{Markup, html};

/// Maximum number of candidates on a page: so many a browser lays out in one go, and still answers at once.
const MAX_ROWS: usize = 50;

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

/// The candidates that are asked for, then the baselines.
pub(super) fn section(seen: &Seen) -> Markup {
    let (lineup, asked, path) = (seen.lineup(), &seen.asked, seen.path(View::Overview));
    let found = wanted(&lineup, asked);
    let pages = found.len().div_ceil(MAX_ROWS);
    let page = asked.page(pages);
    let shown: Vec<usize> = found.iter().copied().skip(page * MAX_ROWS).take(MAX_ROWS).collect();
    let strips = strips(&lineup, &shown);
    let (of_candidates, of_baselines) = strips.rows.split_at(shown.len());
    let metric = metric_name(seen.study.results.head.metric.name());
    let (best, is_last) = (lineup.best, page + 1 == pages.max(1));
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
                        @if is_last && !of_baselines.is_empty() { "; then what needs no training" }
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
                                (difference(&lineup, candidate))
                                td role="cell" class={ "verdict " (lineup.against(candidate).class()) } {
                                    @if seen.study.answer.is_some() || best == Some(candidate) { (lineup.verdict(candidate)) }
                                    @else { "not compared yet" }
                                }
                                (not_trained(seen, lineup.row(candidate)))
                            }
                        }
                        @if is_last {
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
            (shared(&lineup, &shown))
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
        td role="cell" class="strips" { (strip) }
    }
}

/// The difference to the leader; over which splits, and its intervals, for who points at it.
fn difference(lineup: &Lineup<'_>, candidate: usize) -> Markup {
    let pair = lineup.against_best(candidate).filter(|_| lineup.best != Some(candidate));
    let compared = pair.as_ref().and_then(|pair| Some((pair, pair.comparison.as_ref()?)));
    let words = compared.map(|(pair, comparison)| {
        let interval = |question: Question| {
            let interval = comparison.simultaneous.of(question)?;
            Some(format!("{} {}", question.words(), range(interval, 3)))
        };
        let intervals: Vec<String> = Question::ALL.into_iter().filter_map(interval).collect();
        format!("over {}; 95 % {}", lineup.shared(pair), intervals.join(", "))
    });
    let mean = compared.map(|(_, comparison)| comparison.mean);
    html! { td role="cell" class="number difference" title=[words] { (signed_or_dash(mean, 3)) } }
}

/// Says that differences are over fewer splits than means, where some are.
fn shared(lineup: &Lineup<'_>, shown: &[usize]) -> Markup {
    let shares_all = |candidate: &usize| lineup.against_best(*candidate).is_none_or(|pair| lineup.share_all(&pair));
    html! {
        @if !shown.iter().all(shares_all) {
            p class="note" { "A difference is over the splits that both candidates have, a mean over all that one has." }
        }
    }
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
