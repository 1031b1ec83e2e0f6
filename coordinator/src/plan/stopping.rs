//! The sections `race` and `until` -> when the coordinator looks at the candidates, and which rule may stop one of them.
//!
//! ```text
//!  race   gives up candidates that others beat, on a grid of replicates that the file lists     looks 5, 8, 12, ...
//!  until  adds replicates to those that the file lists, for candidates not yet precise          looks after each further one
//! ```
//!
//! A look falls at the end of a draw: the turns of a permutation are one observation of it and stay together.

use super::Plan;
use super::replicates::Replicates;
use proto::file::{Interval, Mistake, Node, Section};
use proto::spec::{Seeds, Split};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The looks of a race that names none; those beyond the sweep's replicates are left out.
const LOOKS: [u32; 5] = [5, 8, 12, 16, 20];
/// The chance of losing the best candidate that a race takes, unless its file says otherwise.
const ALPHA: f64 = 0.05;
/// Maximum number of replicates that `until` may ask for.
const MAX_REPLICATES: u64 = 10_000;

/// How a sweep may end for a candidate before its last replicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Numbers of replicates after which the candidates that are left are looked at, ascending.
    pub looks: Vec<u32>,
    /// The rule that stops a candidate then.
    pub rule: Rule,
}

/// A rule that stops a candidate.
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
        draws(&self.drawn(), &self.replicates)
    }
}

fn draws(split: &Split, replicates: &[Seeds]) -> Vec<u64> {
    replicates.iter().map(|seeds| split.draw(seeds.split_seed)).collect()
}

/// The sections as the file has them, before the replicates are written out.
#[derive(Debug)]
pub(super) enum StoppingSection<'a> {
    Race { alpha: f64, looks: Option<Vec<(Node<'a>, u32)>>, node: Node<'a> },
    Until { half_width: f64, least: u32, most: u64 },
}

impl<'a> StoppingSection<'a> {
    /// Reads the sections, of which a file has one at most; the inner `None` is that it has none. `until` lengthens the replicates.
    pub(super) fn read(root: &Section<'a>, replicates: Option<&mut Replicates<'a>>) -> Option<Option<Self>> {
        // `race: none` says explicitly that every candidate has all replicates
        let race = root.get("race").filter(|node| !node.is_text("none"));
        match (race, root.get("until")) {
            (None, None) => Some(None),
            (Some(race), None) => Self::race(race).map(Some),
            (None, Some(until)) => Self::until(until, replicates).map(Some),
            (Some(_), Some(until)) => {
                until.reject_key(Mistake::Contradicts { other: "race" });
                None
            }
        }
    }

    fn race(node: &Node<'a>) -> Option<Self> {
        let section = Section::read(node, &["alpha", "looks"])?;
        let alpha = section.optional("alpha", ALPHA, |node| node.real(Interval::Probability));
        let looks = section.optional("looks", None, |node| looks(node).map(Some));
        Some(Self::Race { alpha: alpha?, looks: looks?, node: node.clone() })
    }

    fn until(node: &Node<'a>, replicates: Option<&mut Replicates<'a>>) -> Option<Self> {
        let section = Section::read(node, &["half_width", "max_replicates"])?;
        let half_width = section.required("half_width", |node| node.real(Interval::Positive));
        let most = section.required("max_replicates", |node| Some(node.clone()));
        let replicates = replicates?;
        let least = u64::try_from(replicates.len()?).ok()?;
        let most = most.and_then(|node| {
            let most = node.whole::<u64>(least.max(1) + 1..=MAX_REPLICATES)?;
            replicates.lengthen(most, &node).map(|()| most)
        });
        Some(Self::Until { half_width: half_width?, least: u32::try_from(least).ok()?, most: most? })
    }

    /// When the sweep looks at its candidates.
    pub(super) fn expand(&self, split: &Split, replicates: &[Seeds]) -> Option<Stopping> {
        let ends = ends(&draws(split, replicates));
        let (looks, rule): (Vec<u32>, _) = match self {
            Self::Race { alpha, looks, node } => {
                let looks = match looks {
                    Some(looks) => checked(looks, &ends)?,
                    None => LOOKS.iter().filter_map(|look| ends.iter().copied().find(|end| end >= look)).collect(),
                };
                if looks.is_empty() {
                    node.reject_key(Mistake::NoLook { first: LOOKS[0], replicates: replicates.len() });
                    return None;
                }
                (looks, Rule::Race { alpha: *alpha })
            }
            Self::Until { half_width, least, .. } => {
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

    /// Why the validation subset must have cases.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Race { .. } => "`race` decides by it",
            Self::Until { .. } => "`until` decides by it",
        }
    }
}

/// Reads a list of looks.
fn looks<'a>(node: &Node<'a>) -> Option<Vec<(Node<'a>, u32)>> {
    let items = node.items()?;
    if items.is_empty() {
        node.reject_key(Mistake::EmptyList);
        return None;
    }
    let looks: Vec<_> =
        items.into_iter().map(|item| item.whole(2..=MAX_REPLICATES).map(|look: u32| (item, look))).collect();
    looks.into_iter().collect()
}

/// The looks, if they ascend and each falls at the end of a draw.
fn checked(looks: &[(Node<'_>, u32)], ends: &[u32]) -> Option<Vec<u32>> {
    let replicates = ends.last().map_or(0, |end| *end);
    let (mut last, mut fits) = (0, true);
    for (node, look) in looks {
        let mistake = if *look <= last {
            Some(Mistake::NotAscending { before: last })
        } else if *look > replicates {
            Some(Mistake::LookBeyondReplicates { replicates, ends: ends.to_vec() })
        } else if !ends.contains(look) {
            Some(Mistake::LookWithinDraw { ends: ends.to_vec() })
        } else {
            None
        };
        fits &= mistake.is_none();
        mistake.into_iter().for_each(|mistake| node.reject(mistake));
        last = *look;
    }
    fits.then(|| looks.iter().map(|(_, look)| *look).collect())
}

/// The numbers of replicates after which every draw that has begun is complete.
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
