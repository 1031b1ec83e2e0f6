//! Sign flips: the exact test that differences are symmetrical around zero, for a whole family of pairs at once.
//!
//! If two candidates are alike on this pool, a split's difference is as likely to be `d` as `-d`. All pairs are flipped together,
//! split by split, so that the greatest statistic of the family has its true distribution however the pairs depend on each other
//! (Westfall and Young's max-T): strong control of the chance of any false finding.

use super::random::Random;
use rayon::prelude::*;

/// Number of flips that are looked at together: one register's worth of lanes, several times over.
const BLOCK: usize = 64;

/// Lanes that are counted side by side.
const LANES: usize = 8;

/// Maximum number of flips of all pairs together: they take some tenths of a second.
const BUDGET: usize = 400_000_000;

/// What is flipped: the differences `rows[first] - rows[second]` of pairs.
#[derive(Clone, Copy)]
pub struct Family<'a> {
    /// Scores of each row on each split.
    pub rows: &'a [Vec<f64>],
    /// For each row, whether it has a score on every split, and of the same cases as the other such rows.
    pub whole: &'a [bool],
    /// The pairs of rows.
    pub pairs: &'a [(u32, u32)],
    /// The pairs whose p-values are wanted, as places in `pairs`, in ascending order.
    pub wanted: &'a [usize],
    /// The differences of a pair of rows that are not both whole: one per split, zero where the two share none.
    pub differences: &'a (dyn Fn(usize, usize) -> Vec<f64> + Sync),
}

impl Family<'_> {
    /// The differences of a pair that does not share all splits; `None` for one that does.
    fn part(&self, (a, b): (u32, u32)) -> Option<Vec<f64>> {
        let (a, b) = (a as usize, b as usize);
        (!self.whole[a] || !self.whole[b]).then(|| (self.differences)(a, b))
    }
}

/// The p-values.
#[derive(Debug, Clone, PartialEq)]
pub struct FlipTest {
    /// The own two-sided p of each wanted pair.
    pub p: Vec<f64>,
    /// The p of the greatest statistic of the family, of each wanted pair.
    pub p_max: Vec<f64>,
    /// Number of flips looked at.
    pub count: u64,
    /// Whether these are all there are.
    pub exact: bool,
}

/// Tests a family on `splits` splits. The statistic is `|sum d| / sqrt(sum d²)`, which orders flips as |t| does.
///
/// All `2^splits` flips where that is affordable; otherwise random ones of the seed, the observed one counted in.
#[must_use]
pub fn flip_test(family: &Family<'_>, splits: usize, seed: u64) -> FlipTest {
    if family.pairs.is_empty() {
        return FlipTest { p: Vec::new(), p_max: Vec::new(), count: 0, exact: true };
    }
    let prepared = Prepared::of(family, splits);
    let cost = |&(a, b): &(u32, u32)| if family.whole[a as usize] && family.whole[b as usize] { 1 } else { splits };
    let cost: usize = family.pairs.iter().map(cost).sum();
    let affordable = BUDGET / (cost + family.rows.len() * splits).max(1);
    // a flip and its opposite have the same statistic: half of them are enough
    let all = 1_u64.checked_shl(splits.saturating_sub(1) as u32).filter(|_| splits < 40);
    let exact = all.filter(|all| *all <= affordable as u64);
    let count = exact.unwrap_or_else(|| affordable.clamp(499, 9999) as u64);
    let block = |block: u64| {
        let first = block * BLOCK as u64;
        Flips::of(first, BLOCK.min((count - first) as usize), splits, exact.is_none().then_some(seed))
    };
    let blocks = (0..count.div_ceil(BLOCK as u64)).into_par_iter().map(block);
    let none = || Tally::new(family.wanted.len());
    let tally = blocks.fold(none, |tally, flips| tally.with(&prepared, &flips)).reduce(none, Tally::and);
    tally.into_test(&prepared.observed, count, exact.is_some())
}

/// A family, ready to be flipped.
struct Prepared<'a> {
    family: Family<'a>,
    splits: usize,
    /// Of each pair `1 / sqrt(sum d²)`, or zero where all are zero.
    scale: Vec<f64>,
    /// The observed statistic of each wanted pair, less what rounding may take.
    observed: Vec<f64>,
}

impl<'a> Prepared<'a> {
    fn of(family: &Family<'a>, splits: usize) -> Self {
        let sums = |pair: (u32, u32)| -> (f64, f64) {
            let add = |(sum, squares): (f64, f64), d: f64| (sum + d, squares + d * d);
            match family.part(pair) {
                None => {
                    let (a, b) = (&family.rows[pair.0 as usize], &family.rows[pair.1 as usize]);
                    a.iter().zip(b).map(|(a, b)| a - b).fold((0.0, 0.0), add)
                }
                Some(differences) => differences.into_iter().fold((0.0, 0.0), add),
            }
        };
        let scale = |squares: f64| if squares > 0.0 { 1.0 / squares.sqrt() } else { 0.0 };
        let observed = |place: &usize| {
            let (sum, squares) = sums(family.pairs[*place]);
            (sum.abs() * scale(squares)) * (1.0 - 1e-10)
        };
        Self {
            family: *family,
            splits,
            scale: family.pairs.par_iter().map(|pair| scale(sums(*pair).1)).collect(),
            observed: family.wanted.par_iter().map(observed).collect(),
        }
    }
}

/// A block of flips: the signs of each split, `[split][flip]`.
struct Flips {
    signs: Vec<[f64; BLOCK]>,
    len: usize,
}

impl Flips {
    /// The flips `first..first + len`: the number's bits, or the bits of a random stream.
    fn of(first: u64, len: usize, splits: usize, seed: Option<u64>) -> Self {
        // without a sign, a flip that is not wanted has the statistic zero, which reaches nothing
        let mut signs = vec![[0.0; BLOCK]; splits];
        for flip in 0..len {
            let number = first + flip as u64;
            // each flip has a stream of its own, so that it does not matter which thread makes it
            let mut random = seed.map(|seed| Random::of(Random::of(seed ^ 0x5eed).bits() ^ Random::of(number).bits()));
            let mut bits = number;
            for (split, signs) in signs.iter_mut().enumerate() {
                if let Some(random) = random.as_mut().filter(|_| split % 64 == 0) {
                    bits = random.bits();
                }
                signs[flip] = if bits >> (split % 64) & 1 == 1 { -1.0 } else { 1.0 };
            }
        }
        Self { signs, len }
    }

    /// The sum of signed numbers, for each flip.
    fn project(&self, numbers: &[f64]) -> [f64; BLOCK] {
        let mut sums = [0.0; BLOCK];
        for (signs, number) in self.signs.iter().zip(numbers) {
            for (sum, sign) in sums.iter_mut().zip(signs) {
                *sum += sign * number;
            }
        }
        sums
    }
}

/// What is counted.
struct Tally {
    /// For each wanted pair, the flips with at least its statistic.
    reached: Vec<u32>,
    /// The greatest statistic of each flip.
    greatest: Vec<f64>,
}

impl Tally {
    fn new(wanted: usize) -> Self {
        Self { reached: vec![0; wanted], greatest: Vec::new() }
    }

    fn with(mut self, prepared: &Prepared<'_>, flips: &Flips) -> Self {
        let family = &prepared.family;
        let whole = |row: &Vec<f64>| if row.len() == prepared.splits { flips.project(row) } else { [0.0; BLOCK] };
        let rows: Vec<_> = family.rows.iter().map(whole).collect();
        let mut greatest = [0.0_f64; BLOCK];
        let mut wanted = family.wanted.iter().enumerate().peekable();
        for (place, (pair, scale)) in family.pairs.iter().zip(&prepared.scale).enumerate() {
            let statistics = match family.part(*pair) {
                None => {
                    let (a, b) = (&rows[pair.0 as usize], &rows[pair.1 as usize]);
                    std::array::from_fn(|flip| (a[flip] - b[flip]).abs() * scale)
                }
                Some(differences) => flips.project(&differences).map(|sum| sum.abs() * scale),
            };
            keep_greatest(&statistics, &mut greatest);
            if let Some((index, _)) = wanted.next_if(|(_, wanted)| **wanted == place) {
                self.reached[index] += reached(&statistics, prepared.observed[index]);
            }
        }
        self.greatest.extend_from_slice(&greatest[..flips.len]);
        self
    }

    fn and(mut self, other: Self) -> Self {
        for (reached, more) in self.reached.iter_mut().zip(other.reached) {
            *reached += more;
        }
        self.greatest.extend(other.greatest);
        self
    }

    fn into_test(mut self, observed: &[f64], count: u64, exact: bool) -> FlipTest {
        // random flips do not include the observed one by themselves
        let own = u64::from(!exact);
        let share = |reached: usize| (reached as u64 + own) as f64 / (count + own) as f64;
        self.greatest.sort_unstable_by(f64::total_cmp);
        let above = |statistic: &f64| self.greatest.len() - self.greatest.partition_point(|other| other < statistic);
        // where all differences are zero, everything is reached
        let p = |(reached, observed): (&u32, &f64)| if *observed > 0.0 { share(*reached as usize) } else { 1.0 };
        FlipTest {
            p: self.reached.iter().zip(observed).map(p).collect(),
            p_max: observed.iter().map(|statistic| share(above(statistic))).collect(),
            count: if exact { count.saturating_mul(2) } else { count },
            exact,
        }
    }
}

/// Keeps the greatest statistic of each flip.
fn keep_greatest(statistics: &[f64; BLOCK], greatest: &mut [f64; BLOCK]) {
    for (statistic, greatest) in statistics.iter().zip(greatest) {
        *greatest = if *statistic > *greatest { *statistic } else { *greatest };
    }
}

/// Counts the flips that reach the observed statistic.
fn reached(statistics: &[f64; BLOCK], observed: f64) -> u32 {
    let mut reached = [0.0; LANES];
    for statistics in statistics.chunks_exact(LANES) {
        for (reached, statistic) in reached.iter_mut().zip(statistics) {
            *reached += if *statistic >= observed { 1.0 } else { 0.0 };
        }
    }
    reached.iter().sum::<f64>() as u32
}
