//! The page: what stands where. The answer comes first, then the evidence, then what it takes to check it.

use super::figures::{self, Figure};
use super::html::{cell, sideways, table};
use super::lineup::{Lineup, MAX_SHOWN};
use super::material::Material;
use super::{examples, failures, looks, provenance};
use crate::analysis::answer::Answer;
use crate::analysis::comparison::Performance;
use crate::results::{RowState, SweepResults};
use crate::stats::Interval;
use crate::tables::About;
use crate::text::{metric_name, p_value, range, signed, signed_or_dash};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use proto::spec::Trainer;

/// The styles of the page, beside those of the drawings.
pub(crate) const STYLE: &str = include_str!("page.css");
/// What the three questions ask.
pub(crate) const QUESTIONS: &str = "This pool: other random splits of these cases. New cases: new cases for the networks that were \
                                    trained on these. New data: new cases and new training sets.";
/// Maximum number of caveats that are spelled out.
const MAX_CAVEATS: usize = 12;
/// Nothing may be fetched, and nothing run.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(super) fn page(material: &Material<'_>, answer: &Answer, lineup: &Lineup<'_>, figures: &[Figure]) -> Markup {
    let name = &material.results.head.sweep;
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
                style { (PreEscaped(figures::STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(material))
                    (said(material, answer))
                    (contents(material, figures))
                    @for (index, figure) in figures.iter().enumerate() {
                        (drawn(figure))
                        @if index == 0 { (candidates(lineup)) }
                    }
                    (power(lineup))
                    (effects(lineup))
                    (looks::section(material, lineup))
                    (failures::section(material, lineup))
                    (examples::section(material.examples, lineup))
                    (provenance::section(material))
                    (files(material, figures))
                }
            }
        }
    }
}

fn head(material: &Material<'_>) -> Markup {
    let SweepResults { head: sweep, jobs, .. } = material.results;
    let ended = jobs.iter().filter(|job| matches!(job.state, RowState::Succeeded | RowState::Failed)).count();
    html! {
        header {
            h1 { (sweep.sweep) }
            p {
                (sweep.candidates.len()) " candidates on " (sweep.replicates.len()) " replicates, "
                (ended) " of " (jobs.len()) " jobs ended. Scores are "
                (metric_name(sweep.metric.name())) " of the " (sweep.objective.reported(&sweep.split)) " cases, with the weights of "
                "the " (About::epochs(sweep)) "."
            }
        }
    }
}

/// The answer in words: one sentence for everybody, then what follows from it, then what to know before believing it.
fn said(material: &Material<'_>, answer: &Answer) -> Markup {
    html! {
        section id="answer" {
            h2 { "The answer" }
            (lead(answer, material.results.head.trainer == Trainer::Simulated))
            (further(answer))
        }
    }
}

/// The first sentence of the answer.
pub(crate) fn lead(answer: &Answer, is_simulated: bool) -> Markup {
    html! {
        @if is_simulated {
            p class="notice" {
                b { "Simulated: the numbers are made up." }
                " They load the coordinator and say nothing of any network."
            }
        }
        p class="lead" { (answer.best.first().map_or("", String::as_str)) }
    }
}

/// The other sentences of the answer, and what to know before believing them.
pub(crate) fn further(answer: &Answer) -> Markup {
    let rest = answer.best.get(1..).unwrap_or_default();
    let parts = [("", rest), ("Undecided", &answer.undecided), ("What did not train", &answer.failures)];
    html! {
        @for (title, sentences) in parts {
            @if !sentences.is_empty() {
                @if !title.is_empty() { h3 { (title) } }
                ul { @for sentence in sentences { li { (sentence) } } }
            }
        }
        (caveats(&answer.caveats))
    }
}

fn caveats(caveats: &[String]) -> Markup {
    html! {
        @if !caveats.is_empty() {
            aside class="notice" aria-label="Before you believe the numbers" {
                b { "Before you believe the numbers" }
                ul { @for caveat in caveats.iter().take(MAX_CAVEATS) { li { (caveat) } } }
                @if caveats.len() > MAX_CAVEATS { p { "\u{2026} and " (caveats.len() - MAX_CAVEATS) " more like these" } }
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
            @if material.analysed.analysis.effects.is_some() { a href="#effects" { "Which axes matter" } }
            @if !material.results.looks.is_empty() { a href="#looks" { "Who was stopped early" } }
            a href="#verdicts" { "Failures and verdicts" }
            @if !material.examples.is_empty() { a href="#examples" { "What it looks like" } }
            a href="#reproduce" { "Making these numbers again" }
            a href="#files" { "Files beside this page" }
        }
    }
}

fn candidates(lineup: &Lineup<'_>) -> Markup {
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
        ("against the leader", false),
    ];
    let shown = lineup.shown();
    let rows =
        shown.iter().map(|&candidate| row(lineup.name(candidate), lineup.row(candidate), &lineup.verdict(candidate)));
    let baselines = lineup.baselines().into_iter().map(|baseline| &lineup.analysis.baselines[baseline]);
    let baselines = baselines.map(|baseline| row(&baseline.label, baseline, "no training"));
    let rows: Vec<_> = rows.chain(baselines).collect();
    html! {
        section id="candidates" {
            h2 { "Candidates" }
            (table(&format!("{}, the best first; then what needs no training", lineup.sorted_by()), &heads, &rows))
            p class="note" {
                "n is the number of scores; sd is over them. " (QUESTIONS) " \u{201c}The best\u{201d} is chosen by the validation "
                "scores where there are any, so that its test score is not flattered."
                (lineup.left_out())
                (sensitivity(lineup))
            }
        }
    }
}

/// How much the interval for new data owes to the ratio that it is made with.
fn sensitivity(lineup: &Lineup<'_>) -> String {
    let Some(best) = lineup.best.filter(|best| !lineup.row(*best).sensitivity.is_empty()) else { return String::new() };
    let intervals = lineup.row(best).sensitivity.iter();
    let intervals = intervals.map(|new| format!("{} with {}", range(new.interval, 3), signed(new.ratio, 2)));
    format!(
        " The interval for new data depends on the ratio that its correction is made with; for \
         the leader it is {}.",
        intervals.collect::<Vec<_>>().join(", ")
    )
}

fn row(name: &str, row: &Performance, verdict: &str) -> Vec<Markup> {
    let number = |number: Option<f64>| cell(signed_or_dash(number, 3));
    let interval = |of: Option<Interval>| cell(of.map_or("\u{2013}".to_owned(), |of| range(of, 3)));
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

/// A figure with its heading and its words, as a section.
pub(crate) fn drawn(figure: &Figure) -> Markup {
    html! {
        section id=(figure.name) {
            h2 { (figure.title) }
            (captioned(figure))
        }
    }
}

/// A figure with its words.
pub(crate) fn captioned(figure: &Figure) -> Markup {
    html! {
        figure {
            (sideways())
            div class="wide" tabindex="0" role="region" aria-label=(figure.title) { (figure.inline()) }
            figcaption {
                p { b { "See: " } (figure.see) }
                p { b { "Do not conclude: " } (figure.caution) }
            }
        }
    }
}

/// The differences that these splits can detect, and more splits could.
fn power(lineup: &Lineup<'_>) -> Markup {
    let power = &lineup.analysis.power;
    let in_scores = |units: f64| match power.typical_sd {
        Some(sd) => format!("{} ({} sd)", signed(units * sd, 4), signed(units, 2)),
        None => format!("{} sd", signed(units, 2)),
    };
    let rows = power.detectable.iter().map(|detectable| {
        let differences =
            [detectable.this_pool, detectable.new_data, detectable.this_pool_all_pairs, detectable.new_data_all_pairs];
        let differences = differences.map(|units| cell(units.map_or("\u{2013}".to_owned(), in_scores)));
        std::iter::once(cell(detectable.splits.to_string())).chain(differences).collect()
    });
    let rows: Vec<Vec<Markup>> = rows.collect();
    let heads = [
        ("splits", true),
        ("one pair, this pool", true),
        ("one pair, new data", true),
        ("one of all pairs, this pool", true),
        ("one of all pairs, new data", true),
    ];
    html! {
        @if !power.detectable.is_empty() {
            section id="power" {
                h2 { "What these splits can show" }
                (table("The least true difference that is found in four of five sweeps", &heads, &rows))
                p class="note" {
                    "In units of the score, and in standard deviations of the differences between two candidates over "
                    "splits"
                    @if let Some(sd) = power.typical_sd { ", typically " (signed(sd, 4)) " here" }
                    ". However many splits there are, on new data a difference below " (in_scores(power.floor))
                    " is found in fewer than four of five sweeps with this ratio of test cases to the others."
                }
            }
        }
    }
}

/// The analysis of variance, as a section; nothing if the candidates are no full grid.
pub(crate) fn effects(lineup: &Lineup<'_>) -> Markup {
    let Some(effects) = &lineup.analysis.effects else { return html! {} };
    let rows = effects.all.terms.iter().map(|term| {
        let p = cell(term.p.map_or("\u{2013}".to_owned(), p_value));
        vec![
            cell(&term.name),
            cell(term.df.to_string()),
            cell(format!("{} %", signed(100.0 * term.share, 1))),
            cell(signed_or_dash(term.f, 1)),
            p,
        ]
    });
    let heads =
        [("term", false), ("df", true), ("share of the sum of squares", true), ("F", true), ("p, this pool", true)];
    html! {
        section id="effects" {
            h2 { "Which axes matter" }
            (table("Analysis of variance of the grid, with every job that ended", &heads, &rows.collect::<Vec<_>>()))
            p class="note" {
                "A share says how much of the spread of all scores goes with a term on this grid and these splits; it is "
                "no measure of importance beyond them."
            }
        }
    }
}

fn files(material: &Material<'_>, figures: &[Figure]) -> Markup {
    html! {
        section id="files" {
            h2 { "Files beside this page" }
            ul {
                @for (file, what) in material.tables { li { a href=(file) { (file) } " \u{2013} " (what) } }
                @for figure in figures {
                    @let [svg, pdf] = ["svg", "pdf"].map(|ending| format!("figures/{}.{ending}", figure.name));
                    li { a href=(svg) { (svg) } ", " a href=(pdf) { (pdf) } " \u{2013} " (figure.title) }
                }
            }
            @if material.analysed.analysis.candidates.len() > MAX_SHOWN {
                p class="note" { "Figures and tables of this page show " (MAX_SHOWN) " candidates; tables/candidates.csv has all." }
            }
        }
    }
}
