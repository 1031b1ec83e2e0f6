//! Jobs that left no trained model: how many, what the means are made of, and what they decide.

use super::names::{MAX_NAMED, number, percent, splits};
use crate::analysis::comparison::{Analysis, Performance};
use crate::analysis::versus_best::Versus;
use crate::stats::fisher::fisher;
use crate::stats::interval::wilson;
use crate::text::{p_value, plural};

/// Number of splits from which collapses that were not seen are rare enough to leave them unsaid.
const MANY_SPLITS: usize = 20;

/// Every candidate with a job that left no model, and what its mean is made of.
pub(super) fn failures(analysis: &Analysis) -> Vec<String> {
    let troubled: Vec<_> = analysis.candidates.iter().filter(|row| row.not_trained.count > 0).collect();
    let mut sentences: Vec<_> = troubled.iter().take(MAX_NAMED).map(|row| failure(analysis, row)).collect();
    if troubled.len() > MAX_NAMED {
        let rest = &troubled[MAX_NAMED..];
        let jobs: usize = rest.iter().map(|row| row.not_trained.count).sum();
        let (candidates, jobs) = (plural(rest.len() as u64, "more candidate"), plural(jobs as u64, "job"));
        sentences.push(format!("{candidates}: {jobs} left no trained model; the table has them all."));
    }
    sentences
}

/// `segnet dice: of 12 jobs 1 failed, 2 diverged; the mean is of the 10 with a score, and 0.41 with a failed score for the others`.
fn failure(analysis: &Analysis, row: &Performance) -> String {
    let verdicts = row.verdicts;
    let kinds = [
        (row.failed.count, "failed".to_owned()),
        (verdicts.diverged, "diverged".to_owned()),
        (verdicts.trivial, trivial(analysis, row)),
        (verdicts.degenerate, "gave nearly empty or full masks".to_owned()),
    ];
    let kinds: Vec<_> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    let mut sentence = format!("{}: of {} {}", row.label, plural(row.not_trained.of as u64, "job"), kinds.join(", "));
    if row.without_score > 0 {
        let failed = row
            .mean_at_worst
            .map(|mean| format!(", and {} with a failed score for the others", number(analysis, mean)));
        sentence.push_str(&match row.scores.mean {
            None => "; it has no mean".to_owned(),
            Some(mean) => {
                let failed = failed.unwrap_or_default();
                format!("; its mean {} is of the {} with a score{failed}", number(analysis, mean), row.scores.n)
            }
        });
    } else if let Some(mean) = row.scores.mean {
        sentence.push_str(&format!("; its mean {} counts them with the score they have", number(analysis, mean)));
    }
    if let Some(trained) = row.mean_if_trained {
        let models = plural(row.trained as u64, "trained model");
        sentence.push_str(&format!("; the mean of its {models} is {}", number(analysis, trained)));
    }
    sentence + "."
}

/// A verdict names the number that it lost to. It is made of IoUs: where the metric that is shown says otherwise, its numbers say nothing of it.
fn trivial(analysis: &Analysis, row: &Performance) -> String {
    let agrees = |(own, mask): &(f64, f64)| if analysis.higher_is_better { own <= mask } else { own >= mask };
    let against = row
        .trivial_against
        .filter(agrees)
        .map(|(own, mask)| format!(" ({} against {})", number(analysis, own), number(analysis, mask)));
    format!("no better than a mask that does not look at the image{}", against.unwrap_or_default())
}

/// Where failed or collapsed jobs decide who is better: both answers.
pub(super) fn decisions(analysis: &Analysis, one: usize, others: &[Versus<'_>]) -> Vec<String> {
    let row = &analysis.candidates[one];
    let sentences = others.iter().flat_map(|other| {
        let other_row = &analysis.candidates[other.index];
        [by_failed(analysis, row, other_row, other), by_collapsed(analysis, row, other_row, other)]
    });
    sentences.flatten().take(MAX_NAMED).collect()
}

/// The failed score turns the difference around.
fn by_failed(analysis: &Analysis, row: &Performance, other_row: &Performance, other: &Versus<'_>) -> Option<String> {
    let (gain, failed) = (other.gain?, other.with_failed?);
    let shared = gain.mean;
    let (ahead, behind) = if failed > 0.0 { (row, other_row) } else { (other_row, row) };
    other.is_contested().then(|| {
        let counts = [row, other_row].into_iter().filter(|row| row.without_score > 0);
        let counts: Vec<_> = counts
            .map(|row| format!("{} has no score in {} of {}", row.label, row.without_score, row.without_score + row.scores.n))
            .collect();
        format!(
            "With a failed score for failed jobs, {} is ahead of {} by {}; where both have a score, {} is ahead by {} ({}{}). {}: choose whether that matters.",
            ahead.label,
            behind.label,
            number(analysis, failed.abs()),
            behind.label,
            number(analysis, shared.abs()),
            splits(other.shared),
            other.finding.shown_for().map_or_else(String::new, |shown| format!(", shown {}", shown.phrase())),
            counts.join(", ")
        )
    })
}

/// The two collapse at different rates: the rates, and the difference without.
fn by_collapsed(analysis: &Analysis, row: &Performance, other_row: &Performance, other: &Versus<'_>) -> Option<String> {
    let odd = |row: &Performance| row.not_trained.count - row.without_score + row.far_outside;
    let (own, others) = (odd(row), odd(other_row));
    let if_trained = other.if_trained.filter(|difference| difference.is_finite())?;
    let all = other.gain?.mean;
    // a difference that stays as it is needs no second answer
    let is_moved = (all - if_trained).abs() > 0.25 * all.abs().max(if_trained.abs());
    (own != others && is_moved).then(|| {
        let p = p_value(fisher(own, row.scores.n, others, other_row.scores.n));
        let what = match row.far_outside + other_row.far_outside {
            0 => "jobs that did not train",
            _ => "scores far outside of its others",
        };
        let ahead = |difference: f64| {
            format!("{} by {}", if difference > 0.0 { "ahead" } else { "behind" }, number(analysis, difference.abs()))
        };
        format!(
            "{} has {own} of {} {what}, {} has {others} of {} (Fisher's p {p}): {} is {} with these, and {} without.",
            row.label,
            row.scores.n,
            other_row.label,
            other_row.scores.n,
            row.label,
            ahead(all),
            ahead(if_trained)
        )
    })
}

/// What collapses that were not seen could still do, where a difference is claimed on few splits.
pub(super) fn unseen(analysis: &Analysis, one: usize, others: &[Versus<'_>]) -> Option<String> {
    let row = &analysis.candidates[one];
    let claims = others.iter().any(|other| other.finding.shown_for().is_some());
    let has_none = row.not_trained.count + row.far_outside == 0;
    let n = row.scores.n;
    (claims && has_none && n < MANY_SPLITS).then(|| {
        let rate = wilson(0.0, n, analysis.options.alpha).high;
        format!(
            "None of the {n} jobs of {} collapsed, which leaves a rate of up to {} (Wilson): collapses that were not seen could undo what is said of it.",
            row.label,
            percent(rate)
        )
    })
}
