//! What of the facts belongs in the coordinator's log: who comes and goes, and what goes wrong.

use crate::scheduler::{Fact, State, Timestamp};
use std::time::Duration;
use tracing::Level;

/// A line of the log.
pub(super) struct News {
    level: Level,
    text: String,
}

impl News {
    /// What a fact is worth in the log, before it is applied.
    pub(super) fn of(state: &State, now: Timestamp, fact: &Fact) -> Option<Self> {
        let worker = |worker| state.worker_named(worker);
        let job = |job| state.job_name(job);
        let holder = |job| state.holder_named(job);
        let (level, text) = match fact {
            Fact::Registered { worker: id, info } => {
                let (named, slots) = (id.named(&info.name), crate::text::plural(info.slots.into(), "slot"));
                (Level::INFO, format!("worker {named} has joined: host {}, {}, {slots}", info.host, info.device))
            }
            Fact::Seen { worker: id, .. } if state.is_silent(*id) => {
                (Level::INFO, format!("worker {} is back", worker(*id)))
            }
            Fact::Silent { worker: id } => {
                let silence = Duration::from_secs(now.0.saturating_sub(state.last_seen(*id)?.0) / 1000);
                let silence = humantime::format_duration(silence);
                (Level::WARN, format!("worker {} has been silent for {silence}", worker(*id)))
            }
            Fact::Draining { worker: id } => (Level::INFO, format!("worker {} leaves", worker(*id))),
            Fact::Lost { job: id, attempt } => {
                (Level::WARN, format!("{}, attempt {attempt}, is lost with worker {}", job(*id), holder(*id)))
            }
            Fact::Stalled { job: id, attempt } => {
                let worker = holder(*id);
                (Level::WARN, format!("{}, attempt {attempt}, makes no progress on worker {worker}", job(*id)))
            }
            Fact::Released { job: id, attempt, too_large: true } => {
                let (job, worker) = (job(*id), holder(*id));
                (Level::INFO, format!("{job}, attempt {attempt}, does not fit into the memory of worker {worker}"))
            }
            Fact::Failed { job: id, attempt, message, .. } => {
                let worker = holder(*id);
                (Level::WARN, format!("{}, attempt {attempt}, has failed on worker {worker}: {message}", job(*id)))
            }
            Fact::Rejected { sweep, problem } => (Level::WARN, format!("sweep {sweep} cannot run: {problem}")),
            _ => return None,
        };
        Some(Self { level, text })
    }

    /// Writes the line.
    pub(super) fn log(&self) {
        match self.level {
            Level::INFO => tracing::info!("{}", self.text),
            _ => tracing::warn!("{}", self.text),
        }
    }
}
