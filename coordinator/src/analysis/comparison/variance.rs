//! Where the spread of scores comes from: components of variance.

use super::grid::{Grid, GridRow};
use super::options::Options;
use crate::analysis::observations::{Observations, Replicate};
use crate::stats::Interval;
use crate::stats::anova;
use crate::stats::components::{self, Square};
use crate::stats::paired::Moments;
use rayon::prelude::*;
use serde::Serialize;

/// Components of variance, as far as the sweep's shape lets them be told apart.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Variance {
    /// Candidates x splits.
    pub two_way: Option<TwoWay>,
    /// Each candidate whose seeds are crossed: splits x initialisations x orders.
    pub crossed: Vec<Crossed>,
    /// What the choice of test cases alone explains.
    pub test_sampling: Option<TestSampling>,
}

/// The model `score = mean + candidate + split + rest`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TwoWay {
    /// Number of candidates.
    pub candidates: usize,
    /// Number of splits on which every candidate has a score.
    pub splits: usize,
    /// Mean square of candidates, splits and the rest.
    pub mean_squares: [f64; 3],
    /// The components: `candidate`, `split`, `residual` (candidate x split, initialisation and order together).
    pub components: Vec<Component>,
}

/// The model `score = mean + split + init + order + interactions` of one candidate; factors with one level are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Crossed {
    /// Index of the candidate; `None` for the mean over all of `crossed`.
    pub candidate: Option<usize>,
    /// Number of splits, initialisations and orders.
    pub levels: [usize; 3],
    /// The components: `split`, `init`, `order`, their products (`split × init`), the last of which is the residual.
    pub components: Vec<Component>,
}

/// A component of variance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Degrees of freedom of its mean square.
    pub df: usize,
    /// Its mean square.
    pub mean_square: f64,
    /// The estimate, negative ones included.
    pub raw: f64,
    /// The estimate; zero where it is negative.
    pub variance: f64,
    /// Its share of the sum of the variances.
    pub share: f64,
    /// Its interval, if its levels are drawn from many; `None` for candidates, which are chosen.
    pub interval: Option<Interval>,
}

/// The spread over splits of a predictor that never changes: `sd of cases / sqrt(n) * sqrt(1 - n / N)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TestSampling {
    /// Standard deviation of the cases' scores, of the mean candidate.
    pub case_sd: f64,
    /// Mean number of test cases of a split.
    pub test_cases: f64,
    /// Number of cases that splits are drawn from.
    pub pool: usize,
    /// The standard deviation over splits that follows.
    pub split_sd: f64,
    /// What share of the variance of splits that is; may exceed 1 by chance. `None` without a positive component of splits.
    pub share: Option<f64>,
}

impl Variance {
    pub(super) fn of(grid: &Grid, observations: &Observations, options: &Options) -> Self {
        let two_way = TwoWay::of(grid, options);
        let test_sampling = TestSampling::of(grid, observations, two_way.as_ref());
        Self { two_way, crossed: crossed(grid, observations, options), test_sampling }
    }
}

impl TwoWay {
    fn of(grid: &Grid, options: &Options) -> Option<Self> {
        let rows = grid.of_candidates();
        let scored = |split: &usize| rows.iter().all(|row| !row.by_split[*split].is_nan());
        let splits: Vec<usize> = grid.ended_splits().into_iter().filter(scored).collect();
        let (k, s) = (rows.len(), splits.len());
        if k < 2 || s < 2 {
            return None;
        }
        let table: Vec<Vec<f64>> =
            rows.iter().map(|row| splits.iter().map(|split| row.by_split[*split]).collect()).collect();
        let of_candidates = anova::two_way(&table).rows / (k - 1) as f64;
        let [split, rest] = components::two_way(&table);
        let mean_squares = [of_candidates, split[0].mean_square, rest[0].mean_square];
        let estimates = [
            Estimate { raw: (of_candidates - rest[0].mean_square) / s as f64, interval: None },
            Estimate::of(&split, options),
            Estimate::of(&rest, options),
        ];
        let df = [k - 1, s - 1, (k - 1) * (s - 1)];
        let names = ["candidate", "split", "residual"].map(str::to_owned);
        let components = components(&names, &df, &mean_squares, &estimates);
        Some(Self { candidates: k, splits: s, mean_squares, components })
    }
}

/// A component as it was estimated.
#[derive(Clone, Copy)]
struct Estimate {
    raw: f64,
    interval: Option<Interval>,
}

impl Estimate {
    fn of(squares: &[Square], options: &Options) -> Self {
        let interval = components::interval(squares, options.alpha);
        Self { raw: components::estimate(squares), interval: Some(interval) }
    }
}

impl TestSampling {
    fn of(grid: &Grid, observations: &Observations, two_way: Option<&TwoWay>) -> Option<Self> {
        let mut sums = vec![(0.0, 0.0); grid.tested];
        let (mut tests, mut subsets) = (0, 0);
        for row in grid.of_candidates() {
            for (list, scores) in grid.cases.iter().zip(&row.cases).filter(|(_, scores)| !scores.is_empty()) {
                for (case, score) in list.iter().zip(scores) {
                    let sum = &mut sums[*case as usize];
                    *sum = (sum.0 + score, sum.1 + 1.0);
                }
                tests += scores.len();
                subsets += 1;
            }
        }
        let means: Vec<f64> = sums.iter().filter(|(_, n)| *n > 0.0).map(|(sum, n)| sum / n).collect();
        let case_sd = Moments::of(&means)?.sd;
        let test_cases = tests as f64 / f64::from(subsets);
        let pool = observations.pool.unwrap_or(grid.tested).max(grid.tested);
        let split_sd = case_sd / test_cases.sqrt() * (1.0 - test_cases / pool as f64).max(0.0).sqrt();
        let of_splits = two_way.and_then(|two_way| two_way.components.get(1)).map(|of| of.variance);
        let share = of_splits.filter(|variance| *variance > 0.0).map(|variance| split_sd * split_sd / variance);
        Some(Self { case_sd, test_cases, pool, split_sd, share })
    }
}

/// The factors of seeds, and the replicate at each of their combinations.
struct Crossing {
    levels: [usize; 3],
    /// The replicates, orders varying fastest.
    cells: Vec<usize>,
}

impl Crossing {
    /// The crossing of the replicates' seeds, if each combination of at least two factors occurs once.
    fn of(observations: &Observations) -> Option<Self> {
        let mut levels: [Vec<u64>; 3] = Default::default();
        let seeds: Vec<[u64; 3]> = observations.replicates.iter().map(factors).collect::<Option<_>>()?;
        for (level, seed) in seeds.iter().flat_map(|seeds| (0..3).zip(seeds)) {
            if !levels[level].contains(seed) {
                levels[level].push(*seed);
            }
        }
        levels.iter_mut().for_each(|levels| levels.sort_unstable());
        let counts = [0, 1, 2].map(|factor: usize| levels[factor].len());
        let varying = counts.iter().filter(|count| **count > 1).count();
        if varying < 2 || counts.iter().product::<usize>() != seeds.len() {
            return None;
        }
        let mut cells = vec![None; seeds.len()];
        for (replicate, seeds) in seeds.iter().enumerate() {
            let place = (0..3).try_fold(0, |place, factor| {
                let level = levels[factor].iter().position(|level| *level == seeds[factor])?;
                Some(place * counts[factor] + level)
            })?;
            cells[place] = Some(replicate);
        }
        Some(Self { levels: counts, cells: cells.into_iter().collect::<Option<_>>()? })
    }

    /// The factors with more than one level: their names and numbers of levels.
    fn varying(&self) -> (Vec<&'static str>, Vec<usize>) {
        let all = ["split", "init", "order"].into_iter().zip(self.levels);
        all.filter(|(_, levels)| *levels > 1).unzip()
    }
}

/// The levels of a replicate on the three factors: its split, not its split's seed, where rotations share one.
fn factors(replicate: &Replicate) -> Option<[u64; 3]> {
    let seeds = replicate.seeds?;
    Some([replicate.split.unwrap_or(seeds.split_seed), seeds.init_seed, seeds.order_seed])
}

fn crossed(grid: &Grid, observations: &Observations, options: &Options) -> Vec<Crossed> {
    let Some(crossing) = Crossing::of(observations) else { return Vec::new() };
    let values = |row: &GridRow| crossing.cells.iter().map(|replicate| row.scores[*replicate]).collect::<Vec<f64>>();
    let complete = grid.of_candidates().iter().map(values).enumerate();
    let complete: Vec<_> = complete.filter(|(_, values)| values.iter().all(|value| !value.is_nan())).collect();
    let one = |(candidate, values): &(usize, Vec<f64>)| Crossed::of(Some(*candidate), &crossing, &[values], options);
    let mut found: Vec<Crossed> = complete.par_iter().map(one).collect();
    if found.len() > 1 {
        let all: Vec<&[f64]> = complete.iter().map(|(_, values)| values.as_slice()).collect();
        found.push(Crossed::of(None, &crossing, &all, options));
    }
    found
}

impl Crossed {
    /// The components, from the mean over candidates of their mean squares.
    fn of(candidate: Option<usize>, crossing: &Crossing, values: &[&[f64]], options: &Options) -> Self {
        let (names, levels) = crossing.varying();
        let pooled = components::pooled_terms(&levels, values);
        let sums = components::crossed(&levels, &pooled);
        let estimates: Vec<Estimate> = sums.iter().map(|squares| Estimate::of(squares, options)).collect();
        let name = |factors: usize| {
            let part = names.iter().enumerate().filter(|(factor, _)| factors >> factor & 1 == 1);
            part.map(|(_, name)| *name).collect::<Vec<_>>().join(" × ")
        };
        let terms = 1..=pooled.len();
        let names: Vec<String> = terms.clone().map(name).collect();
        let df: Vec<usize> = terms.map(|factors| anova::df(&levels, factors)).collect();
        let squares: Vec<f64> = pooled.iter().map(|squares| components::estimate(squares)).collect();
        let mut components = components(&names, &df, &squares, &estimates);
        components.sort_by_key(|component| component.name.matches('×').count());
        Self { candidate, levels: crossing.levels, components }
    }
}

fn components(names: &[String], df: &[usize], mean_squares: &[f64], estimates: &[Estimate]) -> Vec<Component> {
    let whole: f64 = estimates.iter().map(|estimate| estimate.raw.max(0.0)).sum();
    let component = |(index, name): (usize, &String)| {
        let Estimate { raw, interval } = estimates[index];
        let variance = raw.max(0.0);
        Component {
            name: name.clone(),
            df: df[index],
            mean_square: mean_squares[index],
            raw,
            variance,
            share: if whole > 0.0 { variance / whole } else { 0.0 },
            interval,
        }
    };
    names.iter().enumerate().map(component).collect()
}
