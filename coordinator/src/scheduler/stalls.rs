//! Leases that are kept by calling and not by working.
//!
//! A worker that calls keeps its leases, whatever its trainers do. One that hangs, or lies, would hold its jobs for good. So a job of which
//! no new epoch was measured for a while is taken away when its worker calls; that worker gets no more until it measures something. As with
//! [`quarantine`](super::quarantine) this holds only while another worker can run the job: a slow worker is better than none.

use super::{Fact, Job, JobState, State, Sweep, Timestamp};
use proto::ids::WorkerId;

/// Without a limit of the user's: epochs of the longest time so far that an epoch may take ...
const EPOCHS: u64 = 4;
/// ... but never less than this: data are read and prepared before the first epoch.
const MIN_MS: u64 = 15 * 60_000;
/// As long as the sweep has no epoch to judge by: twice the time after which a worker itself kills a trainer that hangs.
const UNKNOWN_MS: u64 = 2 * 3_600_000;

impl State {
    /// Whether the worker holds the job and has measured nothing for too long, `epoch` included, while another could run it.
    pub(super) fn is_stalled(&self, now: Timestamp, worker: WorkerId, job: &Job, epoch: Option<u32>) -> bool {
        let JobState::Leased { advance: before, .. } = &job.state else { return false };
        let mut sweeps = job.places.iter().filter_map(|(number, _)| self.sweeps.get(number));
        epoch.is_none_or(|epoch| epoch <= before.epoch)
            && sweeps.clone().all(|sweep| before.at.after(self.time_to_progress(sweep)) <= now)
            && sweeps.any(|sweep| !self.others(now, worker, sweep).is_empty())
    }

    fn time_to_progress(&self, sweep: &Sweep) -> u64 {
        self.limits.progress_ms.unwrap_or(match sweep.longest_epoch_ms {
            0 => UNKNOWN_MS,
            longest => MIN_MS.max(longest.saturating_mul(EPOCHS)),
        })
    }

    /// Notes how long an epoch took, before the fact is applied. By the clock here: what a worker says of it may be anything.
    pub(super) fn note_epoch(&mut self, now: Timestamp, fact: &Fact) {
        let &Fact::Progressed { job, epoch, .. } = fact else { return };
        let Some(job) = self.jobs.get(&job) else { return };
        let JobState::Leased { advance: before, .. } = &job.state else { return };
        let epochs = u64::from(epoch.saturating_sub(before.epoch));
        let Some(time) = now.0.saturating_sub(before.at.0).checked_div(epochs) else { return };
        for (number, _) in &job.places {
            if let Some(sweep) = self.sweeps.get_mut(number) {
                sweep.longest_epoch_ms = sweep.longest_epoch_ms.max(time);
            }
        }
    }
}
