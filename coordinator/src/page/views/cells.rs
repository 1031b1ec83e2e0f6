//! The map of cells: candidates by splits. The colour of a cell is its score minus the median of its split, so that a hard split pales
//! nothing, a row of one colour is a good or a bad candidate, and a lone cell stands out.

use super::{Asked, Seen};
use crate::page::frame::View;
use crate::results::{JobRow, RowState};
use crate::text::{metric_name, signed};
use maud::{Markup, html};
use proto::measure::Verdict;
use std::collections::{HashMap, HashSet};

/// Maximum number of candidates on a page.
const MAX_ROWS: usize = 40;
/// Maximum number of replicates that are shown.
const MAX_COLUMNS: usize = 60;
/// Maximum number of cells on a page, so that a browser lays them out in one go and still answers at once: of many replicates fewer
/// candidates are shown.
const MAX_CELLS: usize = 1000;
/// Number of colours to either side of the middle.
const SHADES: f64 = 4.0;

/// One cell: a job, its score, and how far that is from the median of its split.
struct Cell<'a> {
    job: &'a JobRow,
    score: Option<f64>,
    difference: Option<f64>,
}

/// The view.
pub(super) fn view(seen: &Seen) -> Markup {
    let (lineup, results) = (seen.lineup(), &seen.study.results);
    let head = &results.head;
    let columns = head.replicates.len().min(MAX_COLUMNS);
    let most = MAX_ROWS.min(MAX_CELLS / columns.max(1));
    let pages = lineup.order.len().div_ceil(most);
    let page = seen.asked.page(pages);
    let shown: Vec<usize> = lineup.order.iter().copied().skip(page * most).take(most).collect();
    let rows: HashSet<usize> = shown.iter().copied().collect();
    let in_view = results.jobs.iter().filter(|job| job.replicate < columns && rows.contains(&job.candidate));
    let jobs: HashMap<(usize, usize), &JobRow> = in_view.map(|job| ((job.candidate, job.replicate), job)).collect();
    let score = |candidate: usize, replicate: usize| {
        lineup.observations.candidates.get(candidate)?.observations.get(replicate)?.score()
    };
    let medians: Vec<Option<f64>> = (0..columns)
        .map(|column| median(lineup.order.iter().filter_map(|row| score(*row, column)).collect()))
        .collect();
    let rows: Vec<(usize, Vec<Option<Cell<'_>>>)> = shown
        .iter()
        .map(|&row| {
            let cell = |column: usize| {
                let (job, score) = (*jobs.get(&(row, column))?, score(row, column));
                let difference = score.zip(medians[column]).map(|(score, median)| score - median);
                Some(Cell { job, score, difference })
            };
            (row, (0..columns).map(cell).collect())
        })
        .collect();
    let sizes = rows.iter().flat_map(|(_, cells)| cells.iter().flatten()).filter_map(|cell| cell.difference);
    let reach = reach(sizes.map(f64::abs).collect());
    let sign = if lineup.analysis.higher_is_better { 1.0 } else { -1.0 };
    html! {
        section id="map" {
            h2 { "Every job: candidates by splits" }
            p class="note" {
                "The number is the " (metric_name(head.metric.name())) " of one job, in thousandths; the colour, and the number in \
                 brackets that a cell shows under the pointer, say how far it is above or below the median of its split, so a split that is hard for all has no colour of its own. A row of one \
                 colour is a candidate that is good, or bad, on every split."
            }
            (legend(reach))
            div class="wide" tabindex="0" role="region" aria-label="Map of jobs" {
                table class="map" {
                    caption { "Jobs; splits are named by their seeds, each cell leads to its job" }
                    thead {
                        tr {
                            th scope="col" { "candidate" }
                            @for column in 0..columns { th scope="col" class="number" { (results.split_seed(column)) } }
                        }
                    }
                    tbody {
                        @for (row, cells) in &rows {
                            tr id={ "candidate-" (row) } {
                                th scope="row" { (lineup.name(*row)) }
                                @for cell in cells { (drawn(cell.as_ref(), sign, reach)) }
                            }
                        }
                        tr class="medians" {
                            th scope="row" { "median of the split" }
                            @for median in &medians { td { (median.map(thousandths).unwrap_or_default()) } }
                        }
                    }
                }
            }
            @if head.replicates.len() > columns { p class="note" { "The first " (columns) " of " (head.replicates.len()) " replicates are shown." } }
            @if pages > 1 { (pager(seen, page, pages)) }
        }
    }
}

/// How far the colours reach: beyond it nearly all differences do not go, so that one collapse does not pale the rest.
fn reach(mut sizes: Vec<f64>) -> f64 {
    sizes.sort_by(f64::total_cmp);
    let at = sizes.len().saturating_sub(1) * 9 / 10;
    sizes.get(at).copied().filter(|reach| *reach > 0.0).unwrap_or(1e-3)
}

/// The middle score; a collapse does not move it.
fn median(mut scores: Vec<f64>) -> Option<f64> {
    scores.sort_by(f64::total_cmp);
    let middle = scores.len().checked_sub(1)? / 2;
    let next = scores.len() / 2;
    Some(f64::midpoint(*scores.get(middle)?, *scores.get(next)?))
}

/// A score between 0 and 1 as a whole number of three digits; any other with two digits that matter.
fn thousandths(score: f64) -> String {
    if (0.0..=1.0).contains(&score) { format!("{:.0}", 1000.0 * score) } else { signed(score, 1) }
}

fn drawn(cell: Option<&Cell<'_>>, sign: f64, reach: f64) -> Markup {
    let Some(Cell { job, score, difference }) = cell else { return html! { td class="nothing" {} } };
    let to = format!("/job/{}", job.job);
    let words =
        |words: &str| format!("{words}, {} {}", job.attempts, if job.attempts == 1 { "attempt" } else { "attempts" });
    match (job.state, score) {
        (RowState::Queued, _) => {
            html! { td class="queued" { a href=(to) title="queued" { span class="unseen" { "queued" } } } }
        }
        (RowState::Running, _) => html! { td class="running" { a href=(to) title=(words("running")) { "\u{2022}" } } },
        (RowState::Failed, _) => html! { td class="failed" { a href=(to) title=(words("failed")) { "fail" } } },
        (RowState::Cancelled, _) => html! { td class="dropped" { a href=(to) title="cancelled" { "\u{2013}" } } },
        (RowState::Dropped, _) => html! { td class="dropped" { a href=(to) title="stopped early" { "\u{2013}" } } },
        (RowState::Succeeded, None) => html! { td class="failed" { a href=(to) title="no score" { "none" } } },
        (RowState::Succeeded, Some(score)) => {
            let difference = difference.unwrap_or(0.0);
            let shade = (SHADES * sign * difference / reach).round().clamp(-SHADES, SHADES);
            let verdict = job.result.as_ref().map_or(Verdict::Trained, |scored| scored.result.verdict);
            let class = match (shade as i32, verdict) {
                (shade, Verdict::Trained) => format!("shade{shade}"),
                (shade, _) => format!("shade{shade} untrained"),
            };
            let plus = if difference > 0.0 { "+" } else { "" };
            let mut title = format!("{} ({plus}{})", signed(*score, 4), signed(difference, 4));
            if verdict != Verdict::Trained {
                title = format!("{title}, {}", verdict.name());
            }
            html! { td class=(class) { a href=(to) title=(title) { (thousandths(*score)) } } }
        }
    }
}

fn legend(reach: f64) -> Markup {
    let ends = signed(reach, 3);
    html! {
        ul class="legend" {
            li {
                "\u{2212}" (ends) " or worse "
                @for shade in -4..=4 { i class={ "swatch shade" (shade) } {} }
                " +" (ends) " or better"
            }
            li { i class="swatch untrained shade0" {} "dotted: trained without a model (trivial, degenerate, diverged)" }
            li { i class="swatch failed" {} "crossed: failed, or without a score" }
            li { i class="swatch running" {} "running" }
            li { i class="swatch queued" {} "queued" }
        }
    }
}

fn pager(seen: &Seen, page: usize, pages: usize) -> Markup {
    let to = |page: usize| Asked { page: (page + 1).to_string(), ..Asked::default() }.at(&seen.path(View::Cells));
    html! {
        nav class="pager" aria-label="Pages of candidates" {
            @if page > 0 { a rel="prev" href=(to(page - 1)) { "\u{2190} before" } }
            span { "page " (page + 1) " of " (pages) }
            @if page + 1 < pages { a rel="next" href=(to(page + 1)) { "after \u{2192}" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_collapse_moves_neither_the_middle_nor_the_colours() {
        assert_eq!(median(vec![0.7, 0.1, 0.8]), Some(0.7));
        assert_eq!(median(vec![0.5, 0.25]), Some(0.375));
        assert_eq!(median(Vec::new()), None);
        let sizes: Vec<f64> = (0..20).map(|index| 0.01 * f64::from(index)).chain([0.9]).collect();
        assert!((reach(sizes) - 0.18).abs() < 1e-9);
        assert!(reach(Vec::new()) > 0.0 && reach(vec![0.0; 3]) > 0.0, "nothing is divided by zero");
    }

    #[test]
    fn scores_are_short() {
        assert_eq!([0.7126, 0.0, 1.0, 12.34].map(thousandths), ["713", "0", "1000", "12.3"]);
    }
}
