//! What people have done to a sweep, whether they ask over gRPC or on the live page.

use crate::driver::{Handle, Refusal};
use crate::plan::{self, Extended, NoMoreSplits};
use crate::scheduler::Rejection;
use crate::store::Reader;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// Asks the driver for it.
#[derive(Debug, Clone)]
pub struct Deeds {
    handle: Handle,
    store: PathBuf,
    /// Whoever has it adds splits.
    adding: Arc<Mutex<()>>,
}

/// Why splits were not added.
#[derive(Debug, thiserror::Error)]
pub enum SplitsError {
    /// The sweep cannot have them.
    #[error(transparent)]
    Fixed(#[from] NoMoreSplits),
    /// The driver refuses, or the store fails.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Deeds {
    /// At the coordinator of that driver, with that store.
    #[must_use]
    pub fn new(handle: Handle, store: PathBuf) -> Self {
        Self { handle, store, adding: Arc::default() }
    }

    /// Cancels a sweep's unfinished jobs; the answer is their number.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn cancel(&self, sweep: String) -> Result<u64, Refusal> {
        self.handle.cancel(sweep).await
    }

    /// Has a sweep's failed and cancelled jobs tried again, by the file that was submitted last; the answer is their number.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn retry(&self, sweep: String) -> Result<u64, Refusal> {
        let text = self.file(sweep.clone()).await?;
        self.handle.retry(sweep, text).await
    }

    /// Has a sweep submitted again with so many splits in all, by the file that was submitted last; the answer is the number of those that
    /// it did not have.
    ///
    /// # Errors
    /// If it cannot have that many; see [`SplitsError`].
    pub async fn add_splits(&self, sweep: String, splits: u64) -> Result<u64, SplitsError> {
        // whoever comes second sees what the first has added
        let _turn = self.adding.lock().await;
        let known =
            self.handle.status().borrow().sweeps.iter().find(|known| known.sweep == sweep).map(|sweep| sweep.simulated);
        let is_simulated = known.ok_or_else(|| Refusal::from(Rejection::UnknownSweep(sweep.clone())))?;
        let text = self.file(sweep).await?;
        let extended = aside(move || plan::with_splits(&text, splits)).await??;
        let Some(Extended { from, text, plan, added }) = extended else { return Ok(0) };
        let [from, plan] = [from, plan].map(|plan| if is_simulated { plan.simulated() } else { plan });
        self.handle.resubmit(from, plan, text).await?;
        Ok(added)
    }

    /// The file that a sweep was submitted with last.
    async fn file(&self, sweep: String) -> Result<String, Refusal> {
        let store = self.store.clone();
        let submission = aside(move || Reader::open(&store)?.submission(&sweep)).await?;
        Ok(submission.map_err(|error| Refusal::Store(error.to_string()))?.text)
    }
}

/// On a thread that may take its time.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    spawn_blocking(work).await.map_err(|error| Refusal::Store(error.to_string()))
}
