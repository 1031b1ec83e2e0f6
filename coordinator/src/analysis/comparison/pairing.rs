//! Pairs of rows -> a family of comparisons.
//!
//! ```text
//!  two rows --draft--> differences on shared splits, and what they say by themselves
//!  all pairs --Holm, Benjamini-Hochberg, sign flips--> what they say together --> Family
//! ```
//!
//! Thousands of candidates make millions of pairs. Each takes part in the corrections, which need two numbers of it; compared in
//! full are only the pairs that are kept. What the numbers of a pair come to is `decide`'s.

use super::decide::Decider;
use super::grid::{End, Grid, GridRow};
use super::options::Options;
use super::pair::{Family, Flips};
use super::student::Students;
use crate::stats::clustered::{self, Cells};
use crate::stats::distributions::StudentT;
use crate::stats::flips::{self, FlipTest};
use crate::stats::multiple::SortedFamily;
use crate::stats::paired::Moments;
use crate::stats::{Wilcoxon, superiority};
use rayon::prelude::*;
use std::borrow::Cow;

/// What pairs are compared with.
pub(super) struct Pairing<'a> {
    pub(super) grid: &'a Grid,
    pub(super) students: &'a Students,
    pub(super) options: &'a Options,
    pub(super) ratio: f64,
    /// Whether a correction for new data is known.
    pub(super) reaches_new_data: bool,
    /// Differences up to this size do not matter.
    pub(super) rope: f64,
}

/// What two rows say by themselves.
pub(super) struct Draft {
    pub(super) rows: (usize, usize),
    pub(super) without_score: usize,
    pub(super) split_differs: usize,
    pub(super) shared: usize,
    pub(super) with_failed: Option<f64>,
    pub(super) if_trained: Option<f64>,
    pub(super) alone: Option<Alone>,
}

/// The numbers of a pair with at least two shared splits.
pub(super) struct Alone {
    pub(super) moments: Moments,
    pub(super) p_new_data: f64,
    pub(super) p_wilcoxon: f64,
    pub(super) superiority: f64,
    pub(super) new_cases: Option<NewCases>,
}

/// The mean over all (case, split), for new cases.
#[derive(Clone, Copy)]
pub(super) struct NewCases {
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) p: f64,
    pub(super) cases: usize,
}

/// What the family says of a pair.
pub(super) struct Together {
    pub(super) holm: f64,
    pub(super) bh: f64,
    pub(super) flip: f64,
    pub(super) max_t: f64,
    /// `None` if the cases' scores are not known.
    pub(super) cases_holm: Option<f64>,
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
        let cases_holm = cases_holm(&drafts, count);
        let mut together: Vec<Option<Together>> = drafts.iter().map(|_| None).collect();
        for (place, index) in tested.iter().enumerate() {
            let (flip, max_t, cases_holm) = (test.p[place], test.p_max[place], cases_holm[*index]);
            together[*index] = Some(Together { holm: holm[place], bh: bh[place], flip, max_t, cases_holm });
        }
        let decider = Decider::new(self, count);
        let finish = |(draft, together)| decider.pair(draft, together);
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
            moments(self.grid, rows(*pair), differences)
                .map_or((f64::NAN, f64::NAN), |of| (self.p_new_data(&of), of.sd))
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
        OfAll { p_new_data: SortedFamily::of(p), typical_sd: super::median(sds), tested }
    }

    fn p_new_data(&self, moments: &Moments) -> f64 {
        self.resolved(moments).p_by(self.students.student(moments.n), self.ratio)
    }

    /// The moments with the deviation that a test may rely on: scores that come in steps hide a spread of at least `step / sqrt(12)`,
    /// that of a number within a step.
    pub(super) fn resolved(&self, moments: &Moments) -> Moments {
        Moments { sd: moments.sd.max(self.grid.resolution / 12.0_f64.sqrt()), ..*moments }
    }

    fn draft(&self, rows: (usize, usize), scratch: &mut Scratch) -> Draft {
        let (a, b) = (&self.grid.rows[rows.0], &self.grid.rows[rows.1]);
        let moments = moments(self.grid, rows, &mut scratch.differences);
        let replicates = 0..a.scores.len();
        let ended = |row: &GridRow, replicate: usize| row.ends[replicate] != End::Missing;
        let without = |row: &GridRow, replicate: usize| row.ends[replicate] == End::WithoutScore;
        let without_score = replicates.clone().filter(|index| without(a, *index) || without(b, *index)).count();
        Draft {
            rows,
            without_score,
            with_failed: (without_score > 0).then(|| self.with_failed(a, b)),
            if_trained: if_trained(a, b),
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

    /// The mean difference over the replicates on which both ended, with the pair's failed score where one of them has none.
    fn with_failed(&self, a: &GridRow, b: &GridRow) -> f64 {
        let both_ended = |replicate: &usize| a.ends[*replicate] != End::Missing && b.ends[*replicate] != End::Missing;
        let score = |row: &GridRow, replicate: usize| match row.ends[replicate] {
            End::WithoutScore => self.grid.failed_score(replicate, a.scores.iter().chain(&b.scores).copied()),
            _ => row.scores[replicate],
        };
        let ended = (0..a.scores.len()).filter(both_ended);
        super::grid::mean(ended.map(|replicate| score(a, replicate) - score(b, replicate)))
    }

    fn new_cases(&self, a: &GridRow, b: &GridRow, cells: &mut Cells) -> Option<NewCases> {
        cells.clear(self.grid.tested);
        for (split, list) in self.grid.cases.iter().enumerate() {
            let (of_a, of_b) = (&a.cases[split], &b.cases[split]);
            let is_one = || self.grid.splits[split].iter().all(|replicate| shares(a, b, *replicate));
            if !of_a.is_empty() && !of_b.is_empty() && is_one() {
                cells.add_split(list, of_a, of_b);
            }
        }
        let found = cells.mean()?;
        let variance = found.variance_for_new_cases();
        let t = if found.mean == 0.0 { 0.0 } else { found.mean / variance.sqrt() };
        let p = StudentT::new(clustered::DEGREES_OF_FREEDOM).two_sided(t);
        Some(NewCases { mean: found.mean, variance, p, cases: found.cases })
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
            let differences = differences(self.grid, a, b);
            differences.map(|difference| if difference.is_nan() { 0.0 } else { difference }).collect()
        };
        let family = flips::Family { rows: &rows, whole: &whole, pairs, wanted, differences: &differences };
        flips::flip_test(&family, splits, self.options.seed)
    }
}

/// Wilcoxon's p of each pair; NaN for fewer than two shared splits.
pub(super) fn wilcoxon(grid: &Grid, pairs: &[RowPair]) -> Vec<f64> {
    let p = pairs.par_iter().map_init(Scratch::default, |scratch, pair| {
        let is_tested = moments(grid, rows(*pair), &mut scratch.differences).is_some();
        if is_tested { scratch.wilcoxon.test(&scratch.differences).1 } else { f64::NAN }
    });
    p.collect()
}

/// What the differences of two rows come to, which are left in `of_splits`.
fn moments(grid: &Grid, (a, b): (usize, usize), of_splits: &mut Vec<f64>) -> Option<Moments> {
    of_splits.clear();
    of_splits.extend(differences(grid, a, b).filter(|difference| !difference.is_nan()));
    Moments::of(of_splits)
}

/// The mean difference on each split over the replicates that the two rows share; NaN where they share none.
fn differences(grid: &Grid, a: usize, b: usize) -> impl Iterator<Item = f64> {
    let (a, b) = (&grid.rows[a], &grid.rows[b]);
    grid.splits.iter().map(move |split| {
        let shared = split.iter().filter(|replicate| shares(a, b, **replicate));
        super::grid::mean(shared.map(|replicate| a.scores[*replicate] - b.scores[*replicate]))
    })
}

/// The mean difference over the replicates on which neither has an odd score; `None` where no score is odd.
fn if_trained(a: &GridRow, b: &GridRow) -> Option<f64> {
    let is_odd = |replicate: &usize| a.is_odd(*replicate) || b.is_odd(*replicate);
    let replicates = 0..a.scores.len();
    replicates.clone().any(|replicate| is_odd(&replicate)).then(|| {
        let even = replicates.filter(|replicate| !is_odd(replicate) && shares(a, b, *replicate));
        super::grid::mean(even.map(|replicate| a.scores[replicate] - b.scores[replicate]))
    })
}

/// Holm's correction of the p of new cases; pairs that are not kept count as the last ones, which is on the safe side.
fn cases_holm(drafts: &[Draft], tested: usize) -> Vec<Option<f64>> {
    let p = |draft: &Draft| draft.alone.as_ref()?.new_cases.map(|cases| cases.p);
    let known: Vec<f64> = drafts.iter().filter_map(p).collect();
    let mut family = known.clone();
    family.resize(known.len().max(tested), 1.0);
    let mut corrected = SortedFamily::of(family).holm(&known).into_iter();
    drafts.iter().map(|draft| p(draft).and_then(|_| corrected.next())).collect()
}

fn rows((a, b): RowPair) -> (usize, usize) {
    (a as usize, b as usize)
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
