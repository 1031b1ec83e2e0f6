//! Failures, with their evidence: jobs without a result, and trainings that left no model. None is averaged away unseen.

use super::html::{cell, table};
use super::lineup::Lineup;
use super::material::Material;
use crate::results::{JobRow, RowState, ScoredResult};
use crate::text::{signed, signed_or_dash};
use maud::{Markup, html};
use proto::measure::Verdict;

/// Maximum number of jobs in the page; the table of jobs has all.
const MAX_JOBS: usize = 60;

/// The section on failures and verdicts.
pub(super) fn section(material: &Material<'_>, lineup: &Lineup<'_>) -> Markup {
    let troubled: Vec<(&JobRow, String, String)> =
        material.results.jobs.iter().filter_map(|job| evidence(job).map(|(what, why)| (job, what, why))).collect();
    html! {
        section id="verdicts" {
            h2 { "Failures and verdicts" }
            @if troubled.is_empty() {
                p {
                    "Every job that ended has a trained model: none failed, diverged or collapsed to a mask that does "
                    "not depend on the image."
                }
            } @else {
                p {
                    (troubled.len()) " of " (material.results.jobs.len()) " jobs failed or left no trained model. A job with \
                    a score counts in every mean with that score; one without a score is counted here and in the \
                    column n, never as a silent gap."
                }
                (verdicts(lineup))
                (by_job(material, lineup, &troubled))
            }
        }
    }
}

/// Of each candidate, how many of its jobs left no trained model.
pub(crate) fn verdicts(lineup: &Lineup<'_>) -> Markup {
    let rows = lineup
        .order
        .iter()
        .filter(|candidate| lineup.row(**candidate).not_trained.count > 0)
        .take(MAX_JOBS)
        .map(|&candidate| {
            let row = lineup.row(candidate);
            let share = row.not_trained;
            let counts = [row.verdicts.trivial, row.verdicts.degenerate, row.verdicts.diverged, row.failed.count];
            let number = |number: Option<f64>| cell(signed_or_dash(number, 3));
            let interval = format!(
                "{}\u{2013}{} %",
                signed(100.0 * share.interval.low, 0),
                signed(100.0 * share.interval.high, 0)
            );
            let mut cells =
                vec![cell(lineup.name(candidate)), cell(format!("{} of {}", share.count, share.of)), cell(interval)];
            cells.extend(counts.map(|count| cell(if count == 0 { "\u{2013}".to_owned() } else { count.to_string() })));
            cells.extend([number(row.scores.mean), number(row.mean_if_trained)]);
            cells
        });
    let heads = [
        ("candidate", false),
        ("not trained", true),
        ("95 % (Wilson)", true),
        ("trivial", true),
        ("degenerate", true),
        ("diverged", true),
        ("failed", true),
        ("mean of all scores", true),
        ("mean if trained", true),
    ];
    table("Candidates with jobs that left no trained model", &heads, &rows.collect::<Vec<_>>())
}

fn by_job(material: &Material<'_>, lineup: &Lineup<'_>, troubled: &[(&JobRow, String, String)]) -> Markup {
    let seed = |job: &JobRow| material.results.split_seed(job.replicate);
    let rows = troubled
        .iter()
        .take(MAX_JOBS)
        .map(|(job, what, why)| vec![cell(lineup.name(job.candidate)), cell(seed(job)), cell(what), cell(why)]);
    let caption = if troubled.len() > MAX_JOBS {
        format!("The first {MAX_JOBS} of {} such jobs", troubled.len())
    } else {
        "The jobs".to_owned()
    };
    table(
        &caption,
        &[("candidate", false), ("split", true), ("verdict", false), ("evidence", false)],
        &rows.collect::<Vec<_>>(),
    )
}

/// What happened to a job, and how one knows; `None` if it went well or has not ended.
fn evidence(job: &JobRow) -> Option<(String, String)> {
    match (&job.result, job.state) {
        (_, RowState::Failed) => {
            let message = job.message.clone().unwrap_or_else(|| "no message".to_owned());
            Some(("failed".to_owned(), format!("{} attempts; the last: {message}", job.attempts)))
        }
        (Some(scored), _) if scored.result.verdict != Verdict::Trained => {
            Some((scored.result.verdict.name().to_owned(), signs(scored)))
        }
        _ => None,
    }
}

/// The numbers that a verdict is seen by.
pub(crate) fn signs(ScoredResult { result, .. }: &ScoredResult) -> String {
    let test = result.test.scores();
    let number = |score: Option<f64>| score.map_or("none".to_owned(), |score| signed(score, 3));
    let rules: Vec<_> = result.extras.evidence.iter().map(ToString::to_string).collect();
    let rules = if rules.is_empty() { String::new() } else { format!("; {}", rules.join(", ")) };
    match result.verdict {
        Verdict::Diverged if result.best_epoch == 0 => {
            format!("the loss was not finite in epoch {}, and no epoch before it was", result.epochs)
        }
        Verdict::Diverged => format!(
            "the loss was not finite in epoch {}; weights of epoch {}: test IoU {}",
            result.epochs,
            result.best_epoch,
            number(test.iou)
        ),
        _ => {
            let (sensitivity, specificity) = (test.sensitivity.unwrap_or(0.5), test.specificity.unwrap_or(0.5));
            let guess = match (sensitivity, specificity) {
                (.., specificity) if specificity < 0.02 => ": nearly everything is called foreground",
                (sensitivity, _) if sensitivity < 0.02 => ": nearly everything is called background",
                _ => "",
            };
            format!(
                "test IoU {}, sensitivity {}, specificity {}{guess}{rules}",
                number(test.iou),
                number(test.sensitivity),
                number(test.specificity)
            )
        }
    }
}
