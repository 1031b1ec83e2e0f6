//! The section `simulate`: the scores that simulated workers make up, so that a sweep's course can be tried before it is paid for.
//!
//! Means are IoUs; whatever other metric the objective names follows from the pixels that are made up to have that IoU.

use super::errors::Problems;
use super::node::{Interval, Node, Section};
use super::problem::Problem;
use proto::spec::Simulation;

/// The section, before the number of candidates is known.
#[derive(Debug)]
pub(super) struct Simulate<'a> {
    mean: PerCandidate<'a>,
    collapse: PerCandidate<'a>,
    split_sd: f64,
    residual_sd: f64,
}

impl<'a> Simulate<'a> {
    pub(super) fn read(node: &Node<'a>, problems: &mut Problems) -> Option<Self> {
        let section = Section::read(node.clone(), &["mean", "split_sd", "residual_sd", "collapse"], problems)?;
        let mean = section.required("mean", problems).and_then(|node| PerCandidate::read(node, problems));
        let collapse = section.optional("collapse", PerCandidate::Same(0.0), |node| PerCandidate::read(node, problems));
        let mut deviation = |key, default| section.optional(key, default, |node| node.real(Interval::Share, problems));
        let (split_sd, residual_sd) = (deviation("split_sd", 0.04), deviation("residual_sd", 0.02));
        Some(Self { mean: mean?, collapse: collapse?, split_sd: split_sd?, residual_sd: residual_sd? })
    }

    /// What each candidate makes up.
    pub(super) fn expand(&self, candidates: usize, problems: &mut Problems) -> Option<Vec<Simulation>> {
        let mean = self.mean.expand(candidates, problems);
        let collapse = self.collapse.expand(candidates, problems);
        let &Self { split_sd, residual_sd, .. } = self;
        let both = mean?.into_iter().zip(collapse?);
        Some(both.map(|(mean, collapse)| Simulation { mean, split_sd, residual_sd, collapse }).collect())
    }
}

/// A number for every candidate.
#[derive(Debug)]
enum PerCandidate<'a> {
    /// The same for all.
    Same(f64),
    /// One each, in the order of the plan.
    Each(Node<'a>, Vec<f64>),
    /// In even steps from the first candidate to the last.
    Steps { from: f64, to: f64 },
}

impl<'a> PerCandidate<'a> {
    fn read(node: &Node<'a>, problems: &mut Problems) -> Option<Self> {
        if node.is_mapping() {
            let range = Section::read(node.clone(), &["from", "to"], problems)?;
            let mut end = |key| {
                let node = range.required(key, problems)?;
                node.real(Interval::Share, problems)
            };
            let (from, to) = (end("from"), end("to"));
            return Some(Self::Steps { from: from?, to: to? });
        }
        if node.is_list() {
            let numbers: Vec<_> =
                node.items(problems)?.iter().map(|item| item.real(Interval::Share, problems)).collect();
            return Some(Self::Each(node.clone(), numbers.into_iter().collect::<Option<_>>()?));
        }
        node.real(Interval::Share, problems).map(Self::Same)
    }

    fn expand(&self, candidates: usize, problems: &mut Problems) -> Option<Vec<f64>> {
        match self {
            Self::Same(number) => Some(vec![*number; candidates]),
            Self::Each(_, numbers) if numbers.len() == candidates => Some(numbers.clone()),
            Self::Each(node, numbers) => {
                node.reject(Problem::CandidateCount { found: numbers.len(), candidates }, problems)
            }
            Self::Steps { from, to } => {
                let steps = candidates.saturating_sub(1).max(1) as f64;
                Some((0..candidates).map(|index| from + (to - from) * index as f64 / steps).collect())
            }
        }
    }
}
