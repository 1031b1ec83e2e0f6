//! Pairs of rows -> a family of comparisons.
//!
//! ```text
//!  two rows --draft--> differences on shared splits, and what they say by themselves
//!  all pairs --Holm, Benjamini-Hochberg, sign flips--> what they say together --> Family
//! ```
//!
//! Thousands of candidates make millions of pairs. Each takes part in the corrections, which need two numbers of it; compared in
//! full are only the pairs that are kept.

use super::grid::{End, Grid, GridRow};
use super::options::Options;
use super::pair::{Clustered, Comparison, Family, Finding, Flips, Pair, Posterior, Settle, Superiority};
use super::performance::NewData;
use super::student::Students;
use crate::stats::clustered::Cells;
use crate::stats::flips::{self, FlipTest};
use crate::stats::interval::wilson_at;
use crate::stats::multiple::SortedFamily;
use crate::stats::paired::Moments;
use crate::stats::posterior::Correlated;
use crate::stats::power::Needed;
use crate::stats::{Interval, Wilcoxon, superiority};
use rayon::prelude::*;
use std::borrow::Cow;

/// What pairs are compared with.
pub(super) struct Pairing<'a> {
    pub(super) grid: &'a Grid,
    pub(super) students: &'a Students,
    pub(super) options: &'a Options,
    pub(super) ratio: f64,
}

/// What two rows say by themselves.
struct Draft {
    rows: (usize, usize),
    without_score: usize,
    split_differs: usize,
    shared: usize,
    alone: Option<Alone>,
}

/// The numbers of a pair with at least two shared splits.
struct Alone {
    moments: Moments,
    p_new_data: f64,
    p_wilcoxon: f64,
    superiority: f64,
    new_cases: Option<Clustered>,
}

/// What the family says of a pair.
struct Together {
    holm: f64,
    bh: f64,
    flip: f64,
    max_t: f64,
}

/// Room that one thread uses for pair after pair.
#[derive(Default)]
struct Scratch {
    differences: Vec<f64>,
    wilcoxon: Wilcoxon,
    cells: Cells,
}

/// Two rows, by their indices in the grid. Millions of them are kept for a while: they have 8 bytes each.
pub(super) type RowPair = (u32, u32);

/// What the corrections need of all pairs that share two splits.
struct OfAll<'a> {
    p_new_data: SortedFamily,
    /// Median of the standard deviations of their differences; `None` without any.
    typical_sd: Option<f64>,
    /// Which they are.
    tested: Cow<'a, [RowPair]>,
}

/// A family, and how large its differences are.
pub(super) struct Compared {
    pub(super) family: Family,
    /// Median of the standard deviations of the differences of all pairs; `None` without any.
    pub(super) typical_sd: Option<f64>,
    /// Number of pairs that share two splits.
    pub(super) tested: usize,
}

impl Pairing<'_> {
    /// Compares pairs of rows, in ascending order, as one family, and keeps some of them.
    pub(super) fn family(&self, pairs: &[RowPair], keep: impl Fn((usize, usize)) -> bool) -> Compared {
        let kept: Vec<usize> = (0..pairs.len()).filter(|place| keep(rows(pairs[*place]))).collect();
        let drafts: Vec<Draft> = kept
            .par_iter()
            .map_init(Scratch::default, |scratch, place| self.draft(rows(pairs[*place]), scratch))
            .collect();
        let is_tested = |place: &usize| drafts[*place].alone.is_some();
        let tested: Vec<usize> = (0..drafts.len()).filter(is_tested).collect();
        let raw: Vec<f64> = drafts.iter().filter_map(|draft| Some(draft.alone.as_ref()?.p_new_data)).collect();
        let OfAll { p_new_data, typical_sd, tested: all_tested } = self.of_all(pairs);
        let (holm, bh) = rayon::join(|| p_new_data.holm(&raw), || p_new_data.benjamini_hochberg(&raw));
        drop(p_new_data);
        let wanted = tested.iter().filter_map(|place| all_tested.binary_search(&pairs[kept[*place]]).ok());
        let test = self.flip(&all_tested, &wanted.collect::<Vec<_>>());
        let count = all_tested.len();
        let mut together: Vec<Option<Together>> = drafts.iter().map(|_| None).collect();
        for (place, index) in tested.iter().enumerate() {
            let (flip, max_t) = (test.p[place], test.p_max[place]);
            together[*index] = Some(Together { holm: holm[place], bh: bh[place], flip, max_t });
        }
        let level = self.options.alpha / count.max(1) as f64;
        let needed = Needed::new(self.ratio, level, self.options.power);
        let finish = |(draft, together)| self.pair(draft, together, &needed);
        let family = Family {
            pairs: drafts.into_par_iter().zip(together).map(finish).collect(),
            count: pairs.len(),
            flips: Flips { count: test.count, exact: test.exact },
        };
        Compared { family, typical_sd, tested: count }
    }

    /// The numbers of all pairs that share two splits.
    fn of_all<'p>(&self, pairs: &'p [RowPair]) -> OfAll<'p> {
        let moments = pairs.par_iter().map_init(Vec::new, |differences, pair| {
            self.moments(rows(*pair), differences).map_or((f64::NAN, f64::NAN), |of| (self.p_new_data(&of), of.sd))
        });
        let (mut p, mut sds) = (Vec::new(), Vec::new());
        moments.unzip_into_vecs(&mut p, &mut sds);
        let tested = if p.iter().any(|p| p.is_nan()) {
            pairs.iter().zip(&p).filter(|(_, p)| !p.is_nan()).map(|(pair, _)| *pair).collect()
        } else {
            Cow::Borrowed(pairs)
        };
        p.retain(|p| !p.is_nan());
        sds.retain(|sd| !sd.is_nan());
        OfAll { p_new_data: SortedFamily::of(p), typical_sd: median(sds), tested }
    }

    /// Wilcoxon's p of each pair; NaN for fewer than two shared splits.
    pub(super) fn wilcoxon(&self, pairs: &[RowPair]) -> Vec<f64> {
        let p = pairs.par_iter().map_init(Scratch::default, |scratch, pair| {
            let is_tested = self.moments(rows(*pair), &mut scratch.differences).is_some();
            if is_tested { scratch.wilcoxon.test(&scratch.differences).1 } else { f64::NAN }
        });
        p.collect()
    }

    fn moments(&self, (a, b): (usize, usize), differences: &mut Vec<f64>) -> Option<Moments> {
        let (a, b) = (&self.grid.rows[a], &self.grid.rows[b]);
        differences.clear();
        differences.extend(self.differences(a, b).filter(|difference| !difference.is_nan()));
        Moments::of(differences)
    }

    fn p_new_data(&self, moments: &Moments) -> f64 {
        moments.p_by(self.students.student(moments.n), self.ratio)
    }

    fn draft(&self, rows: (usize, usize), scratch: &mut Scratch) -> Draft {
        let (a, b) = (&self.grid.rows[rows.0], &self.grid.rows[rows.1]);
        let moments = self.moments(rows, &mut scratch.differences);
        let replicates = 0..a.scores.len();
        let ended = |row: &GridRow, replicate: usize| row.ends[replicate] != End::Missing;
        let without = |row: &GridRow, replicate: usize| row.ends[replicate] == End::WithoutScore;
        Draft {
            rows,
            without_score: replicates.clone().filter(|index| without(a, *index) || without(b, *index)).count(),
            split_differs: replicates.filter(|r| ended(a, *r) && ended(b, *r) && !same_split(a, b, *r)).count(),
            shared: scratch.differences.len(),
            alone: moments.map(|moments| self.alone(a, b, moments, scratch)),
        }
    }

    fn alone(&self, a: &GridRow, b: &GridRow, moments: Moments, scratch: &mut Scratch) -> Alone {
        let share = superiority::paired(&scratch.differences).unwrap_or(0.5);
        Alone {
            p_new_data: self.p_new_data(&moments),
            p_wilcoxon: scratch.wilcoxon.test(&scratch.differences).1,
            superiority: if self.grid.higher_is_better { share } else { 1.0 - share },
            new_cases: self.new_cases(a, b, &mut scratch.cells),
            moments,
        }
    }

    /// The mean difference on each split over the replicates that the two share; NaN where they share none.
    fn differences(&self, a: &GridRow, b: &GridRow) -> impl Iterator<Item = f64> {
        self.grid.splits.iter().map(move |split| {
            let shared = split.iter().filter(|replicate| shares(a, b, **replicate));
            super::grid::mean(shared.map(|replicate| a.scores[*replicate] - b.scores[*replicate]))
        })
    }

    fn new_cases(&self, a: &GridRow, b: &GridRow, cells: &mut Cells) -> Option<Clustered> {
        cells.clear(self.grid.tested);
        for (split, list) in self.grid.cases.iter().enumerate() {
            let (of_a, of_b) = (&a.cases[split], &b.cases[split]);
            let is_one = || self.grid.splits[split].iter().all(|replicate| shares(a, b, *replicate));
            if !of_a.is_empty() && !of_b.is_empty() && is_one() {
                cells.add_split(list, of_a, of_b);
            }
        }
        let found = cells.mean()?;
        let deviation = found.variance.sqrt();
        let t = if found.mean == 0.0 { 0.0 } else { found.mean / deviation };
        Some(Clustered {
            mean: found.mean,
            variance: found.variance,
            interval: Interval::around(found.mean, self.students.critical(found.splits) * deviation),
            p: self.students.student(found.splits).two_sided(t),
            cases: found.cases,
        })
    }

    /// The sign flips of all pairs that share two splits; those of the wanted ones have p-values.
    fn flip(&self, pairs: &[RowPair], wanted: &[usize]) -> FlipTest {
        let splits = self.grid.splits.len();
        let is_whole = |row: &GridRow| {
            row.by_split.iter().all(|score| !score.is_nan()) && row.split_ids.iter().all(|split| *split <= 1)
        };
        let whole: Vec<bool> = self.grid.rows.iter().map(is_whole).collect();
        let rows: Vec<Vec<f64>> = self.grid.rows.iter().map(|row| row.by_split.clone()).collect();
        let differences = |a: usize, b: usize| -> Vec<f64> {
            let differences = self.differences(&self.grid.rows[a], &self.grid.rows[b]);
            differences.map(|difference| if difference.is_nan() { 0.0 } else { difference }).collect()
        };
        let family = flips::Family { rows: &rows, whole: &whole, pairs, wanted, differences: &differences };
        flips::flip_test(&family, splits, self.options.seed)
    }

    fn pair(&self, draft: Draft, together: Option<Together>, needed: &Needed) -> Pair {
        let comparison = draft.alone.zip(together).map(|(alone, together)| self.comparison(&alone, &together));
        let finding = comparison.as_ref().map_or(Finding::Undecided, |comparison| self.finding(comparison));
        let undecided = matches!(finding, Finding::Undecided | Finding::BetterOnThisPool | Finding::WorseOnThisPool);
        let (first, second) = draft.rows;
        Pair {
            first,
            second: second.checked_sub(self.grid.candidates).unwrap_or(second),
            shared: draft.shared,
            without_score: draft.without_score,
            split_differs: draft.split_differs,
            settle: comparison
                .as_ref()
                .filter(|_| undecided)
                .and_then(|numbers| self.settle(numbers, draft.shared, needed)),
            comparison,
            finding,
        }
    }

    fn comparison(&self, alone: &Alone, together: &Together) -> Comparison {
        let Alone { moments, .. } = alone;
        let student = self.students.student(moments.n);
        let oriented = Moments { mean: self.grid.sign() * moments.mean, ..*moments };
        let [worse, equivalent, better] = Correlated::of(&oriented, self.ratio).split_by(student, self.options.rope);
        let wins = alone.superiority * moments.n as f64;
        Comparison {
            mean: moments.mean,
            sd: moments.sd,
            this_pool: self.students.interval(moments, 0.0),
            new_data: NewData { ratio: self.ratio, interval: self.students.interval(moments, self.ratio) },
            p_this_pool: moments.p_by(student, 0.0),
            p_new_data: alone.p_new_data,
            p_holm: together.holm,
            p_bh: together.bh,
            p_flip: together.flip,
            p_max_t: together.max_t,
            p_wilcoxon: alone.p_wilcoxon,
            superiority: Superiority {
                share: alone.superiority,
                interval: wilson_at(wins, moments.n, self.students.z),
            },
            posterior: Posterior { worse, equivalent, better },
            new_cases: alone.new_cases,
        }
    }

    fn finding(&self, numbers: &Comparison) -> Finding {
        let Options { alpha, rope, .. } = *self.options;
        let is_better = self.grid.sign() * numbers.mean > 0.0;
        let rope = Interval { low: -rope, high: rope };
        if numbers.p_holm <= alpha {
            if is_better { Finding::Better } else { Finding::Worse }
        } else if numbers.posterior.equivalent >= 1.0 - alpha || numbers.new_data.interval.is_within(rope) {
            Finding::PracticallyEquivalent
        } else if numbers.p_max_t <= alpha {
            if is_better { Finding::BetterOnThisPool } else { Finding::WorseOnThisPool }
        } else {
            Finding::Undecided
        }
    }

    fn settle(&self, numbers: &Comparison, shared: usize, needed: &Needed) -> Option<Settle> {
        if numbers.sd == 0.0 || numbers.mean == 0.0 {
            return None;
        }
        match needed.splits(numbers.mean / numbers.sd) {
            Some(splits) => Some(Settle::MoreSplits(splits.saturating_sub(shared as u64).max(1))),
            None => (self.ratio > 0.0).then_some(Settle::NeverWithThisRatio),
        }
    }
}

fn rows((a, b): RowPair) -> (usize, usize) {
    (a as usize, b as usize)
}

/// The middle number, or the mean of the middle two.
fn median(mut numbers: Vec<f64>) -> Option<f64> {
    let middle = numbers.len().checked_sub(1)? / 2;
    let is_even = numbers.len().is_multiple_of(2);
    let (_, low, above) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp).filter(|_| is_even);
    Some(next.map_or(*low, |high| (*low + high) / 2.0))
}

/// Whether both have a score of the replicate, on the same split.
fn shares(a: &GridRow, b: &GridRow, replicate: usize) -> bool {
    !a.scores[replicate].is_nan() && !b.scores[replicate].is_nan() && same_split(a, b, replicate)
}

/// Whether the two were tested on the same cases, as far as is known.
fn same_split(a: &GridRow, b: &GridRow, replicate: usize) -> bool {
    let (a, b) = (a.split_ids[replicate], b.split_ids[replicate]);
    a == b || a == 0 || b == 0
}
