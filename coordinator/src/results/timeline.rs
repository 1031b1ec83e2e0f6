//! Who ran what, and when: the attempts of a journal, on the slots that ran them.
//!
//! A slot has no name: attempts of a worker that overlap lie in lanes. The journal is read fact by fact, and what is kept of it is bounded,
//! however many attempts there were: those in a row that are too short to be told apart are one bar.

mod fold;

use crate::store::{Reader, StoreError};
use fold::Fold;
use proto::ids::{Attempt, JobId};
use std::collections::BTreeMap;

/// Maximum number of lanes whose bars are kept: of more lanes it is only known how busy each worker was.
pub const MAX_LANES: usize = 64;
/// Maximum number of bars.
pub const MAX_BARS: usize = 600;
/// Number of steps of the whole time, in each of which it is known how busy a worker was.
pub const STEPS: usize = 100;

/// The attempts that began in some time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// When the first of them began: milliseconds since 1970, UTC.
    pub from_ms: u64,
    /// The end of the time.
    pub until_ms: u64,
    /// How many there are.
    pub attempts: u64,
    /// What each worker did, by its alias.
    pub workers: BTreeMap<String, Lanes>,
}

/// What a worker did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lanes {
    /// The worker's name; empty where it is not known. The journal has aliases: names come with failures and with results.
    pub name: String,
    /// The bars of each lane, in order; without any in a timeline that has more than [`MAX_LANES`].
    pub bars: Vec<Vec<Bar>>,
    /// The time in which its lanes were busy, of all of them together, in each of the [`STEPS`]: milliseconds.
    pub busy_ms: Vec<u64>,
}

/// An attempt, or several in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// When it began, or the first of them: milliseconds since 1970, UTC.
    pub began_ms: u64,
    /// When it ended, or the last of them; the end of the timeline while it runs.
    pub ended_ms: u64,
    /// How many ended each way, in the order of [`End::ALL`].
    pub ends: [u64; 4],
    /// The attempt, if it is but one.
    pub only: Option<(JobId, Attempt)>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a result.
    Succeeded,
    /// It has not ended.
    Running,
    /// It was given back, taken away or lost: another attempt takes its place.
    Unfinished,
    /// By a failure.
    Failed,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Running, Self::Unfinished, Self::Failed];

    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Running => "running",
            Self::Unfinished => "not finished",
            Self::Failed => "failed",
        }
    }
}

impl Timeline {
    /// Whether it has too many lanes for bars.
    #[must_use]
    pub fn has_bands(&self) -> bool {
        self.workers.values().map(|worker| worker.bars.len()).sum::<usize>() > MAX_LANES
    }

    /// The length of a step.
    #[must_use]
    pub fn step_ms(&self) -> u64 {
        self.until_ms.saturating_sub(self.from_ms).div_ceil(STEPS as u64).max(1)
    }
}

impl Bar {
    /// How many attempts it is.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.ends.iter().sum()
    }

    /// Takes the next one in, if both fit into that time.
    fn takes(&mut self, next: &Self, room_ms: u64) -> bool {
        let fits = next.ended_ms.saturating_sub(self.began_ms) <= room_ms;
        if fits {
            self.ended_ms = self.ended_ms.max(next.ended_ms);
            self.ends = std::array::from_fn(|end| self.ends[end] + next.ends[end]);
            self.only = None;
        }
        fits
    }
}

/// The attempts that began within `back_ms` before `until_ms`, or before the last fact of the store if that is `None`; all if there is no
/// `back_ms`.
///
/// # Errors
/// If the journal cannot be read.
pub fn read(reader: &Reader, back_ms: Option<u64>, until_ms: Option<u64>) -> Result<Timeline, StoreError> {
    let until_ms = match until_ms {
        Some(until_ms) => until_ms,
        None => reader.last_ms()?,
    };
    let mut fold = Fold::new(until_ms);
    reader.since(back_ms.map_or(0, |back| until_ms.saturating_sub(back)), |at, fact| fold.apply(at, &fact))?;
    for (worker, job, attempt) in fold.nameless() {
        // a result that cannot be read is told by the tables
        if let Ok(Some(result)) = reader.result(job)
            && result.attempt == attempt
        {
            fold.name(worker, &result.worker);
        }
    }
    Ok(fold.end())
}

/// The timeline that ends then, of these facts.
#[cfg(test)]
pub(crate) fn of(until_ms: u64, facts: impl IntoIterator<Item = (u64, crate::scheduler::Fact)>) -> Timeline {
    let mut fold = Fold::new(until_ms);
    facts.into_iter().for_each(|(at, fact)| fold.apply(at, &fact));
    fold.end()
}
