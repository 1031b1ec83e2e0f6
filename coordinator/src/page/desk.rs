//! What views are made of: the status as the driver publishes it, studies of sweeps (`studies.rs`), what workers did (`timelines.rs`),
//! and what is read of the store for one view.

use super::actions::Actions;
use super::precision::{self, Precision};
use super::studies::Studies;
use super::timelines::Timelines;
use crate::analyst::{Analyst, Archive, TableError};
use crate::results::{JobError, ResultsError};
use crate::telemetry::Telemetry;
use axum::http::StatusCode;
use proto::status::Status;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;

/// Maximum number of browsers that are told of new versions.
const MAX_VIEWERS: usize = 64;
/// Maximum number of sweeps whose intervals are measured for Prometheus.
const MAX_MEASURED: usize = 4;
/// Maximum number of views that read the store at the same time.
const MAX_READS: usize = 2;
/// A study is not made anew before so many times the time that it took have passed: viewers cost a tenth of a core at most.
const REST: u32 = 9;
/// What could not be read is read again after so long.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// Where the page's numbers come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where everything stands, now and after each change.
    pub status: watch::Receiver<Arc<Status>>,
    /// Makes the studies of sweeps.
    pub analyst: Arc<Mutex<Analyst>>,
    /// What is read without it.
    pub archive: Archive,
    /// The options that name where the results are, as a shell takes them: for commands that the page shows.
    pub named: String,
    /// The coordinator that runs the sweeps, if one does; only it knows what workers do.
    pub live: Option<Live>,
}

/// A coordinator that runs.
#[derive(Debug, Clone)]
pub struct Live {
    /// What it counts.
    pub telemetry: Arc<Telemetry>,
    /// Whether its store keeps what it is given; ends with its driver.
    pub keeps: watch::Receiver<bool>,
    /// What viewers may have done to its sweeps, if anything.
    pub actions: Option<Actions>,
}

/// What the views are made of.
#[derive(Debug)]
pub(super) struct Desk {
    source: Source,
    viewers: Arc<Semaphore>,
    pub(super) reads: Arc<Semaphore>,
    pub(super) studies: Studies,
    pub(super) timelines: Timelines,
    precision: Arc<Precision>,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There is no such sweep, job or page.
    #[error("{0}")]
    Missing(String),
    /// The store cannot be read, or a part of the program died.
    #[error("{0}")]
    Failed(String),
    /// What was asked for was not done.
    #[error("{0}")]
    NotDone(String),
}

impl Trouble {
    /// What HTTP calls it.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotDone(_) => StatusCode::CONFLICT,
        }
    }
}

impl From<TableError> for Trouble {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Results(ResultsError::UnknownSweep { .. } | ResultsError::NoSweep(_)) => {
                Self::Missing(error.to_string())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<JobError> for Trouble {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Store(_) => Self::Failed(error.to_string()),
            _ => Self::Missing(error.to_string()),
        }
    }
}

impl Desk {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            viewers: Arc::new(Semaphore::new(MAX_VIEWERS)),
            reads: Arc::new(Semaphore::new(MAX_READS)),
            studies: Studies::default(),
            timelines: Timelines::default(),
            precision: Arc::default(),
        }
    }

    /// Where everything stands.
    pub(super) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.source.status.borrow())
    }

    /// Where everything stands, now and after each change; ends with the driver.
    pub(super) fn changes(&self) -> watch::Receiver<Arc<Status>> {
        self.source.status.clone()
    }

    /// Where the numbers come from.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// One of a limited number of places for viewers; it is free again when the permit is dropped.
    pub(super) fn viewer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.viewers).try_acquire_owned().ok()
    }

    /// How well the newest sweeps are known, as their last studies say: the half-widths of intervals, see [`Precision`]. New studies are
    /// made for whoever asks next, as seldom as for viewers.
    pub(super) fn half_widths(self: &Arc<Self>) -> BTreeMap<String, f64> {
        let newest: Vec<_> = self.status().sweeps.iter().rev().take(MAX_MEASURED).map(|of| of.sweep.clone()).collect();
        let known = self.precision.of(&newest);
        if let Ok(turn) = Arc::clone(&self.precision.turn).try_lock_owned() {
            let desk = Arc::clone(self);
            tokio::spawn(async move {
                let _turn = turn;
                for sweep in newest {
                    // one that cannot be read, or was deleted, is not known
                    let study = desk.study(&sweep).await.ok();
                    desk.precision.note(sweep, study.and_then(|(_, study)| precision::half_width(&study)));
                }
            });
        }
        known
    }

    /// What the analyst answers, on a thread that may wait for it.
    pub(super) async fn ask<T: Send + 'static, E: Into<Trouble> + Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Analyst) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Trouble> {
        let mut analyst = Arc::clone(&self.source.analyst).lock_owned().await;
        let answer = spawn_blocking(move || ask(&mut analyst)).await;
        answer.map_err(|error| Trouble::Failed(error.to_string()))?.map_err(Into::into)
    }

    /// What is read of the store, whatever the analyst does; a few views at a time.
    pub(super) async fn read<T: Send + 'static, E: Into<Trouble> + Send + 'static>(
        &self,
        read: impl FnOnce(&Archive) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Trouble> {
        let failed = |error: String| Trouble::Failed(error);
        let permit = Arc::clone(&self.reads).acquire_owned().await.map_err(|error| failed(error.to_string()))?;
        let archive = self.source.archive.clone();
        let read = spawn_blocking(move || {
            // it reads to its end, even if nobody waits for it any more
            let _permit = permit;
            read(&archive)
        });
        let read = read.await;
        read.map_err(|error| failed(error.to_string()))?.map_err(Into::into)
    }
}

/// Whether what was made need not be made again: nothing has happened since, or it was made a moment ago.
pub(super) fn is_fresh(is_newest: bool, made: Instant, took: Duration) -> bool {
    is_newest || made.elapsed() < REST * took
}
