//! The page: what stands where. The answer comes first, then the evidence, then what it takes to check it.

use super::draw::{self, Figure};
use super::figures::{metric_name, p_value};
use super::html::{cell, table};
use super::scale::signed;
use super::standings::{SHOWN, Standings};
use super::{Material, examples, origin, troubles};
use crate::analysis::comparison::Row;
use crate::analysis::rows::RowState;
use crate::analysis::stats::Interval;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use proto::spec::Trainer;

/// The styles of the page, beside those of the drawings.
const STYLE: &str = include_str!("page.css");
/// Nothing may be fetched, and nothing run.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(super) fn page(material: &Material<'_>, standings: &Standings<'_>, figures: &[Figure]) -> Markup {
    let name = &material.sweep.sweep;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (name) " \u{2013} report" }
                link rel="icon" href="data:,";
                style { (PreEscaped(draw::STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(material))
                    (answer(material))
                    (contents(material, figures))
                    @for (index, figure) in figures.iter().enumerate() {
                        (drawn(figure))
                        @if index == 0 { (candidates(standings)) }
                    }
                    (power(standings))
                    (effects(standings))
                    (troubles::section(material, standings))
                    (examples::section(material.examples, standings))
                    (origin::section(material))
                    (files(material, figures))
                }
            }
        }
    }
}

fn head(material: &Material<'_>) -> Markup {
    let Material { sweep, objective, jobs, .. } = material;
    let ended = jobs.iter().filter(|job| matches!(job.state, RowState::Succeeded | RowState::Failed)).count();
    html! {
        header {
            h1 { (sweep.sweep) }
            p {
                (sweep.candidates.len()) " candidates on " (sweep.replicates.len()) " replicates, " (ended) " of " (jobs.len()) " jobs ended. Scores are "
                (metric_name(objective.metric.name())) " with the weights of the " (objective.epoch) " epoch."
            }
        }
    }
}

fn answer(material: &Material<'_>) -> Markup {
    let warnings = &material.analysis.warnings;
    html! {
        section id="answer" {
            h2 { "The answer" }
            @if material.sweep.trainer == Trainer::Simulated {
                p class="notice" { b { "Simulated: the numbers are made up." } " They load the coordinator and say nothing of any network." }
            }
            @for (index, paragraph) in material.answer.iter().enumerate() { p class=[(index == 0).then_some("lead")] { (paragraph) } }
            @if !warnings.is_empty() {
                aside class="notice" aria-label="Before you believe the numbers" {
                    b { "Before you believe the numbers" }
                    ul {
                        @for warning in warnings.iter().take(12) { li { (warning) } }
                        @if warnings.len() > 12 { li { "\u{2026} and " (warnings.len() - 12) " more; see the failures and verdicts" } }
                    }
                }
            }
        }
    }
}

fn contents(material: &Material<'_>, figures: &[Figure]) -> Markup {
    html! {
        nav aria-label="Contents" {
            @for (index, figure) in figures.iter().enumerate() {
                a href={ "#" (figure.name) } { (figure.title) }
                @if index == 0 { a href="#candidates" { "Candidates" } }
            }
            a href="#power" { "What these splits can show" }
            a href="#verdicts" { "Failures and verdicts" }
            @if !material.examples.is_empty() { a href="#examples" { "What it looks like" } }
            a href="#reproduce" { "Making these numbers again" }
        }
    }
}

fn candidates(standings: &Standings<'_>) -> Markup {
    let heads = [
        ("candidate", false),
        ("n", true),
        ("mean", true),
        ("sd", true),
        ("IQM", true),
        ("95 % this pool", true),
        ("95 % new data", true),
        ("validation", true),
        ("not trained", true),
        ("against the best", false),
    ];
    let analysis = standings.analysis;
    let shown = standings.shown();
    let rows = shown
        .iter()
        .map(|&candidate| row(standings.name(candidate), standings.row(candidate), &standings.verdict(candidate)));
    let baselines = analysis.baselines.iter().map(|baseline| row(&baseline.label, baseline, "no training"));
    html! {
        section id="candidates" {
            h2 { "Candidates" }
            (table("Candidates by their mean score, the best first; then what needs no training", &heads, &rows.chain(baselines).collect::<Vec<_>>()))
            p class="note" {
                "n is the number of scores; sd is over splits. \u{201c}This pool\u{201d} is other random splits of these cases, \u{201c}new data\u{201d} new \
                cases and new training sets. \u{201c}The best\u{201d} is chosen by the validation scores, so that its test score is not flattered."
                (standings.left_out())
            }
        }
    }
}

fn row(name: &str, row: &Row, verdict: &str) -> Vec<Markup> {
    let number = |number: Option<f64>| cell(number.map_or("\u{2013}".to_owned(), |number| signed(number, 3)));
    let interval = |interval: Option<Interval>| {
        cell(interval.map_or("\u{2013}".to_owned(), |interval| {
            format!("{} \u{2026} {}", signed(interval.low, 3), signed(interval.high, 3))
        }))
    };
    let n = if row.scores.n == row.jobs { row.jobs.to_string() } else { format!("{} of {}", row.scores.n, row.jobs) };
    let not_trained = if row.not_trained.count == 0 {
        "\u{2013}".to_owned()
    } else {
        format!("{} of {}", row.not_trained.count, row.not_trained.of)
    };
    vec![
        cell(name),
        cell(n),
        number(row.scores.mean),
        number(row.scores.sd),
        number(row.scores.iqm),
        interval(row.this_pool),
        interval(row.new_data.map(|new| new.interval)),
        number(row.validation_mean),
        cell(not_trained),
        cell(verdict),
    ]
}

fn drawn(figure: &Figure) -> Markup {
    html! {
        section id=(figure.name) {
            h2 { (figure.title) }
            figure {
                (figure.inline())
                figcaption {
                    p { b { "See: " } (figure.see) }
                    p { b { "Do not conclude: " } (figure.caution) }
                }
            }
        }
    }
}

/// What can be detected with so many splits, and with more.
fn power(standings: &Standings<'_>) -> Markup {
    let power = &standings.analysis.power;
    let in_scores = |units: f64| match power.typical_sd {
        Some(sd) => format!("{} ({} sd)", signed(units * sd, 4), signed(units, 2)),
        None => format!("{} sd", signed(units, 2)),
    };
    let rows = power.detectable.iter().map(|detectable| {
        let differences = [detectable.this_pool, detectable.new_data, detectable.new_data_all_pairs]
            .map(|units| cell(in_scores(units)));
        let mut row = vec![cell(detectable.splits.to_string())];
        row.extend(differences);
        row
    });
    let heads = [
        ("splits", true),
        ("one pair, this pool", true),
        ("one pair, new data", true),
        ("any of all pairs, new data", true),
    ];
    html! {
        @if !power.detectable.is_empty() {
            section id="power" {
                h2 { "What these splits can show" }
                (table("The least true difference that is found in four of five sweeps", &heads, &rows.collect::<Vec<_>>()))
                p class="note" {
                    "In units of the score, and in standard deviations of the differences between two candidates over splits"
                    @if let Some(sd) = power.typical_sd { ", typically " (signed(sd, 4)) " here" }
                    ". However many splits there are, on new data a difference below " (in_scores(power.floor)) " is not found with this ratio of test to training cases."
                }
            }
        }
    }
}

fn effects(standings: &Standings<'_>) -> Markup {
    let Some(effects) = &standings.analysis.effects else { return html! {} };
    let rows = effects.all.terms.iter().map(|term| {
        let f = |number: Option<f64>| cell(number.map_or("\u{2013}".to_owned(), |number| signed(number, 1)));
        let p = cell(term.p.map_or("\u{2013}".to_owned(), p_value));
        vec![
            cell(&term.name),
            cell(term.df.to_string()),
            cell(format!("{} %", signed(100.0 * term.share, 1))),
            f(term.f),
            p,
        ]
    });
    let heads =
        [("term", false), ("df", true), ("share of the sum of squares", true), ("F", true), ("p, this pool", true)];
    html! {
        section id="effects" {
            h2 { "Which axes matter" }
            (table("Analysis of variance of the grid, with every job that ended", &heads, &rows.collect::<Vec<_>>()))
            p class="note" { "A share says how much of the spread of all scores goes with a term on this grid and these splits; it is no measure of importance beyond them." }
        }
    }
}

fn files(material: &Material<'_>, figures: &[Figure]) -> Markup {
    html! {
        section id="files" {
            h2 { "Files beside this page" }
            ul {
                @for (file, what) in material.tables { li { a href=(file) { (file) } " \u{2013} " (what) } }
                @for figure in figures { @let file = format!("figures/{}.svg", figure.name); li { a href=(file) { (file) } " \u{2013} " (figure.title) } }
            }
            @if standings_are_cut(material) { p class="note" { "Figures and tables of this page show " (SHOWN) " candidates; the files have all." } }
        }
    }
}

fn standings_are_cut(material: &Material<'_>) -> bool {
    material.analysis.candidates.len() > SHOWN
}
