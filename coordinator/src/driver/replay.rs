//! The journal, and the state that it adds up to: one thread reads facts while another applies those that were read.

use crate::scheduler::{Fact, Limits, State, Timestamp};
use crate::store::{Reader, StoreError};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Facts that go from one thread to the other together.
const BATCH: usize = 512;
/// Batches that were read and not yet applied, at most.
const MAX_BATCHES: usize = 64;

/// The state that the facts of a store add up to. Leases that were out get a fresh full term from `now`.
///
/// # Errors
/// If the store cannot be read back.
pub fn restore(reader: &Reader, now: Timestamp, limits: Limits, nonce: u128) -> Result<State, StoreError> {
    let mut state = State::new(limits, nonce);
    let (sender, batches) = sync_channel::<Vec<(i64, Fact)>>(MAX_BATCHES);
    thread::scope(|scope| {
        let replay = scope.spawn(move || {
            for (seq, fact) in batches.into_iter().flatten() {
                state.apply(now, &fact).map_err(|misfit| (seq, misfit.to_string()))?;
            }
            Ok(state.restored(now))
        });
        let mut batch = Vec::with_capacity(BATCH);
        // a thread that takes no more has met a fact that does not fit
        let pass_on =
            |batch| if sender.send(batch).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let read = reader.facts(|seq, fact| {
            batch.push((seq, fact));
            if batch.len() < BATCH {
                return ControlFlow::Continue(());
            }
            pass_on(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)))
        });
        let _ = pass_on(batch);
        drop(sender);
        match replay.join() {
            Ok(Ok(state)) => read.map(|()| state),
            Ok(Err((seq, misfit))) => Err(reader.misfit(seq, misfit)),
            Err(panic) => resume_unwind(panic),
        }
    })
}
