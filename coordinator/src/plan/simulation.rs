//! The section `simulate`: the scores that simulated workers make up, to try a sweep's course before paying for it.
//!
//! Means are IoUs; whatever other metric the objective names follows from the pixels that are made up to have that IoU.

use proto::file::{Interval, Mistake, Node, Section};
use proto::spec::Simulation;

/// The section, before the number of candidates is known.
#[derive(Debug)]
pub(super) struct Simulate<'a> {
    pub(super) mean: PerCandidate<'a>,
    pub(super) collapse: PerCandidate<'a>,
    pub(super) split_sd: f64,
    pub(super) residual_sd: f64,
}

impl<'a> Simulate<'a> {
    pub(super) fn read(node: &Node<'a>) -> Option<Self> {
        let section = Section::read(node, &["mean", "split_sd", "residual_sd", "collapse"])?;
        let mean = section.required("mean", PerCandidate::read);
        let collapse = section.optional("collapse", PerCandidate::Same(0.0), PerCandidate::read);
        let deviation = |key, default| section.optional(key, default, |node| node.real(Interval::Share));
        let (split_sd, residual_sd) = (deviation("split_sd", 0.04), deviation("residual_sd", 0.02));
        Some(Self { mean: mean?, collapse: collapse?, split_sd: split_sd?, residual_sd: residual_sd? })
    }

    /// The scores that each candidate makes up.
    pub(super) fn expand(&self, candidates: usize) -> Option<Vec<Simulation>> {
        let mean = self.mean.expand(candidates);
        let collapse = self.collapse.expand(candidates);
        let &Self { split_sd, residual_sd, .. } = self;
        let both = mean?.into_iter().zip(collapse?);
        Some(both.map(|(mean, collapse)| Simulation { mean, split_sd, residual_sd, collapse }).collect())
    }
}

/// A number for every candidate.
#[derive(Debug)]
pub(super) enum PerCandidate<'a> {
    /// The same for all.
    Same(f64),
    /// One each, in the order of the plan.
    Each(Node<'a>, Vec<f64>),
    /// In even steps from the first candidate to the last.
    Steps { from: f64, to: f64 },
}

impl<'a> PerCandidate<'a> {
    fn read(node: &Node<'a>) -> Option<Self> {
        if node.is_mapping() {
            let range = Section::read(node, &["from", "to"])?;
            let end = |key| range.required(key, |node| node.real(Interval::Share));
            let (from, to) = (end("from"), end("to"));
            return Some(Self::Steps { from: from?, to: to? });
        }
        if node.is_list() {
            let numbers: Vec<_> = node.items()?.iter().map(|item| item.real(Interval::Share)).collect();
            return Some(Self::Each(node.clone(), numbers.into_iter().collect::<Option<_>>()?));
        }
        node.real(Interval::Share).map(Self::Same)
    }

    fn expand(&self, candidates: usize) -> Option<Vec<f64>> {
        match self {
            Self::Same(number) => Some(vec![*number; candidates]),
            Self::Each(_, numbers) if numbers.len() == candidates => Some(numbers.clone()),
            Self::Each(node, numbers) => {
                node.reject(Mistake::CandidateCount { found: numbers.len(), candidates });
                None
            }
            Self::Steps { from, to } => {
                let steps = candidates.saturating_sub(1).max(1) as f64;
                Some((0..candidates).map(|index| from + (to - from) * index as f64 / steps).collect())
            }
        }
    }
}
