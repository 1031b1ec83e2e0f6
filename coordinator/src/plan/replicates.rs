//! The section `replicates` -> seeds.
//!
//! ```text
//!  {split_seeds: 12}                                   the other seeds are the split seeds
//!  {split_seeds: 12, init_seeds: 7}                    7 is the initial seed of all (as is [7])
//!  {split_seeds: [3, 5], init_seeds: [1, 2]}           two replicates: 3 with 1, 5 with 2
//!  {split_seeds: 4, init_seeds: 3, order_seeds: 2}     three counts are crossed: 24 replicates
//!  {.., crossed: true}                                 crosses lists and ranges too; `false` never crosses
//! ```

use proto::file::{Mistake, Node, Section};
use proto::spec::Seeds;
use serde_yaml::Value;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Maximum seed: the largest whole number that every reader of JSON keeps exactly.
pub(super) const MAX_SEED: u64 = (1 << 53) - 1;

/// The keys of the streams.
const STREAMS: [&str; 3] = ["split_seeds", "init_seeds", "order_seeds"];

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

    /// The shortest form of a list.
    fn of(seeds: Vec<u64>) -> Self {
        match seeds.first() {
            Some(from) if (*from..).zip(&seeds).all(|(expected, seed)| expected == *seed) => {
                Self::Range { from: *from, count: seeds.len() as u64 }
            }
            _ => Self::List(seeds),
        }
    }

    /// The greatest seed; no list is empty.
    pub(super) fn greatest(&self) -> u64 {
        match self {
            Self::Range { from, count } => from + count - 1,
            Self::List(seeds) => seeds.iter().copied().max().unwrap_or_default(),
        }
    }

    /// The same and so many more: the whole numbers after the greatest.
    pub(super) fn and(&self, more: u64) -> Self {
        match self {
            Self::Range { from, count } => Self::Range { from: *from, count: count + more },
            Self::List(seeds) => Self::List(seeds.iter().copied().chain(self.after(more)).collect()),
        }
    }

    /// So many whole numbers after the greatest.
    pub(super) fn after(&self, more: u64) -> RangeInclusive<u64> {
        self.greatest() + 1..=self.greatest() + more
    }

    fn seeds(&self) -> Vec<u64> {
        match self {
            Self::Range { from, count } => (*from..from + count).collect(),
            Self::List(seeds) => seeds.clone(),
        }
    }

    /// The list, or both ends of the range.
    fn written(&self) -> Value {
        match self {
            Self::Range { from, count } => {
                let ends = [("from", *from), ("to", from + count - 1)];
                Value::Mapping(ends.into_iter().map(|(key, end)| (key.into(), end.into())).collect())
            }
            Self::List(seeds) => seeds.clone().into(),
        }
    }

    /// Reads a list, or a range `{from: .., to: ..}` with both ends.
    fn read(node: &Node<'_>) -> Option<Self> {
        if node.is_mapping() {
            return Self::range(node);
        }
        let items = node.items()?;
        if items.is_empty() {
            node.reject_key(Mistake::EmptyList);
            return None;
        }
        let seeds: Vec<Option<u64>> = items.iter().map(|item| item.whole(0..=MAX_SEED)).collect();
        Some(Self::List(seeds.into_iter().collect::<Option<_>>()?))
    }

    fn range(node: &Node<'_>) -> Option<Self> {
        let range = Section::read(node, &["from", "to"])?;
        let end = |key| range.required(key, |node| node.whole(0..=MAX_SEED));
        let (from, to) = (end("from"), end("to"));
        let (from, to) = (from?, to?);
        if to < from {
            node.reject(Mistake::EmptyRange { from, to });
            return None;
        }
        Some(Self::Range { from, count: to - from + 1 })
    }
}

/// The seeds of the replicates, not yet written out.
#[derive(Debug)]
pub(super) struct Replicates<'a> {
    split: SeedList,
    /// The split seeds where not given; one, or as many as split seeds, unless crossed.
    init: Option<SeedList>,
    order: Option<SeedList>,
    /// Whether every combination is a replicate.
    crossed: bool,
    node: Option<Node<'a>>,
}

impl<'a> Replicates<'a> {
    /// Reads the section. Without split seeds they are those that the `scheme` of splitting has, else the seed 0.
    pub(super) fn read(node: Option<&Node<'a>>, scheme: Option<Vec<u64>>) -> Option<Self> {
        let one = scheme.map_or(SeedList::Range { from: 0, count: 1 }, SeedList::of);
        let Some(node) = node else {
            return Some(Self { split: one, init: None, order: None, crossed: false, node: None });
        };
        let section = Section::read(node, &[STREAMS[0], STREAMS[1], STREAMS[2], "crossed"])?;
        let crossed = section.optional("crossed", are_counts(&section), Node::truth)?;
        let (split, init, order) = if crossed {
            let [split, init, order] = STREAMS.map(|stream| section.required(stream, counted));
            (split, init.map(Some), order.map(Some))
        } else {
            let split = section.optional(STREAMS[0], one, counted);
            let expected = split.as_ref().map(SeedList::len);
            let [init, order] = [STREAMS[1], STREAMS[2]].map(|stream| following(section.get(stream), expected));
            (split, init, order)
        };
        let node = section.get(STREAMS[0]).or(Some(node)).cloned();
        Some(Self { split: split?, init: init?, order: order?, crossed, node })
    }

    /// Number of replicates; `None` beyond 2^128.
    pub(super) fn len(&self) -> Option<u128> {
        let crossed = [&self.init, &self.order].into_iter().flatten().filter(|_| self.crossed).map(SeedList::len);
        crossed.map(u128::from).try_fold(self.split.len().into(), u128::checked_mul)
    }

    /// The split seeds.
    pub(super) fn split(&self) -> &SeedList {
        &self.split
    }

    /// Whether further split seeds have their other seeds: these are not listed one by one.
    pub(super) fn is_open(&self) -> bool {
        let is_open = |seeds: &Option<SeedList>| seeds.as_ref().is_none_or(|seeds| seeds.len() == 1);
        self.crossed || is_open(&self.init) && is_open(&self.order)
    }

    /// The same with those split seeds, if they [are open](Self::is_open).
    pub(super) fn with_split(self, split: SeedList) -> Self {
        Self { split, ..self }
    }

    /// Extends the split seeds until there are `len` replicates, as `node` asks for.
    pub(super) fn lengthen(&mut self, len: u64, node: &Node<'_>) -> Option<()> {
        let is_open = !self.crossed && self.is_open();
        match &mut self.split {
            SeedList::Range { from, count } if is_open => {
                *count = len.min(MAX_SEED - *from + 1);
                Some(())
            }
            _ => {
                node.reject_key(Mistake::NoMoreSeeds);
                None
            }
        }
    }

    /// The section as a file has it, with the `least` replicates that `until` extends. Seeds that follow the split seeds are left out.
    pub(super) fn sections(&self, least: Option<u32>) -> Vec<(&'static str, Value)> {
        let split = match (&self.split, least) {
            (SeedList::Range { from, .. }, Some(least)) => {
                SeedList::Range { from: *from, count: least.into() }.written()
            }
            (split, _) => split.written(),
        };
        let mut sections = vec![(STREAMS[0], split)];
        let others = [(STREAMS[1], &self.init), (STREAMS[2], &self.order)];
        sections.extend(others.into_iter().filter_map(|(stream, seeds)| Some((stream, seeds.as_ref()?.written()))));
        sections.push(("crossed", self.crossed.into()));
        sections
    }

    /// Where their number is given.
    pub(super) fn node(&self) -> Option<&Node<'a>> {
        self.node.as_ref()
    }

    /// Writes the seeds out; only for a length that was checked.
    pub(super) fn expand(&self) -> Option<Vec<Seeds>> {
        let replicates = if self.crossed { self.crossed() } else { self.along() };
        let mut first = HashMap::new();
        for (index, seeds) in replicates.iter().enumerate() {
            if let Some(earlier) = first.insert(seeds, index) {
                let mistake = Mistake::DuplicateReplicate { first: earlier + 1, second: index + 1 };
                self.node()?.reject(mistake);
                return None;
            }
        }
        Some(replicates)
    }

    /// One replicate per split seed, with the initial and the order seed at the same position.
    fn along(&self) -> Vec<Seeds> {
        let split = self.split.seeds();
        let along = |seeds: &Option<SeedList>| match seeds {
            None => split.clone(),
            Some(seeds) if seeds.len() == 1 => seeds.seeds().repeat(split.len()),
            Some(seeds) => seeds.seeds(),
        };
        let seeds = split.iter().zip(along(&self.init)).zip(along(&self.order));
        seeds.map(|((&split_seed, init_seed), order_seed)| Seeds { split_seed, init_seed, order_seed }).collect()
    }

    /// Every combination. The split seeds vary fastest, so that a sweep that is cut short has every split once.
    fn crossed(&self) -> Vec<Seeds> {
        let [init, order] =
            [&self.init, &self.order].map(|seeds| seeds.iter().flat_map(SeedList::seeds).collect::<Vec<_>>());
        let split = self.split.seeds();
        let mut replicates = Vec::with_capacity(split.len() * init.len() * order.len());
        for &order_seed in &order {
            for &init_seed in &init {
                replicates.extend(split.iter().map(|&split_seed| Seeds { split_seed, init_seed, order_seed }));
            }
        }
        replicates
    }
}

/// Whether the seeds of all three streams are given as counts. A 0 is not a count: it is the seed 0 for all.
fn are_counts(section: &Section<'_>) -> bool {
    STREAMS.iter().all(|stream| section.get(stream).is_some_and(Node::is_positive))
}

/// A count n (the seeds 0 to n - 1), a list or a range.
fn counted(node: &Node<'_>) -> Option<SeedList> {
    if node.is_list() || node.is_mapping() {
        return SeedList::read(node);
    }
    node.whole(1..=MAX_SEED).map(|count| SeedList::Range { from: 0, count })
}

/// Seeds that follow the split seeds unless given: the outer `None` is a mistake, the inner one an absent key.
fn following(node: Option<&Node<'_>>, expected: Option<u64>) -> Option<Option<SeedList>> {
    let Some(node) = node else { return Some(None) };
    if !node.is_list() && !node.is_mapping() {
        let one = node.whole(0..=MAX_SEED)?;
        return Some(Some(SeedList::List(vec![one])));
    }
    let seeds = SeedList::read(node)?;
    match expected {
        Some(expected) if seeds.len() != 1 && seeds.len() != expected => {
            node.reject(Mistake::SeedCount { found: seeds.len(), expected });
            None
        }
        _ => Some(Some(seeds)),
    }
}
