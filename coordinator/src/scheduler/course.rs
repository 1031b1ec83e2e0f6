//! How far each candidate of a sweep may go: the fold of the looks. It knows no scores.
//!
//! ```text
//!  replicates   0 1 2 3 4 | 5 6 7 | 8 ...          looks after 5 and 8
//!  candidate a  = = = = = | = = = | .              = open: may run    . held: not before the look
//!  candidate b  = = = = = | x x x | x              x dropped: never runs, for b was stopped at the look after 5
//! ```
//!
//! Nothing runs ahead of a look, so that what is known at it, and n of every candidate, is the same however many workers there are. Workers
//! that find nothing open meanwhile serve other sweeps.

use crate::plan::{Plan, Rule};
use crate::race::{Look, Stop};

/// How far each candidate of a sweep may go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// The looks that were taken, in order.
    pub looks: Vec<Look>,
    /// How many replicates each candidate may run now; empty for a sweep without looks.
    reach: Vec<u32>,
    /// The candidates that go no further.
    stops: Vec<Option<Stop>>,
}

impl Course {
    /// The course before the first look.
    pub(super) fn new(plan: &Plan) -> Self {
        let Some(_) = &plan.stopping else { return Self::default() };
        let candidates = plan.candidates.len();
        let mut course = Self { looks: Vec::new(), reach: vec![0; candidates], stops: vec![None; candidates] };
        course.open(plan);
        course
    }

    /// Whether a candidate's replicate may run now.
    #[must_use]
    pub fn is_open(&self, candidate: usize, replicate: usize) -> bool {
        self.reach.get(candidate).is_none_or(|reach| replicate < *reach as usize)
    }

    /// Whether a candidate's replicate will never be needed.
    #[must_use]
    pub fn is_dropped(&self, candidate: usize, replicate: usize) -> bool {
        self.stop(candidate).is_some() && !self.is_open(candidate, replicate)
    }

    /// Why a candidate goes no further, and after how many replicates.
    #[must_use]
    pub fn stop(&self, candidate: usize) -> Option<(u32, Stop)> {
        let stop = self.stops.get(candidate).copied().flatten()?;
        Some((*self.reach.get(candidate)?, stop))
    }

    /// The candidates that are left.
    pub(super) fn left(&self) -> impl Iterator<Item = usize> {
        self.stops.iter().enumerate().filter(|(_, stop)| stop.is_none()).map(|(candidate, _)| candidate)
    }

    /// After how many replicates the next look is taken, if there is one.
    pub(super) fn next_look(&self, plan: &Plan) -> Option<u32> {
        let stopping = plan.stopping.as_ref()?;
        // who is alone has nobody to race against
        let least = if matches!(stopping.rule, Rule::Race { .. }) { 2 } else { 1 };
        stopping.looks.get(self.looks.len()).copied().filter(|_| self.left().take(least).count() == least)
    }

    /// Whether the look is the next one, and stops candidates that are left.
    pub(super) fn expects(&self, plan: &Plan, look: &Look) -> bool {
        let is_left = |stop: &Stop| matches!(self.stops.get(stop.candidate as usize), Some(None));
        self.next_look(plan) == Some(look.replicates) && look.stops.iter().all(is_left)
    }

    /// Takes a look that is expected.
    pub(super) fn take(&mut self, plan: &Plan, look: &Look) {
        for stop in &look.stops {
            if let Some(entry) = self.stops.get_mut(stop.candidate as usize) {
                *entry = Some(*stop);
            }
        }
        self.looks.push(look.clone());
        self.open(plan);
    }

    /// Lets the candidates that are left run up to the next look, or to the end.
    fn open(&mut self, plan: &Plan) {
        let reach = self.next_look(plan).unwrap_or(plan.replicates.len() as u32);
        for (entry, stop) in self.reach.iter_mut().zip(&self.stops) {
            if stop.is_none() {
                *entry = reach;
            }
        }
    }

    /// Panics if what is derived from the looks is not what they say. For tests.
    pub(super) fn check_invariants(&self, plan: &Plan) {
        let Some(stopping) = &plan.stopping else {
            assert!(self.looks.is_empty(), "no looks were asked for");
            return;
        };
        let mut stopped = vec![None; plan.candidates.len()];
        for (look, replicates) in self.looks.iter().zip(&stopping.looks) {
            assert_eq!(look.replicates, *replicates, "looks are taken in their order");
            for stop in &look.stops {
                let entry = &mut stopped[stop.candidate as usize];
                assert_eq!(*entry, None, "candidate {} is stopped once", stop.candidate);
                *entry = Some((look.replicates, *stop));
            }
        }
        for (candidate, stop) in stopped.iter().enumerate() {
            assert_eq!(self.stop(candidate), *stop, "a stopped candidate keeps the replicates that it had");
        }
        let is_race = matches!(stopping.rule, Rule::Race { .. });
        assert!(!is_race || self.left().next().is_some(), "the leader stays");
    }
}
