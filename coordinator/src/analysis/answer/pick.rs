//! By what the leader was picked, and how far picking flatters it.

use super::names::{number, splits};
use crate::analysis::comparison::{Analysis, MIN_SPLITS, Selection};
use crate::analysis::versus_best::Versus;

/// How the leader was picked; nothing for a single candidate, or too few splits.
pub(super) fn pick(analysis: &Analysis, leader: usize, others: &[Versus<'_>]) -> Vec<String> {
    let is_enough = analysis.candidates.len() > 1 && analysis.candidates[leader].splits >= MIN_SPLITS;
    let Some(selection) = analysis.selection.as_ref().filter(|_| is_enough) else { return Vec::new() };
    if selection.by_validation.is_none() {
        return vec![format!("It was picked by the reported score itself{}.", flattery(analysis, selection))];
    }
    let by_test = selection.by_test.candidate;
    if by_test == leader {
        return vec!["It was picked on the validation subset, and leads on the test subset too.".to_owned()];
    }
    let row = &analysis.candidates[by_test];
    let other = others.iter().find(|other| other.index == by_test);
    let apart = match other.map(|other| other.finding.is_tie()) {
        Some(true) => ", from which it is not told apart",
        _ => "",
    };
    let score = row.scores.mean.map(|mean| format!(" ({})", number(analysis, mean))).unwrap_or_default();
    vec![format!(
        "It was picked on the validation subset; by the reported score it would be {}{score}{apart}.",
        row.label
    )]
}

/// `; leave out any one split, and it is picked again; its mean is likely flattered by some 0.0042`.
fn flattery(analysis: &Analysis, selection: &Selection) -> String {
    let changes = match selection.changes {
        Some(0) => format!("; it is picked again whichever of the {} is left out", splits(analysis.splits)),
        Some(changes) => {
            format!("; leaving out one split picks another in {changes} of {} cases", analysis.splits)
        }
        None => String::new(),
    };
    // what rounds to nothing says nothing
    let is_seen = |flattery: &f64| *flattery > 0.0 && number(analysis, *flattery) != number(analysis, 0.0);
    let flattered = selection.flattery.filter(is_seen);
    let flattered = flattered.map(|flattery| {
        format!(
            "; picked among candidates that are not told apart, its mean is too good by some {}",
            number(analysis, flattery)
        )
    });
    changes + &flattered.unwrap_or_default()
}
