//! Several stores -> one new store with the sweeps and results of all. They may be in use meanwhile: only what was done by then is copied.
//!
//! ```text
//!  store A --restore--> its sweeps, its results --+
//!  store B --restore--> its sweeps, its results --+--> new store: of a job that several have, the result of the first counts
//! ```

use crate::rebuild::{self, Rebuilt};
use crate::results::{self, NoSweep};
use crate::scheduler::{Fact, State, Sweep};
use crate::store::{Reader, StoreError};
use proto::spec::Trainer;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why stores are not merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A store cannot be read, or the new one not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// One of them is empty.
    #[error(transparent)]
    Empty(#[from] NoSweep),
    /// Two sweeps of one name are not the same.
    #[error(
        "sweep `{sweep}` has another {what} in {store} than in the stores before: submit the file of one of them under another name (no job is trained again), then delete the old sweep and merge"
    )]
    Conflict {
        /// The sweep.
        sweep: String,
        /// What differs.
        what: &'static str,
        /// The later store.
        store: String,
    },
}

/// What the new store has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Sweeps.
    pub sweeps: u64,
    /// Results.
    pub results: u64,
    /// Results that a later store has as well; those of the earlier one were taken.
    pub repeated: u64,
    /// Results that stay behind: no sweep lists their jobs any more.
    pub strays: u64,
}

/// Makes a new store with the sweeps and results of others. Of a failed job nothing is taken over: it is queued again.
///
/// # Errors
/// If a store cannot be read or is empty, two sweeps of one name differ, the new file is there already, or it cannot be written.
pub fn merge(stores: &[PathBuf], into: &Path, mut says: impl FnMut(&str)) -> Result<Merged, MergeError> {
    rebuild::make(into, |new, _| {
        let mut merged = Merged::default();
        // whether a sweep is cancelled wherever it is
        let mut cancelled: BTreeMap<String, bool> = BTreeMap::new();
        for path in stores {
            says(&format!("reads {}", path.display()));
            let reader = Reader::open(path)?;
            let state = results::state(&reader)?;
            NoSweep::check(&reader, &state)?;
            for sweep in state.sweeps() {
                take_over(new, &reader, sweep)?;
                *cancelled.entry(sweep.plan.sweep.clone()).or_insert(true) &= sweep.cancelled;
            }
            copy_results(new, &reader, &state, &mut merged, &mut says)?;
        }
        for (sweep, _) in cancelled.into_iter().filter(|(_, is_cancelled)| *is_cancelled) {
            new.cancel(sweep)?;
        }
        merged.sweeps = new.state.sweeps().count() as u64;
        Ok(merged)
    })
}

/// Takes a sweep over, unless it is there already.
fn take_over(new: &mut Rebuilt, reader: &Reader, sweep: &Sweep) -> Result<(), MergeError> {
    let name = sweep.plan.sweep.clone();
    let pinned = sweep.inventory.as_ref().filter(|_| sweep.trainer() == Trainer::Candle);
    let known = new.state.sweeps().find(|known| known.plan.sweep == name);
    let conflict =
        |what| MergeError::Conflict { sweep: name.clone(), what, store: reader.path().display().to_string() };
    let is_pinned = match known {
        Some(known) if known.plan != sweep.plan => return Err(conflict("grid")),
        Some(known) => match (&known.inventory, pinned) {
            (Some(one), Some(other)) if one != other => return Err(conflict("data set")),
            (inventory, _) => inventory.is_some(),
        },
        None => {
            let text = reader.submission(&name)?.text;
            new.keep(Fact::Submitted { plan: Box::new(sweep.plan.as_ref().clone()), text })?;
            if let Some(problem) = &sweep.rejected {
                new.keep(Fact::Rejected { sweep: name.clone(), problem: problem.clone() })?;
            }
            false
        }
    };
    if let Some(inventory) = pinned.filter(|_| !is_pinned) {
        let (inventory, by) = (inventory.as_ref().clone(), sweep.pinned_by.clone());
        new.keep(Fact::Pinned { sweep: name, inventory, by })?;
    }
    Ok(())
}

fn copy_results(
    new: &mut Rebuilt,
    reader: &Reader,
    state: &State,
    merged: &mut Merged,
    says: &mut impl FnMut(&str),
) -> Result<(), MergeError> {
    let succeeded: u64 = reader.count("results").map(|(rows, _)| rows)?;
    let listed = state.sweeps().flat_map(|sweep| sweep.jobs.iter());
    let listed: std::collections::BTreeSet<_> = listed.copied().filter(|job| state.has_succeeded(job)).collect();
    let (repeated, fresh): (Vec<_>, Vec<_>) = listed.into_iter().partition(|job| new.has(*job));
    // a result that cannot be read is no reason to leave it out in silence
    if let Some(job) = new.copy_results(reader, &fresh, says)?.first() {
        return Err(reader.result(*job).err().unwrap_or_else(|| reader.without_result(*job)).into());
    }
    merged.repeated += repeated.len() as u64;
    merged.results += fresh.len() as u64;
    merged.strays += succeeded.saturating_sub((repeated.len() + fresh.len()) as u64);
    Ok(())
}
