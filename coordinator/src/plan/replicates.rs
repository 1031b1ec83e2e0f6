//! The section `replicates` -> seeds.

use super::errors::Problems;
use super::node::{Node, Section};
use super::problem::Problem;
use proto::spec::Seeds;
use std::collections::HashMap;

/// Greatest seed: the greatest whole number that every reader of JSON keeps exactly.
const GREATEST_SEED: u64 = (1 << 53) - 1;

/// A list of seeds that is not yet written out.
#[derive(Debug, Clone)]
pub(super) enum SeedList {
    /// Consecutive seeds.
    Range { from: u64, count: u64 },
    /// Any seeds.
    List(Vec<u64>),
}

impl SeedList {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Range { count, .. } => *count,
            Self::List(seeds) => seeds.len() as u64,
        }
    }

    fn seeds(&self) -> Vec<u64> {
        match self {
            Self::Range { from, count } => (*from..from + count).collect(),
            Self::List(seeds) => seeds.clone(),
        }
    }

    /// Reads a list, or a range `{from: .., to: ..}` with both ends.
    fn read(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        if node.is_mapping() {
            return Self::range(node, problems);
        }
        let items = node.items(problems)?;
        if items.is_empty() {
            return node.reject_key(Problem::EmptyList, problems);
        }
        let seeds: Vec<Option<u64>> = items.iter().map(|item| item.whole(0..=GREATEST_SEED, problems)).collect();
        Some(Self::List(seeds.into_iter().collect::<Option<_>>()?))
    }

    fn range(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let range = Section::read(node.clone(), &["from", "to"], problems)?;
        let mut end = |key| -> Option<u64> {
            let node = range.required(key, problems)?;
            node.whole(0..=GREATEST_SEED, problems)
        };
        let (from, to) = (end("from"), end("to"));
        let (from, to) = (from?, to?);
        if to < from {
            return node.reject(Problem::EmptyRange { from, to }, problems);
        }
        Some(Self::Range { from, count: to - from + 1 })
    }
}

/// The seeds of the replicates, not yet written out.
#[derive(Debug)]
pub(super) struct Replicates<'a> {
    split: SeedList,
    /// One, or as many as split seeds; the split seeds where not given.
    init: Option<SeedList>,
    order: Option<SeedList>,
    node: Option<Node<'a>>,
}

impl<'a> Replicates<'a> {
    /// Reads the section; one replicate with the seeds 0 where there is none.
    pub(super) fn read(node: Option<&Node<'a>>, problems: &mut Problems) -> Option<Self> {
        let one = SeedList::Range { from: 0, count: 1 };
        let Some(node) = node else { return Some(Self { split: one, init: None, order: None, node: None }) };
        let section = Section::read(node.clone(), &["split_seeds", "init_seeds", "order_seeds"], problems)?;
        let split = match section.get("split_seeds") {
            None => Some(one),
            Some(node) if node.is_list() || node.is_mapping() => SeedList::read(node, problems),
            Some(node) => node.whole(1..=GREATEST_SEED, problems).map(|count| SeedList::Range { from: 0, count }),
        };
        let expected = split.as_ref().map(SeedList::len);
        let init = following(section.get("init_seeds"), expected, problems);
        let order = following(section.get("order_seeds"), expected, problems);
        let node = section.get("split_seeds").or(Some(node)).cloned();
        Some(Self { split: split?, init: init?, order: order?, node })
    }

    /// Number of replicates.
    pub(super) fn len(&self) -> u64 {
        self.split.len()
    }

    /// Goes on with the split seeds until there are `len` replicates, at the wish of `node`.
    pub(super) fn lengthen(&mut self, len: u64, node: &Node<'_>, problems: &mut Problems) -> Option<()> {
        let is_open = |seeds: &Option<SeedList>| seeds.as_ref().is_none_or(|seeds| seeds.len() == 1);
        match &mut self.split {
            SeedList::Range { from, count } if is_open(&self.init) && is_open(&self.order) => {
                *count = len.min(GREATEST_SEED - *from + 1);
                Some(())
            }
            _ => node.reject_key(Problem::NoMoreSeeds, problems),
        }
    }

    /// Where their number is given.
    pub(super) fn node(&self) -> Option<&Node<'a>> {
        self.node.as_ref()
    }

    /// Writes the seeds out; only for a length that was checked.
    pub(super) fn expand(&self, problems: &mut Problems) -> Option<Vec<Seeds>> {
        let split = self.split.seeds();
        let along = |seeds: &Option<SeedList>| -> Vec<u64> {
            match seeds {
                None => split.clone(),
                Some(seeds) if seeds.len() == 1 => seeds.seeds().repeat(split.len()),
                Some(seeds) => seeds.seeds(),
            }
        };
        let (init, order) = (along(&self.init), along(&self.order));
        let mut first = HashMap::new();
        let mut replicates = Vec::with_capacity(split.len());
        for (index, ((&split_seed, init_seed), order_seed)) in split.iter().zip(init).zip(order).enumerate() {
            let seeds = Seeds { split_seed, init_seed, order_seed };
            if let Some(earlier) = first.insert(seeds, index) {
                let problem = Problem::DuplicateReplicate { first: earlier + 1, second: index + 1 };
                return self.node()?.reject(problem, problems);
            }
            replicates.push(seeds);
        }
        Some(replicates)
    }
}

/// Seeds that follow the split seeds unless given: the outer `None` is a mistake, the inner one an absent key.
fn following(node: Option<&Node<'_>>, expected: Option<u64>, problems: &mut Problems) -> Option<Option<SeedList>> {
    let Some(node) = node else { return Some(None) };
    if !node.is_list() && !node.is_mapping() {
        let one = node.whole(0..=GREATEST_SEED, problems)?;
        return Some(Some(SeedList::List(vec![one])));
    }
    let seeds = SeedList::read(node, problems)?;
    match expected {
        Some(expected) if seeds.len() != 1 && seeds.len() != expected => {
            node.reject(Problem::SeedCount { found: seeds.len(), expected }, problems)
        }
        _ => Some(Some(seeds)),
    }
}
