//! What a training must beat: segmentations that need no network, on the cases of a split. Knows no job and no tensor.

use super::otsu;
use crate::data::CaseSet;
use crate::data::split::Subsets;
use proto::extras::{Baseline, BaselineCounts};
use proto::measure::{CaseCounts, Counts};

/// The baselines of one training subset.
#[derive(Debug)]
pub struct Baselines<'a> {
    cases: &'a CaseSet,
    /// The pixels that are foreground in at least half of the training masks.
    mean_mask: Vec<bool>,
    /// Pixels of the mean training lesion.
    lesion: f64,
}

impl<'a> Baselines<'a> {
    /// The baselines that go with these training cases.
    #[must_use]
    pub fn new(cases: &'a CaseSet, train: &[u32]) -> Self {
        let mut covered = vec![0; cases.image_size as usize * cases.image_size as usize];
        for &case in train {
            covered.iter_mut().zip(cases.mask(case)).for_each(|(covered, &pixel)| *covered += usize::from(pixel));
        }
        let lesion = covered.iter().sum::<usize>() as f64 / train.len().max(1) as f64;
        Self { cases, mean_mask: covered.iter().map(|&covered| 2 * covered >= train.len()).collect(), lesion }
    }

    /// A baseline on some cases.
    #[must_use]
    pub fn counts(&self, baseline: Baseline, cases: &[u32]) -> Vec<CaseCounts> {
        let size = self.cases.image_size as usize;
        let counts = |case| match baseline {
            Baseline::AllForeground => overlap(&vec![true; size * size], self.cases.mask(case)),
            Baseline::MeanMask => overlap(&self.mean_mask, self.cases.mask(case)),
            Baseline::Otsu => overlap(&otsu::segment(self.cases.image(case), size), self.cases.mask(case)),
        };
        cases.iter().map(|&case| CaseCounts { case, counts: counts(case) }).collect()
    }

    /// A disc in the middle, as large as the mean training lesion, on some cases.
    #[must_use]
    pub fn disc(&self, cases: &[u32]) -> Vec<CaseCounts> {
        let size = self.cases.image_size as usize;
        let from_middle = |at: usize| (at as f64 - (size as f64 - 1.0) / 2.0).powi(2);
        let inside = |pixel: usize| {
            std::f64::consts::PI * (from_middle(pixel % size) + from_middle(pixel / size)) <= self.lesion
        };
        let disc: Vec<bool> = (0..size * size).map(inside).collect();
        cases.iter().map(|&case| CaseCounts { case, counts: overlap(&disc, self.cases.mask(case)) }).collect()
    }

    /// All baselines on the cases that a job of the split is judged by.
    #[must_use]
    pub fn of(&self, subsets: &Subsets) -> Vec<BaselineCounts> {
        let counts = |baseline| BaselineCounts {
            baseline,
            validation: self.counts(baseline, &subsets.validation),
            test: self.counts(baseline, &subsets.test),
        };
        Baseline::ALL.into_iter().map(counts).collect()
    }
}

fn overlap(guess: &[bool], mask: &[u8]) -> Counts {
    let mut counts = Counts::default();
    for (&guess, &truth) in guess.iter().zip(mask) {
        match (guess, truth != 0) {
            (true, true) => counts.tp += 1,
            (true, false) => counts.fp += 1,
            (false, true) => counts.fn_ += 1,
            (false, false) => counts.tn += 1,
        }
    }
    counts
}
