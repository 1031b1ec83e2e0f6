//! Names, lists and shares in sentences.

use crate::analysis::comparison::Analysis;
use crate::analysis::versus_best::Versus;
use crate::stats::Interval;
use crate::text::{self, plural};

/// Maximum number of candidates that a sentence names; the others are counted.
pub(super) const MAX_NAMED: usize = 6;

/// The names, each with its detail; the closest first, and no more than can be read.
pub(super) fn named(others: &[&Versus<'_>], detail: impl Fn(&Versus<'_>) -> String) -> String {
    let mut others = others.to_vec();
    let size = |other: &Versus<'_>| other.gain.map_or(0.0, |gain| gain.mean.abs());
    others.sort_by(|a, b| size(a).total_cmp(&size(b)));
    let shown = others.iter().take(MAX_NAMED).map(|other| format!("{}{}", other.label, detail(other)));
    let mut names: Vec<_> = shown.collect();
    if others.len() > MAX_NAMED {
        names.push(plural((others.len() - MAX_NAMED) as u64, "other"));
    }
    listed(&names, "and")
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &[String], last_word: &str) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, names)) => format!("{} {last_word} {last}", names.join(", ")),
        None => String::new(),
    }
}

/// A score, or a difference of scores.
pub(super) fn number(analysis: &Analysis, number: f64) -> String {
    let spread = analysis.typical_spread.or(analysis.candidates.iter().find_map(|row| row.scores.mean)).unwrap_or(0.0);
    match text::decimals_for(spread.abs()) {
        Some(decimals) => text::decimals(number, decimals),
        None => text::number(number),
    }
}

/// An interval: `0.6937 to 0.7269`.
pub(super) fn interval(analysis: &Analysis, interval: Interval) -> String {
    format!("{} to {}", number(analysis, interval.low), number(analysis, interval.high))
}

/// `95 %`.
pub(super) fn confidence(analysis: &Analysis) -> String {
    percent(1.0 - analysis.options.alpha)
}

/// A share in per cent, without decimals where it has none to show.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if (percent - percent.round()).abs() < 1e-6 || percent >= 10.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

pub(super) fn splits(count: usize) -> String {
    plural(count as u64, "split")
}

/// A text with a capital letter first.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}
