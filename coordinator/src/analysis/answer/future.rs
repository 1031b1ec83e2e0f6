//! What is not decided, and what more splits would do.

use super::differences::subject;
use super::names::{interval, named, number, splits};
use crate::analysis::comparison::{Analysis, Finding, MIN_SPLITS, Outlook};
use crate::analysis::versus_best::Versus;
use crate::text::{self, plural};

/// Who is not told apart, and what more splits of this pool would do.
pub(super) fn undecided(analysis: &Analysis, one: usize, others: &[Versus<'_>]) -> Vec<String> {
    let of = |finding: Finding| others.iter().filter(|other| other.finding == finding).collect::<Vec<_>>();
    let (open, few) = (of(Finding::Undecided), of(Finding::TooFewSplits));
    let mut sentences = Vec::new();
    let subject = if analysis.options.against.is_some() { subject(analysis, one) + " is u" } else { "U".to_owned() };
    if !open.is_empty() {
        let difference = |other: &Versus<'_>| {
            let gain = other.gain.map(|gain| {
                format!(
                    " (difference {}, {} on this pool)",
                    number(analysis, gain.mean),
                    interval(analysis, gain.this_pool)
                )
            });
            gain.unwrap_or_default()
        };
        sentences.push(format!("{subject}ndecided against {}.", named(&open, difference)));
    }
    // where everything has too few splits, the first sentence says so
    if !few.is_empty() && analysis.candidates[one].splits >= MIN_SPLITS {
        let shared = |other: &Versus<'_>| format!(" ({} shared)", other.shared);
        sentences.push(format!(
            "Too few splits in common for any verdict, which takes {MIN_SPLITS}: {}.",
            named(&few, shared)
        ));
    }
    sentences.extend(more_splits(others));
    sentences.extend(never(analysis, others));
    sentences
}

/// The pairs that more splits would settle for new data, by how likely that is.
fn more_splits(others: &[Versus<'_>]) -> Vec<String> {
    let likely: Vec<_> = others.iter().filter(|other| matches!(other.settle, Some(Outlook::Likely { .. }))).collect();
    let even: Vec<_> = others.iter().filter(|other| matches!(other.settle, Some(Outlook::Even { .. }))).collect();
    let unlikely: Vec<_> = others.iter().filter(|other| matches!(other.settle, Some(Outlook::Unlikely))).collect();
    let detail = |other: &Versus<'_>| match other.settle {
        Some(Outlook::Likely { splits, probability } | Outlook::Even { splits, probability }) => {
            format!(" ({}, {probability:.2})", plural(u64::from(splits), "more split"))
        }
        _ => String::new(),
    };
    let mut sentences = Vec::new();
    if !likely.is_empty() {
        let names = named(&likely, detail);
        sentences.push(format!("More splits of this pool would likely settle it for new data against {names}."));
    }
    if !even.is_empty() {
        let names = named(&even, detail);
        sentences.push(format!("More splits would settle it for new data in about one sweep of two against {names}."));
    }
    if !unlikely.is_empty() {
        let names = named(&unlikely, detail);
        sentences.push(format!(
            "However many more splits of this pool, they settle it for new data in fewer than one sweep of two against {names}."
        ));
    }
    sentences
}

/// Differences that these cases cannot show for new data.
fn never(analysis: &Analysis, others: &[Versus<'_>]) -> Option<String> {
    let never: Vec<_> = others.iter().filter(|other| matches!(other.settle, Some(Outlook::Never { .. }))).collect();
    let detail = |other: &Versus<'_>| match (other.settle, other.gain) {
        (Some(Outlook::Never { needed }), Some(gain)) => {
            format!(" ({} of {})", number(analysis, gain.mean.abs()), number(analysis, needed))
        }
        _ => String::new(),
    };
    let cases = analysis.pool.map_or_else(|| "these".to_owned(), |pool| format!("these {pool}"));
    (!never.is_empty()).then(|| {
        format!(
            "No number of splits of {cases} cases settles it for new data: even known perfectly, the difference is less than what that takes against {}. Test fewer cases a split, or add cases.",
            named(&never, detail)
        )
    })
}

/// What more splits would do, in a cell.
#[must_use]
pub fn settles(settle: Outlook) -> String {
    match settle {
        Outlook::Likely { splits, probability } => {
            format!("{} ({probability:.2})", plural(u64::from(splits), "more split"))
        }
        Outlook::Even { splits, probability } => {
            format!("one in two: {} ({probability:.2})", plural(u64::from(splits), "more split"))
        }
        Outlook::Unlikely => "unlikely".to_owned(),
        Outlook::Never { needed } => format!("never: takes {}", text::number(needed)),
    }
}

/// How large a difference must be to be seen at all.
pub(super) fn detectable(analysis: &Analysis) -> Option<String> {
    let power = &analysis.power;
    let sd = power.typical_sd.filter(|sd| *sd > 0.0 && analysis.splits >= MIN_SPLITS)?;
    let now = power.detectable.iter().find(|detectable| detectable.splits == analysis.splits)?;
    let [pool, new, pool_all, new_all] =
        [now.this_pool?, now.new_data?, now.this_pool_all_pairs?, now.new_data_all_pairs?]
            .map(|effect| number(analysis, effect * sd));
    let all = if power.pairs > 1 {
        format!(", and as one of {} pairs by {pool_all} and {new_all}", power.pairs)
    } else {
        String::new()
    };
    Some(format!(
        "With {} two candidates are told apart four times out of five if they differ by {pool} on this pool and by {new} for new data{all}.",
        splits(now.splits),
    ))
}
