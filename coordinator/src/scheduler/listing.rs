//! The ids of a sweep's jobs, and the way back from an id to its place in the queue.
//!
//! A job of which nothing is known but that it waits is only this: a million of them are twenty megabytes, and are forgotten with their
//! sweep. It becomes a [`Job`](super::Job) with the first fact about it, or if a second sweep wants it.

use crate::plan::Plan;
use proto::ids::{ContentHash, JobId};
use rayon::prelude::*;
use std::ops::{Deref, RangeInclusive};

/// The ids of a sweep's jobs in the order of its queue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    ids: Vec<JobId>,
    /// The places, in the order of the ids.
    by_id: Vec<u32>,
}

impl Listing {
    /// The jobs of a plan on data of that content. For a million it takes a second, so it is done before anyone waits for it.
    #[must_use]
    pub fn of(plan: &Plan, content: ContentHash) -> Self {
        let candidates = plan.candidates.len();
        let id = |place: usize| plan.job(place % candidates, place / candidates, content).id();
        let ids: Vec<_> = (0..plan.jobs()).into_par_iter().map(id).collect();
        let mut by_id: Vec<_> = (0..ids.len() as u32).collect();
        by_id.par_sort_unstable_by_key(|place| ids[*place as usize]);
        Self { ids, by_id }
    }

    /// Whether it is that of this plan and content, by its ends.
    pub(super) fn fits(&self, plan: &Plan, content: ContentHash) -> bool {
        let (candidates, replicates) = (plan.candidates.len(), plan.replicates.len());
        let [first, last] = [(0, 0), (candidates.saturating_sub(1), replicates.saturating_sub(1))]
            .map(|(candidate, replicate)| (plan.jobs() > 0).then(|| plan.job(candidate, replicate, content).id()));
        (self.ids.len(), self.ids.first(), self.ids.last()) == (plan.jobs(), first.as_ref(), last.as_ref())
    }

    /// The place of a job in the queue.
    #[must_use]
    pub fn place_of(&self, id: JobId) -> Option<u32> {
        let found = self.by_id.binary_search_by_key(&id, |place| self.ids[*place as usize]);
        found.ok().map(|index| self.by_id[index])
    }

    /// The jobs with an id in that range and their places, in the order of the ids.
    pub fn between(&self, ids: &RangeInclusive<JobId>) -> impl Iterator<Item = (JobId, u32)> {
        let start = self.by_id.partition_point(|place| self.ids[*place as usize] < *ids.start());
        let found = self.by_id[start..].iter().map(|place| (self.ids[*place as usize], *place));
        found.take_while(|(id, _)| id <= ids.end())
    }

    /// The jobs and their places, in the order of the ids.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (JobId, u32)> {
        self.by_id.iter().map(|place| (self.ids[*place as usize], *place))
    }
}

impl Deref for Listing {
    type Target = [JobId];

    fn deref(&self) -> &[JobId] {
        &self.ids
    }
}

/// The items that two sorted lists share, each with what it is in either.
pub(super) fn shared<A, B>(
    one: impl Iterator<Item = (JobId, A)>,
    other: impl Iterator<Item = (JobId, B)>,
) -> Vec<(JobId, A, B)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    let mut both = Vec::new();
    while let (Some((a, _)), Some((b, _))) = (one.peek(), other.peek()) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => drop(one.next()),
            std::cmp::Ordering::Greater => drop(other.next()),
            std::cmp::Ordering::Equal => {
                if let (Some((id, a)), Some((_, b))) = (one.next(), other.next()) {
                    both.push((id, a, b));
                }
            }
        }
    }
    both
}
