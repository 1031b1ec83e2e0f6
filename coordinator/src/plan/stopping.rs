//! The sections `race` and `until` -> when candidates are looked at, and what may stop one of them.
//!
//! ```text
//!  race   gives up candidates that others beat, on a grid of replicates that the file lists     looks 5, 8, 12, ...
//!  until  adds replicates to those that the file lists, for candidates not yet precise          looks after each further one
//! ```
//!
//! A look stands at the end of a draw: the four turns of a rotation are one observation of its permutation, and are never torn apart.

use super::Plan;
use super::errors::Problems;
use super::node::{Interval, Node, Section};
use super::problem::Problem;
use super::replicates::Replicates;
use proto::spec::{Seeds, Split};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The looks of a race that names none; those beyond the sweep's replicates are left out.
const LOOKS: [u32; 5] = [5, 8, 12, 16, 20];
/// The chance of losing the best candidate that a race takes, unless its file says otherwise.
const ALPHA: f64 = 0.05;
/// Most replicates that `until` may ask for.
const MOST_REPLICATES: u64 = 10_000;

/// How a sweep may end for a candidate before its last replicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Numbers of replicates after which the candidates that are left are looked at, ascending.
    pub looks: Vec<u32>,
    /// What stops a candidate then.
    pub rule: Rule,
}

/// What stops a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Another is better.
    Race {
        /// The chance of losing the best candidate, all looks and all comparisons with it together.
        alpha: f64,
    },
    /// Its mean is known well enough.
    Until {
        /// Half of the width of its 95 % interval that is narrow enough, in units of the metric.
        half_width: f64,
    },
}

impl Plan {
    /// The draw that each replicate belongs to; see [`Split::draw`].
    #[must_use]
    pub fn draws(&self) -> Vec<u64> {
        let split = self.candidates.first().map(|candidate| candidate.template.split).unwrap_or_default();
        draws(&split, &self.replicates)
    }
}

fn draws(split: &Split, replicates: &[Seeds]) -> Vec<u64> {
    replicates.iter().map(|seeds| split.draw(seeds.split_seed)).collect()
}

/// The sections as the file has them, before the replicates are written out.
#[derive(Debug)]
pub(super) enum Sections<'a> {
    Race { alpha: f64, looks: Option<Vec<(Node<'a>, u32)>>, node: Node<'a> },
    Until { half_width: f64, least: u32 },
}

impl<'a> Sections<'a> {
    /// Reads the sections, of which a file has one at most; the inner `None` is that it has none. `until` lengthens the replicates.
    pub(super) fn read(
        root: &Section<'a>,
        replicates: Option<&mut Replicates<'a>>,
        problems: &mut Problems,
    ) -> Option<Option<Self>> {
        // `race: none` is the full grid, said aloud
        let race = root.get("race").filter(|node| !node.is_text("none"));
        match (race, root.get("until")) {
            (None, None) => Some(None),
            (Some(race), None) => Self::race(race, problems).map(Some),
            (None, Some(until)) => Self::until(until, replicates, problems).map(Some),
            (Some(_), Some(until)) => until.reject_key(Problem::Contradicts { other: "race" }, problems),
        }
    }

    fn race(node: &Node<'a>, problems: &mut Problems) -> Option<Self> {
        let section = Section::read(node.clone(), &["alpha", "looks"], problems)?;
        let alpha = section.optional("alpha", ALPHA, |node| node.real(Interval::Probability, problems));
        let looks = section.optional("looks", None, |node| looks(node, problems).map(Some));
        Some(Self::Race { alpha: alpha?, looks: looks?, node: node.clone() })
    }

    fn until(node: &Node<'a>, replicates: Option<&mut Replicates<'a>>, problems: &mut Problems) -> Option<Self> {
        let section = Section::read(node.clone(), &["half_width", "max_replicates"], problems)?;
        let half_width =
            section.required("half_width", problems).and_then(|node| node.real(Interval::Positive, problems));
        let most = section.required("max_replicates", problems);
        let replicates = replicates?;
        let least = u64::try_from(replicates.len()?).ok()?;
        let most = most.and_then(|node| {
            let most = node.whole::<u64>(least.max(1) + 1..=MOST_REPLICATES, problems)?;
            replicates.lengthen(most, node, problems)
        });
        most?;
        Some(Self::Until { half_width: half_width?, least: u32::try_from(least).ok()? })
    }

    /// When the sweep looks at its candidates.
    pub(super) fn expand(&self, split: &Split, replicates: &[Seeds], problems: &mut Problems) -> Option<Stopping> {
        let ends = ends(&draws(split, replicates));
        let (looks, rule): (Vec<u32>, _) = match self {
            Self::Race { alpha, looks, node } => {
                let looks = match looks {
                    Some(looks) => checked(looks, &ends, problems)?,
                    None => LOOKS.iter().filter_map(|look| ends.iter().copied().find(|end| end >= look)).collect(),
                };
                if looks.is_empty() {
                    let problem = Problem::NoLook { first: LOOKS[0], replicates: replicates.len() };
                    return node.reject_key(problem, problems);
                }
                (looks, Rule::Race { alpha: *alpha })
            }
            Self::Until { half_width, least } => {
                let all = replicates.len() as u32;
                let looks = ends.into_iter().filter(|end| end >= least && *end < all);
                (looks.collect(), Rule::Until { half_width: *half_width })
            }
        };
        let mut looks = looks;
        // two looks that fall on the end of one draw are one
        looks.dedup();
        Some(Stopping { looks, rule })
    }

    /// What the validation subset is needed for.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Race { .. } => "`race` decides by it",
            Self::Until { .. } => "`until` decides by it",
        }
    }
}

/// Reads a list of looks.
fn looks<'a>(node: &Node<'a>, problems: &mut Problems) -> Option<Vec<(Node<'a>, u32)>> {
    let items = node.items(problems)?;
    if items.is_empty() {
        return node.reject_key(Problem::EmptyList, problems);
    }
    let looks: Vec<_> =
        items.into_iter().map(|item| item.whole(2..=MOST_REPLICATES, problems).map(|look: u32| (item, look))).collect();
    looks.into_iter().collect()
}

/// The looks, if they ascend and each stands at the end of a draw.
fn checked(looks: &[(Node<'_>, u32)], ends: &[u32], problems: &mut Problems) -> Option<Vec<u32>> {
    let before = problems.len();
    let mut last = 0;
    for (node, look) in looks {
        if *look <= last {
            node.reject::<()>(Problem::NotAscending { before: last }, problems);
        } else if !ends.contains(look) {
            node.reject::<()>(Problem::LookWithinDraw { ends: ends.to_vec() }, problems);
        }
        last = *look;
    }
    (problems.len() == before).then(|| looks.iter().map(|(_, look)| *look).collect())
}

/// After how many replicates no draw is unfinished.
fn ends(draws: &[u64]) -> Vec<u32> {
    let last: HashMap<u64, usize> = draws.iter().enumerate().map(|(index, draw)| (*draw, index)).collect();
    let mut unfinished = 0;
    let ends = draws.iter().enumerate().filter_map(|(index, draw)| {
        unfinished = unfinished.max(last[draw]);
        (unfinished == index).then_some(index as u32 + 1)
    });
    ends.collect()
}

#[cfg(test)]
mod tests {
    use super::ends;

    #[test]
    fn a_look_never_tears_a_draw_apart() {
        assert_eq!(ends(&[7, 3, 5]), [1, 2, 3]);
        assert_eq!(ends(&[0, 0, 0, 0, 1, 1, 1, 1]), [4, 8]);
        assert_eq!(ends(&[0, 1, 0, 2]), [3, 4], "draw 0 ends with its second replicate");
    }
}
