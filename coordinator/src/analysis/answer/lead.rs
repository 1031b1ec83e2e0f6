//! Who leads, and which candidates may be the best.

use super::names::{MAX_NAMED, capitalised, confidence, interval, listed, number, splits};
use crate::analysis::comparison::{Analysis, Finding, MIN_SPLITS, Performance, Question};
use crate::analysis::versus_best::{self, Versus};

/// The first sentence, and the sets of candidates that may be the best, one for each question.
pub(super) fn lead(analysis: &Analysis, leader: usize, others: &[Versus<'_>]) -> Vec<String> {
    let row = &analysis.candidates[leader];
    let is_alone = analysis.candidates.len() == 1;
    let mut sentences = vec![first(analysis, row, is_alone)];
    let is_compared = analysis.options.against.is_none_or(|reference| reference == leader);
    if row.splits >= MIN_SPLITS && is_compared && !is_alone {
        sentences.push(may_be_best(analysis, row, others));
    }
    sentences
}

/// Whether all candidates have the same scores, and enough of them to say so.
pub(super) fn nothing_differs(analysis: &Analysis, leader: usize) -> bool {
    let others = versus_best::candidates(analysis, leader);
    let is_same = |other: &Versus<'_>| other.finding == Finding::Identical;
    !others.is_empty() && others.len() + 1 == analysis.candidates.len() && others.iter().all(is_same)
}

/// The only sentence about such candidates.
pub(super) fn all_the_same(analysis: &Analysis, leader: usize) -> String {
    let Performance { scores, splits: count, .. } = &analysis.candidates[leader];
    let score = match (scores.min, scores.max) {
        (Some(least), Some(most)) if least == most => format!(" ({})", number(analysis, least)),
        _ => String::new(),
    };
    format!(
        "All {} candidates have the same {} on all {}{score}: nothing tells them apart.",
        analysis.candidates.len(),
        analysis.metric,
        splits(*count)
    )
}

/// `unet bce leads with the highest mean iou: 0.7103 over 12 splits (...)`.
fn first(analysis: &Analysis, row: &Performance, is_alone: bool) -> String {
    let Performance { label, splits: count, .. } = row;
    let mean = row.scores.mean.map_or_else(|| "none".to_owned(), |mean| number(analysis, mean));
    let metric = &analysis.metric;
    let most = if analysis.higher_is_better { "highest" } else { "lowest" };
    if is_alone {
        return format!("{label}: mean {metric} {mean} over {}{}.", splits(*count), intervals(analysis, row));
    }
    if *count < MIN_SPLITS {
        let of = if *count == 1 { "one split".to_owned() } else { splits(*count) };
        return format!(
            "{label} has the {most} mean {metric} of {of}: {mean}. No difference can be judged on fewer than {MIN_SPLITS} splits."
        );
    }
    let verdicts = &row.verdicts;
    let knows = verdicts.unknown == 0 && row.not_trained.of > 0;
    let untrained = match (knows && verdicts.trained == 0, nothing_trained(analysis)) {
        (true, true) => ", and no job of any candidate left a trained model",
        (true, false) => ", though none of its jobs left a trained model",
        _ => "",
    };
    let how = if is_picked_by_mean(analysis, row) { "leads with the" } else { "leads, though not with the" };
    format!(
        "{label} {how} {most} mean {metric}{untrained}: {mean} over {}{}{}.",
        splits(*count),
        adjusted(analysis, row),
        intervals(analysis, row)
    )
}

/// By what it was picked, where candidates lack splits.
fn adjusted(analysis: &Analysis, row: &Performance) -> String {
    let lacks = |row: &Performance| row.splits < analysis.splits;
    let adjusted = row.adjusted_mean.filter(|_| analysis.candidates.iter().any(lacks));
    match adjusted.map(|mean| number(analysis, mean)) {
        Some(mean) if row.scores.mean.is_none_or(|own| mean != number(analysis, own)) => {
            format!(", {mean} as if all had the same splits")
        }
        Some(_) if !is_picked_by_mean(analysis, row) => ", compared as if all had the same splits".to_owned(),
        _ => String::new(),
    }
}

fn nothing_trained(analysis: &Analysis) -> bool {
    analysis.candidates.iter().all(|row| row.verdicts.trained == 0 && row.verdicts.unknown == 0)
}

/// Whether no other candidate has a better mean, whatever its splits.
fn is_picked_by_mean(analysis: &Analysis, row: &Performance) -> bool {
    let better = |mean: f64, own: f64| if analysis.higher_is_better { mean > own } else { mean < own };
    let means = analysis.candidates.iter().filter_map(|other| other.scores.mean);
    row.scores.mean.is_some_and(|own| !means.into_iter().any(|mean| better(mean, own)))
}

/// The intervals of a mean by itself.
fn intervals(analysis: &Analysis, row: &Performance) -> String {
    let both = row.this_pool.zip(row.new_data).map(|(pool, new)| {
        format!(
            " ({} for this mean by itself: {} on this pool, {} for new data)",
            confidence(analysis),
            interval(analysis, pool),
            interval(analysis, new.interval)
        )
    });
    both.unwrap_or_default()
}

/// `On this pool the best is X; for new data it is X, a or b (95 %).` The candidates that may be the best are those that are not shown
/// to be worse than another; questions with the same answer share a clause.
fn may_be_best(analysis: &Analysis, row: &Performance, others: &[Versus<'_>]) -> String {
    let knows_cases = others.iter().any(|other| other.gain.is_some_and(|gain| gain.new_cases.is_some()));
    let mut clauses: Vec<(Vec<Question>, Vec<&str>)> = Vec::new();
    for question in Question::ALL.into_iter().filter(|question| *question != Question::NewCases || knows_cases) {
        let set = set(row, others, question);
        match clauses.last_mut() {
            Some((questions, same)) if *same == set => questions.push(question),
            _ => clauses.push((vec![question], set)),
        }
    }
    let all = analysis.candidates.len();
    let clause = |(place, (questions, set)): (usize, &(Vec<Question>, Vec<&str>))| {
        let phrases: Vec<String> = questions.iter().map(|question| question.phrase().to_owned()).collect();
        let names = || listed(&set.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), "or");
        let who = match set.len() {
            1 => format!("is {}", names()),
            many if many == all && all > 2 => format!("may be any of the {all}"),
            few if few <= MAX_NAMED => format!("is {}", names()),
            many => format!("may be any of {many}"),
        };
        format!("{} {} {who}", listed(&phrases, "and"), if place == 0 { "the best" } else { "it" })
    };
    let clauses: Vec<_> = clauses.iter().enumerate().map(clause).collect();
    format!("{} ({}).", capitalised(&clauses.join("; ")), confidence(analysis))
}

/// The names of those that are not shown to be worse than another for a question: the leader's first. A finding that failed jobs turn
/// around excludes nobody.
fn set<'a>(row: &'a Performance, others: &[Versus<'a>], question: Question) -> Vec<&'a str> {
    let is_worse = |other: &Versus<'_>| other.finding.is_better(question) && !other.is_contested();
    let leads = !others.iter().any(|other| other.finding.swapped().is_better(question) && !other.is_contested());
    let mut rest: Vec<_> = others.iter().filter(|other| !is_worse(other)).collect();
    let behind = |other: &Versus<'_>| other.gain.map_or(f64::INFINITY, |gain| gain.mean);
    rest.sort_by(|a, b| behind(a).total_cmp(&behind(b)));
    let rest = rest.into_iter().map(|other| other.label);
    leads.then_some(row.label.as_str()).into_iter().chain(rest).collect()
}
