//! The ids of a sweep's jobs, and the way back from an id to its place in the queue.
//!
//! A job of which nothing is known but that it waits is only this: a million of them are 24 megabytes, and are forgotten with their
//! sweep. It becomes a [`Job`](super::Job) with the first fact about it, or if a second sweep wants it.

use crate::plan::{Candidate, Plan};
use proto::data::Inventory;
use proto::ids::JobId;
use proto::spec::Split;
use rayon::prelude::*;
use std::ops::{Deref, RangeInclusive};

/// The ids of a sweep's jobs in the order of its queue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    ids: Vec<JobId>,
    /// The places, in the order of the ids.
    by_id: Vec<u32>,
    /// As many bins as jobs, each with an equal share of all ids: ids are hashes, so there is about one job in each. Where in `by_id` the
    /// bins begin, and its length.
    bins: Vec<u32>,
}

impl Listing {
    /// The jobs of a plan on a data set. A million take some tenths of a second, so it is done before anyone waits for it.
    #[must_use]
    pub fn of(plan: &Plan, data: &Inventory) -> Self {
        let splits: Vec<Split> =
            (0..plan.replicates.len()).map(|replicate| plan.split(replicate, data).unwrap_or(plan.drawn())).collect();
        // replicates that follow each other and are split alike differ by their seeds only
        let alike = || splits.chunk_by(|one, next| one == next);
        let ids_of = |candidate: &Candidate| {
            let mut job = candidate.template.clone();
            job.data.content = data.content;
            let (mut ids, mut start) = (Vec::with_capacity(splits.len()), 0);
            for same in alike() {
                job.split = same[0];
                ids.extend(job.ids_at(&plan.replicates[start..start + same.len()]));
                start += same.len();
            }
            ids
        };
        let by_candidate: Vec<_> = plan.candidates.par_iter().map(ids_of).collect();
        // the queue has one replicate of every candidate before the next
        let replicate = |replicate: usize| by_candidate.iter().map(move |ids| ids[replicate]);
        Self::from((0..plan.replicates.len()).flat_map(replicate).collect::<Vec<_>>())
    }

    /// Whether it is that of this plan and data set, by its ends.
    pub(super) fn fits(&self, plan: &Plan, data: &Inventory) -> bool {
        let (candidates, replicates) = (plan.candidates.len(), plan.replicates.len());
        let [first, last] = [(0, 0), (candidates.saturating_sub(1), replicates.saturating_sub(1))]
            .map(|(candidate, replicate)| (plan.jobs() > 0).then(|| plan.job(candidate, replicate, data).id()));
        (self.ids.len(), self.ids.first(), self.ids.last()) == (plan.jobs(), first.as_ref(), last.as_ref())
    }

    /// The place of a job in the queue.
    #[must_use]
    pub fn place_of(&self, id: JobId) -> Option<u32> {
        let bin = bin(id, self.ids.len());
        let (begin, end) = (*self.bins.get(bin)? as usize, *self.bins.get(bin + 1)? as usize);
        let found = self.by_id[begin..end].binary_search_by_key(&id, |place| self.ids[*place as usize]);
        found.ok().map(|index| self.by_id[begin + index])
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

impl From<Vec<JobId>> for Listing {
    fn from(ids: Vec<JobId>) -> Self {
        let mut bins = vec![0; ids.len() + 1];
        for id in &ids {
            bins[bin(*id, ids.len()) + 1] += 1;
        }
        for bin in 1..bins.len() {
            bins[bin] += bins[bin - 1];
        }
        let (mut by_id, mut next) = (vec![0; ids.len()], bins.clone());
        for (place, id) in (0..).zip(&ids) {
            let next = &mut next[bin(*id, ids.len())];
            by_id[*next as usize] = place;
            *next += 1;
        }
        for bin in bins.array_windows() {
            let [begin, end] = bin.map(|index: u32| index as usize);
            by_id[begin..end].sort_unstable_by_key(|place| ids[*place as usize]);
        }
        Self { ids, by_id, bins }
    }
}

/// In which of so many bins an id is.
fn bin(id: JobId, bins: usize) -> usize {
    (((id.0 >> 64) * bins as u128) >> 64) as usize
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_found_wherever_its_id_is() {
        let spread = |count: u64| (0..count).map(|index| JobId::of(&index.to_be_bytes()));
        let crowded = (0..40).map(|low| JobId(7 << 100 | low)).rev();
        let extreme = [JobId(u128::MAX), JobId(0)].into_iter().chain(crowded).collect::<Vec<_>>();
        for ids in [Vec::new(), vec![JobId(u128::MAX)], spread(1000).collect(), extreme] {
            let listing = Listing::from(ids.clone());
            for (place, id) in (0..).zip(&ids) {
                assert_eq!(listing.place_of(*id), Some(place));
            }
            for other in [JobId(1), JobId(u128::MAX - 1), JobId(7 << 100 | 40)] {
                assert_eq!(listing.place_of(other), None);
            }
            let sorted: Vec<_> = listing.sorted().map(|(id, _)| id).collect();
            assert!(sorted.is_sorted() && sorted.len() == ids.len());
            let from = JobId(6 << 100);
            let between = listing.between(&(from..=JobId(8 << 100))).count();
            assert_eq!(between, ids.iter().filter(|id| (from..=JobId(8 << 100)).contains(id)).count());
        }
    }
}
