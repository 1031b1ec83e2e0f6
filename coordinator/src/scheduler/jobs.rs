//! The jobs of which more is known than that sweeps list them.
//!
//! Most jobs of a large sweep succeed, and no attempt of them fails or is lost: they are *done*. Of a job that is done only what may still
//! be asked for is kept, and the sweeps that want it are found by their lists. All other jobs are *live*.

use super::{Grade, Job, JobState};
use crate::race::Mark;
use proto::ids::{Attempt, JobId, Token};
use proto::measure::{Scores, Verdict};
use proto::spec::Metric;
use std::collections::BTreeMap;

/// Jobs by their ids. Each is either live or done.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Jobs {
    // boxed, as a job is large and the tree moves what it holds
    live: BTreeMap<JobId, Box<Job>>,
    done: BTreeMap<JobId, Done>,
}

/// What is kept of a job that is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Done {
    attempts: Attempt,
    ended: Attempt,
    token: [u8; 16],
    verdict: Option<Verdict>,
    /// Not a number where there is no score.
    scores: [f64; 7],
}

// there may be a million of them
const _: () = assert!(size_of::<Done>() == 88);

impl Jobs {
    /// The job, unless it is done.
    pub(super) fn get(&self, id: &JobId) -> Option<&Job> {
        self.live.get(id).map(Box::as_ref)
    }

    /// What is kept of the job, if it is done.
    pub(super) fn done(&self, id: &JobId) -> Option<&Done> {
        self.done.get(id)
    }

    pub(super) fn contains(&self, id: &JobId) -> bool {
        self.live.contains_key(id) || self.done.contains_key(id)
    }

    /// The jobs that are not done, in the order of their ids.
    pub(super) fn live(&self) -> impl Iterator<Item = (&JobId, &Job)> {
        self.live.iter().map(|(id, job)| (id, job.as_ref()))
    }

    /// The jobs that are done, in the order of their ids.
    pub(super) fn done_ids(&self) -> impl Iterator<Item = JobId> {
        self.done.keys().copied()
    }

    /// The jobs that have a result.
    #[cfg(test)]
    pub(super) fn succeeded(&self) -> impl Iterator<Item = JobId> {
        let live = self.live.iter().filter(|(_, job)| job.state == JobState::Succeeded);
        live.map(|(id, _)| *id).chain(self.done_ids())
    }

    /// Where the job stands.
    pub(super) fn state(&self, id: &JobId) -> Option<&JobState> {
        self.get(id).map(|job| &job.state).or_else(|| self.done.contains_key(id).then_some(&JobState::Succeeded))
    }

    /// How the job stands at a look.
    pub(super) fn mark(&self, id: &JobId, metric: Metric) -> Mark {
        let done = || self.done(id)?.grade().map(|grade| grade.mark(metric));
        self.get(id).map(|job| job.mark(metric)).or_else(done).unwrap_or_default()
    }

    /// The lease that its holder ended last.
    pub(super) fn ended(&self, id: &JobId) -> Option<(Attempt, Token)> {
        self.get(id).and_then(|job| job.ended).or_else(|| self.done(id).map(Done::ended))
    }

    /// Keeps a job, and of one that is done no more than is needed.
    pub(super) fn put(&mut self, id: JobId, job: Box<Job>) {
        match Done::of(&job) {
            Some(done) => drop(self.done.insert(id, done)),
            None => drop(self.live.insert(id, job)),
        }
    }

    /// Takes the job out, to change it, unless it is done.
    pub(super) fn take(&mut self, id: &JobId) -> Option<Box<Job>> {
        self.live.remove(id)
    }

    /// Takes the job out, to change it, if it is done. `places` are where sweeps list it.
    pub(super) fn take_done(&mut self, id: &JobId, places: &[(u64, u32)]) -> Option<Box<Job>> {
        Some(Box::new(self.done.remove(id)?.job(places.to_vec())))
    }

    /// Forgets these jobs.
    pub(super) fn erase(&mut self, jobs: &[JobId]) {
        for id in jobs {
            self.live.remove(id);
            self.done.remove(id);
        }
    }

    /// Forgets the live jobs that are not wanted.
    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(&mut Job) -> bool) {
        self.live.retain(|_, job| is_wanted(job));
    }
}

impl Done {
    /// What is kept of a job, if it is done.
    fn of(job: &Job) -> Option<Self> {
        let (ended, token) = job.ended.filter(|_| job.is_done())?;
        let Scores { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy } =
            job.grade.map(|grade| grade.validation).unwrap_or_default();
        let scores = [loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy];
        Some(Self {
            attempts: job.attempts,
            ended,
            token: token.0.to_ne_bytes(),
            verdict: job.grade.map(|grade| grade.verdict),
            scores: scores.map(|score| score.unwrap_or(f64::NAN)),
        })
    }

    /// The job that it was. `places` are where sweeps list it.
    pub(super) fn job(&self, places: Vec<(u64, u32)>) -> Job {
        Job::done(places, self.attempts, self.ended(), self.grade())
    }

    fn ended(&self) -> (Attempt, Token) {
        (self.ended, Token(u128::from_ne_bytes(self.token)))
    }

    fn grade(&self) -> Option<Grade> {
        let [loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy] =
            self.scores.map(|score| Some(score).filter(|score| !score.is_nan()));
        let validation = Scores { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy };
        self.verdict.map(|verdict| Grade { verdict, validation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_is_done_is_the_job_that_it_was() {
        let validation = Scores { iou: Some(0.5), accuracy: Some(0.75), ..Scores::default() };
        let id = JobId(1);
        for grade in [None, Some(Grade { verdict: Verdict::Trivial, validation })] {
            let job = Job::done(vec![(3, 4)], Attempt(2), (Attempt(1), Token(u128::MAX - 5)), grade);
            let mut jobs = Jobs::default();
            jobs.put(id, Box::new(job.clone()));
            assert!(jobs.get(&id).is_none());
            assert_eq!((jobs.mark(&id, Metric::Iou), jobs.ended(&id)), (job.mark(Metric::Iou), job.ended));
            assert_eq!(jobs.take_done(&id, &[(3, 4)]), Some(Box::new(job)));
            assert!(!jobs.contains(&id));
        }
    }

    #[test]
    fn a_job_that_failed_before_stays_whole() {
        let mut job = Job::done(Vec::new(), Attempt(2), (Attempt(2), Token(7)), None);
        job.message = Some("out of memory".to_owned());
        let mut jobs = Jobs::default();
        jobs.put(JobId(1), Box::new(job.clone()));
        assert_eq!(jobs.get(&JobId(1)), Some(&job));
    }
}
