//! SIGUSR1: somebody asks how everything stands. The answer goes where the log goes, and nothing else changes. Commands that have no
//! answer pass over it: whoever asks all processes of that name ends none.

use super::CliError;
use super::progress::{Log, describe};
use crate::clock::now_ms;
use crate::outlook;
use proto::status::Status;
use std::io::Write;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Hears when somebody asks.
pub struct Asked(Signal);

impl Asked {
    /// Hears it from now on; before that the signal would end the program.
    ///
    /// # Errors
    /// If the process cannot catch signals.
    pub(super) fn hear() -> Result<Self, CliError> {
        let failed = |error| CliError::Internal(format!("cannot catch signals: {error}"));
        signal(SignalKind::user_defined1()).map(Self).map_err(failed)
    }

    /// Passes over it from now on.
    ///
    /// # Errors
    /// If the process cannot catch signals.
    pub fn pass_over() -> Result<(), CliError> {
        // it stays caught when nobody listens any more
        Self::hear().map(drop)
    }

    /// Answers each time with the newest status, until the program ends.
    pub(super) fn answer(mut self, status: watch::Receiver<Arc<Status>>) {
        tokio::spawn(async move {
            while self.0.recv().await.is_some() {
                // it may be old: nothing has changed since
                let view = Status { at_ms: now_ms(), ..Status::clone(&status.borrow()) };
                // a terminal that is gone needs no line
                let _ = Log.write_all(standing(view).as_bytes());
            }
        });
    }
}

/// What `status` says of the sweeps that are not over, or of the last one, and of the workers; then the slots.
fn standing(mut view: Status) -> String {
    let last = view.sweeps.last().map(|sweep| sweep.sweep.clone());
    let are_over = view.sweeps.iter().all(|sweep| sweep.state.is_over());
    view.sweeps.retain(|sweep| !sweep.state.is_over() || are_over && last.as_ref() == Some(&sweep.sweep));
    let none = if view.sweeps.is_empty() { "no sweep was submitted\n" } else { "" };
    format!("{none}{}{}\n", describe(&view), outlook::slots(&view))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::status::{SweepState, SweepStatus};

    #[test]
    fn sweeps_that_are_over_are_passed_over_while_another_is_not() {
        let sweep = |name: &str, state| SweepStatus { sweep: name.to_owned(), state, ..SweepStatus::default() };
        let view = |sweeps: &[SweepStatus]| Status { sweeps: sweeps.to_vec(), ..Status::default() };
        let [old, new] = ["old", "new"].map(|name| sweep(name, SweepState::Ended));
        let running = sweep("running", SweepState::Running);
        let jobs = "0/0 jobs done, 0 running, 0 failed";
        let said = standing(view(&[old.clone(), running, new.clone()]));
        assert_eq!(said, format!("running: {jobs}, waiting for workers\n0 of 0 slots busy\n"));
        assert_eq!(standing(view(&[old, new])), format!("new: {jobs}, ended\n0 of 0 slots busy\n"));
        assert_eq!(standing(view(&[])), "no sweep was submitted\n0 of 0 slots busy\n");
    }
}
