//! Decides who runs what. A pure state machine: no clock, no file, no network, no randomness.
//!
//! ```text
//!  request --decide--> facts, reply      decide.rs  reads the state, changes nothing; grant.rs chooses the jobs
//!                                        plausible.rs  whether what a worker hands in can be true
//!                                        stalls.rs  whether a worker that calls does its work
//!                                        account.rs  what a submission, a retry or a deletion would do
//!             facts  --apply--> state    state.rs   the only mutator, live and on replay; submission.rs: which jobs a sweep has;
//!                                        jobs.rs    the jobs of which something is known; listing.rs: all others
//!             state  --status--> Status  status.rs  what people look at
//! ```
//!
//! A [`Fact`] that is durable is in the journal before its reply leaves; the others (renewals, offers, progress) are true only
//! while a worker is there to repeat them, and are forgotten at a restart.

mod account;
mod course;
mod decide;
mod fact;
mod grant;
mod invariants;
mod job;
mod jobs;
mod listing;
mod plausible;
mod quarantine;
mod request;
mod stalls;
mod state;
mod status;
mod submission;
mod submit;
mod sweep;
#[cfg(test)]
mod tests;

pub use course::Course;
pub use fact::{Fact, Found, Grade, Offer, WorkerInfo};
pub use job::{Advance, Holder, IllegalTransition, Job, JobState};
pub use jobs::Fingerprint;
pub use listing::Listing;
pub use request::{
    Breach, Completed, Completion, Decision, Deleted, Grant, Record, Rejection, Submitted, Synchronization,
    Synchronized, Taken,
};
pub use state::{Limits, State};
pub use submit::misfit;
pub use sweep::{Counts, Sweep};

/// Milliseconds on the coordinator's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This time and `ms` milliseconds.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}
