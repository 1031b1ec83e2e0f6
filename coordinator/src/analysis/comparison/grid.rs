//! Observations as dense tables, in the shape that every comparison reads: rows are candidates, then baselines.

use crate::analysis::observations::{Observation, Observations};
use proto::measure::Verdict;
use std::collections::HashMap;

/// The tables.
pub(super) struct Grid {
    /// Number of candidates: the first rows. The others are baselines.
    pub(super) candidates: usize,
    /// The rows.
    pub(super) rows: Vec<GridRow>,
    /// The replicates of each split, in an order that does not depend on their labels.
    pub(super) splits: Vec<Vec<usize>>,
    /// For each split, the test cases, as indices of all tested cases; empty if not known. The cases of a group have one index and follow each
    /// other.
    pub(super) cases: Vec<Vec<u32>>,
    /// Number of different test cases.
    pub(super) tested: usize,
    /// Whether a greater score is better.
    pub(super) higher_is_better: bool,
    /// The worst score of the candidates.
    pub(super) worst: f64,
    /// The least step between two scores of the candidates; 0 if all are equal.
    pub(super) resolution: f64,
    /// The score of jobs that ended without one, if it was stated.
    failed_score: Option<f64>,
    /// For each replicate, the best score of a mask that does not depend on the image, or NaN.
    constant: Vec<f64>,
}

/// A row: one number per replicate.
pub(super) struct GridRow {
    /// The score, or NaN.
    pub(super) scores: Vec<f64>,
    /// What became of the job.
    pub(super) ends: Vec<End>,
    /// Which of the replicate's different splits it has: 0 if not known, 1 for the most common, ...
    pub(super) split_ids: Vec<u32>,
    /// For each split, the mean score of each of its test cases; empty unless known of all its jobs.
    pub(super) cases: Vec<Vec<f64>>,
    /// The mean score of each split, or NaN if one of its jobs has none.
    pub(super) by_split: Vec<f64>,
    /// Scores far outside of the row's others, where it is not known whether jobs trained.
    pub(super) far: Vec<bool>,
}

impl GridRow {
    /// Whether the replicate has a score that no trained model has, or that is far outside of the others.
    pub(super) fn is_odd(&self, replicate: usize) -> bool {
        self.ends[replicate] == End::NotTrained || self.far[replicate]
    }
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing yet.
    Missing,
    /// It ended without a score.
    WithoutScore,
    /// It has a score, but its verdict is not `trained`.
    NotTrained,
    /// It has a score, and its verdict is `trained` or not known.
    Trained,
}

impl Grid {
    pub(super) fn of(observations: &Observations, failed_score: Option<f64>) -> Self {
        let replicates = observations.replicates.len();
        let candidates = observations.candidates.iter().map(|candidate| &candidate.observations);
        let of_rows: Vec<&Vec<Observation>> =
            candidates.chain(observations.baselines.iter().map(|baseline| &baseline.observations)).collect();
        let mut splits = splits(observations, &of_rows);
        // a split that was planned and not run is none
        let is_observed = |replicate: &usize| {
            of_rows.iter().any(|row| row.get(*replicate).is_some_and(|observation| !observation.is_missing()))
        };
        splits.retain(|split| split.iter().any(is_observed));
        let lists = case_lists(&of_rows, &splits);
        let (cases, tested) = dense(&lists, &observations.clusters);
        let split_ids = split_ids(&of_rows, replicates);
        let rows = of_rows.iter().zip(split_ids).map(|(of_row, split_ids)| {
            let score = |replicate| of_row.get(replicate).and_then(Observation::score).unwrap_or(f64::NAN);
            let scores: Vec<f64> = (0..replicates).map(score).collect();
            let by_split = splits.iter().map(|split| mean(split.iter().map(|replicate| scores[*replicate]))).collect();
            let cases_of = |(split, list): (&Vec<usize>, &Vec<u32>)| case_scores(of_row, split, list);
            let has_verdicts = of_row.iter().filter_map(Observation::ended).any(|ended| ended.verdict.is_some());
            GridRow {
                ends: (0..replicates).map(|replicate| End::of(of_row.get(replicate))).collect(),
                far: if has_verdicts { vec![false; replicates] } else { far_outside(&scores) },
                cases: splits.iter().zip(&lists).map(cases_of).collect(),
                scores,
                split_ids,
                by_split,
            }
        });
        let rows: Vec<GridRow> = rows.collect();
        let candidates = observations.candidates.len();
        let finite = rows[..candidates].iter().flat_map(|row| &row.scores).copied().filter(|score| !score.is_nan());
        let worse: fn(f64, f64) -> f64 = if observations.higher_is_better { f64::min } else { f64::max };
        let worst = finite.reduce(worse).unwrap_or(f64::NAN);
        let higher_is_better = observations.higher_is_better;
        let resolution = resolution(&rows[..candidates]);
        let constant = constant(observations);
        Self { candidates, rows, splits, cases, tested, higher_is_better, worst, resolution, failed_score, constant }
    }

    /// The candidates' rows.
    pub(super) fn of_candidates(&self) -> &[GridRow] {
        &self.rows[..self.candidates]
    }

    /// 1 if greater is better, else -1.
    pub(super) fn sign(&self) -> f64 {
        if self.higher_is_better { 1.0 } else { -1.0 }
    }

    /// The best score of a mask that does not depend on the image, if there is one.
    pub(super) fn constant(&self, replicate: usize) -> Option<f64> {
        self.constant.get(replicate).copied().filter(|score| !score.is_nan())
    }

    /// The worse of two scores; of one and none, the one.
    fn worse(&self, a: f64, b: f64) -> f64 {
        if self.higher_is_better { a.min(b) } else { a.max(b) }
    }

    /// The score that a job of the replicate counts with that ended without one: what was stated, else the worst of the scores and
    /// of the best mask that does not depend on the image. NaN of nothing. No other candidate can move it.
    pub(super) fn failed_score(&self, replicate: usize, scores: impl Iterator<Item = f64>) -> f64 {
        let worst = || scores.fold(self.constant[replicate], |worst, score| self.worse(worst, score));
        self.failed_score.unwrap_or_else(worst)
    }

    /// The row's scores with [`failed_score`](Self::failed_score) of the row itself for jobs that ended without one, and NaN for jobs
    /// that have not ended.
    pub(super) fn with_failed(&self, row: &GridRow) -> Vec<f64> {
        let score = |replicate: usize| match row.ends[replicate] {
            End::WithoutScore => self.failed_score(replicate, row.scores.iter().copied()),
            _ => row.scores[replicate],
        };
        (0..row.scores.len()).map(score).collect()
    }

    /// Whether all candidates that have a score of the replicate were tested on the same cases, as far as is known.
    pub(super) fn is_one_split(&self, replicate: usize) -> bool {
        self.of_candidates().iter().all(|row| row.split_ids[replicate] <= 1)
    }

    /// The splits on which every job of every candidate ended, all on the same cases.
    pub(super) fn ended_splits(&self) -> Vec<usize> {
        let ended = |replicate: &usize| {
            self.is_one_split(*replicate) && self.of_candidates().iter().all(|row| row.ends[*replicate] != End::Missing)
        };
        (0..self.splits.len()).filter(|split| self.splits[*split].iter().all(ended)).collect()
    }
}

/// The least step between two different scores: what a set of few test cases, or rounding, leaves of the difference of two models.
fn resolution(rows: &[GridRow]) -> f64 {
    /// Steps below this share of the scores are rounding.
    const ROUNDING: f64 = 1e-9;
    let mut scores: Vec<f64> =
        rows.iter().flat_map(|row| &row.scores).copied().filter(|score| !score.is_nan()).collect();
    scores.sort_unstable_by(f64::total_cmp);
    let least = scores.iter().map(|score| score.abs()).fold(0.0, f64::max) * ROUNDING;
    let steps = scores.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > least);
    steps.reduce(f64::min).unwrap_or(0.0)
}

/// Which scores are far outside of the others: by more than ten times the median distance from the median, as a deviation. A model
/// that trained is not there, whatever the split.
fn far_outside(scores: &[f64]) -> Vec<bool> {
    /// Deviations from the median.
    const FAR: f64 = 10.0;
    /// Fewest scores whose median distance says what is usual.
    const MIN_SCORES: usize = 8;
    /// What makes the median distance the deviation of a normal distribution.
    const NORMAL: f64 = 1.4826;
    let known: Vec<f64> = scores.iter().copied().filter(|score| !score.is_nan()).collect();
    let far = super::median(known.clone()).filter(|_| known.len() >= MIN_SCORES).and_then(|median| {
        let distance = super::median(known.iter().map(|score| (score - median).abs()).collect())?;
        Some((median, FAR * NORMAL * distance)).filter(|(_, far)| *far > 0.0)
    });
    scores.iter().map(|score| far.is_some_and(|(median, far)| (score - median).abs() > far)).collect()
}

/// For each replicate, the best score of a mask that does not depend on the image, or NaN.
fn constant(observations: &Observations) -> Vec<f64> {
    let better: fn(f64, f64) -> f64 = if observations.higher_is_better { f64::max } else { f64::min };
    let masks = || observations.baselines.iter().filter(|baseline| baseline.is_constant);
    let score = |replicate: usize| masks().filter_map(move |mask| mask.observations.get(replicate)?.score());
    (0..observations.replicates.len()).map(|replicate| score(replicate).reduce(better).unwrap_or(f64::NAN)).collect()
}

impl End {
    fn of(observation: Option<&Observation>) -> Self {
        let Some(observation) = observation.filter(|observation| !observation.is_missing()) else {
            return Self::Missing;
        };
        match (observation.score(), observation.ended().and_then(|ended| ended.verdict)) {
            (None, _) => Self::WithoutScore,
            (Some(_), None | Some(Verdict::Trained)) => Self::Trained,
            (Some(_), Some(_)) => Self::NotTrained,
        }
    }
}

/// The mean; NaN of nothing, and where a number is NaN.
pub(super) fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = numbers.fold((0.0, 0.0), |(sum, n), number| (sum + number, n + 1.0));
    sum / n
}

/// The replicates of each split. Splits stand in the order of their scores, so that nothing depends on how they are labelled.
fn splits(observations: &Observations, rows: &[&Vec<Observation>]) -> Vec<Vec<usize>> {
    let mut known = HashMap::new();
    let mut splits: Vec<Vec<usize>> = Vec::new();
    for (index, replicate) in observations.replicates.iter().enumerate() {
        let new = splits.len();
        let split = replicate.split.map_or(new, |split| *known.entry(split).or_insert(new));
        if split == new {
            splits.push(Vec::new());
        }
        splits[split].push(index);
    }
    let score = |row: &&Vec<Observation>, replicate: usize| row.get(replicate).and_then(Observation::score);
    let scores = |split: &[usize]| -> Vec<Option<f64>> {
        split.iter().flat_map(|replicate| rows.iter().map(|row| score(row, *replicate))).collect()
    };
    let mut keyed: Vec<_> = splits.into_iter().map(|split| (scores(&split), split)).collect();
    keyed.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    keyed.into_iter().map(|(_, split)| split).collect()
}

/// For each split, the list of test cases of most jobs that have one.
fn case_lists(rows: &[&Vec<Observation>], splits: &[Vec<usize>]) -> Vec<Vec<u32>> {
    let of_split = |split: &Vec<usize>| {
        let jobs = rows.iter().flat_map(|row| split.iter().filter_map(|replicate| row.get(*replicate)?.ended()));
        let lists = jobs.filter(|ended| !ended.cases.is_empty());
        most_common(lists.map(|ended| ended.cases.iter().map(|case| case.case).collect::<Vec<_>>()))
    };
    splits.iter().map(|split| of_split(split).unwrap_or_default()).collect()
}

/// The lists with all cases that occur numbered from 0, or all groups if cases have one, and how many there are.
fn dense(lists: &[Vec<u32>], clusters: &[u32]) -> (Vec<Vec<u32>>, usize) {
    let cluster = |case: &u32| clusters.get(*case as usize).copied().unwrap_or(*case);
    let mut all: Vec<u32> = lists.iter().flatten().map(cluster).collect();
    all.sort_unstable();
    all.dedup();
    let place = |case: &u32| all.partition_point(|other| *other < cluster(case)) as u32;
    (lists.iter().map(|list| list.iter().map(place).collect()).collect(), all.len())
}

/// The mean score of each case in the list over the jobs of a split; none if one of them has not these cases.
fn case_scores(row: &[Observation], split: &[usize], list: &[u32]) -> Vec<f64> {
    let mut means = vec![0.0; list.len()];
    for replicate in split {
        let cases = row.get(*replicate).and_then(Observation::ended).map_or(&[][..], |ended| &ended.cases);
        if cases.iter().map(|case| case.case).ne(list.iter().copied()) {
            return Vec::new();
        }
        means.iter_mut().zip(cases).for_each(|(mean, case)| *mean += case.score / split.len() as f64);
    }
    means
}

/// For each row, its split of each replicate: 0 if its hash is not known, 1 for the most common hash, then in order of the rows.
fn split_ids(rows: &[&Vec<Observation>], replicates: usize) -> Vec<Vec<u32>> {
    let hash = |row: &Vec<Observation>, replicate: usize| row.get(replicate)?.ended()?.split_hash.clone();
    let known = |replicate: usize| -> Vec<String> {
        let hashes = || rows.iter().filter_map(|row| hash(row, replicate));
        let mut known: Vec<String> = most_common(hashes()).into_iter().collect();
        for hash in hashes() {
            if !known.contains(&hash) {
                known.push(hash);
            }
        }
        known
    };
    let known: Vec<Vec<String>> = (0..replicates).map(known).collect();
    let id = |row: &Vec<Observation>, replicate: usize| {
        let hash = hash(row, replicate)?;
        known[replicate].iter().position(|other| *other == hash).map(|place| place as u32 + 1)
    };
    rows.iter().map(|row| (0..replicates).map(|replicate| id(row, replicate).unwrap_or(0)).collect()).collect()
}

/// The most common of several; of equally common ones the first.
fn most_common<T: Eq + std::hash::Hash>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, (usize, usize)> = HashMap::new();
    for (index, item) in items.enumerate() {
        counts.entry(item).or_insert((0, index)).0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, (count, first))| (*count, std::cmp::Reverse(*first)));
    most.map(|(item, _)| item)
}
