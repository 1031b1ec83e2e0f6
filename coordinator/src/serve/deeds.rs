//! What people have done to a sweep, whether they ask over gRPC or on the live page.

use crate::driver::{Handle, Refusal};
use crate::store::Reader;
use std::path::PathBuf;
use tokio::task::spawn_blocking;

/// Asks the driver for it.
#[derive(Debug, Clone)]
pub struct Deeds {
    handle: Handle,
    store: PathBuf,
}

impl Deeds {
    /// At the coordinator of that driver, with that store.
    #[must_use]
    pub fn new(handle: Handle, store: PathBuf) -> Self {
        Self { handle, store }
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
        let (store, name) = (self.store.clone(), sweep.clone());
        let submission = spawn_blocking(move || Reader::open(&store)?.submission(&name)).await;
        let submission = submission.map_err(|error| Refusal::Store(error.to_string()))?;
        let text = submission.map_err(|error| Refusal::Store(error.to_string()))?.text;
        self.handle.retry(sweep, text).await
    }
}
