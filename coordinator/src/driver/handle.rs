//! The way to the driver: what it can be asked, and how it answers.

use crate::plan::Plan;
use crate::scheduler::{
    Breach, Completed, Completion, Deleted, Listing, Offer, Rejection, State, Submitted, Synchronization, Synchronized,
    WorkerInfo,
};
use crate::store::StoreError;
use crate::telemetry::Telemetry;
use proto::ids::{ContentHash, WorkerId};
use proto::status::Status;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The scheduler refuses it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// What a worker handed in cannot be.
    #[error(transparent)]
    Impossible(#[from] Breach),
    /// The store could not keep it. Nothing was changed; trying again may help.
    #[error("the store failed: {0}")]
    Store(String),
    /// The coordinator is shutting down.
    #[error("the coordinator is shutting down")]
    Closed,
}

/// Where an answer goes.
pub type Reply<R> = oneshot::Sender<Result<R, Refusal>>;

/// A sweep file that is submitted.
pub struct Submission {
    /// What it says.
    pub plan: Box<Plan>,
    /// Its text.
    pub text: String,
    /// What the file said from which it was made, if it was made from one: it is refused if the sweep says something else by now.
    pub from: Option<Box<Plan>>,
    /// The content of its data set, where that was looked at.
    pub seen: Option<ContentHash>,
    /// Its jobs, if they could be listed before.
    pub listing: Option<Arc<Listing>>,
}

/// What the driver can be asked; see [`Handle`].
pub enum Request {
    /// A sweep file, and its jobs, if they could be listed before.
    Submit(Submission, Reply<Submitted>),
    /// What a submission would do.
    Preview(Box<Plan>, Option<Arc<Listing>>, Reply<Submitted>),
    /// Another try for a sweep's failed and cancelled jobs, and the text of its file.
    Retry(String, String, Reply<u64>),
    /// The end of a sweep.
    Cancel(String, Reply<u64>),
    /// The deletion of a sweep, or only what it would do.
    Delete(String, bool, Reply<Deleted>),
    /// A worker introduces itself.
    Register(WorkerId, WorkerInfo, Reply<()>),
    /// What a worker found where a data set should be, and the number of the synchronisation that brings it.
    Offer(WorkerId, u64, Box<Offer>, Reply<()>),
    /// What a worker is doing.
    Synchronize(WorkerId, Synchronization, Reply<Result<Synchronized, Breach>>),
    /// How an attempt ended.
    Complete(WorkerId, Box<Completion>, Reply<Result<Completed, Breach>>),
    /// End with this error.
    Fail(StoreError),
    /// End once all that was asked before is done.
    Stop,
}

/// The way to the driver. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) requests: Sender<Request>,
    pub(super) status: watch::Receiver<Arc<Status>>,
    pub(super) work: watch::Receiver<u64>,
    pub(super) keeps: watch::Receiver<bool>,
    pub(super) telemetry: Arc<Telemetry>,
}

impl Handle {
    /// Submits a sweep file. `seen` is the content of its data set, where that was looked at.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn submit(&self, plan: Plan, text: String, seen: Option<ContentHash>) -> Result<Submitted, Refusal> {
        let (plan, listing) = listed(plan).await?;
        let submission = Submission { plan, text, from: None, seen, listing };
        self.ask(|reply| Request::Submit(submission, reply)).await
    }

    /// Submits a sweep file that was made from another, which said `from`, unless the sweep says something else by now.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn resubmit(&self, from: Plan, plan: Plan, text: String) -> Result<Submitted, Refusal> {
        let (plan, listing) = listed(plan).await?;
        let submission = Submission { plan, text, from: Some(Box::new(from)), seen: None, listing };
        self.ask(|reply| Request::Submit(submission, reply)).await
    }

    /// What the submission of a plan would do; nothing is changed.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn preview(&self, plan: Plan) -> Result<Submitted, Refusal> {
        let (plan, listing) = listed(plan).await?;
        self.ask(|reply| Request::Preview(plan, listing, reply)).await
    }

    /// Has a sweep's failed and cancelled jobs tried again; the answer is their number. `text` is that of its file.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn retry(&self, sweep: String, text: String) -> Result<u64, Refusal> {
        self.ask(|reply| Request::Retry(sweep, text, reply)).await
    }

    /// Deletes a sweep, or says only what that would do.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn delete(&self, sweep: String, preview: bool) -> Result<Deleted, Refusal> {
        self.ask(|reply| Request::Delete(sweep, preview, reply)).await
    }

    /// Cancels a sweep; the answer is the number of jobs that this ended.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn cancel(&self, sweep: String) -> Result<u64, Refusal> {
        self.ask(|reply| Request::Cancel(sweep, reply)).await
    }

    /// Introduces a worker.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn register(&self, worker: WorkerId, info: WorkerInfo) -> Result<(), Refusal> {
        self.ask(|reply| Request::Register(worker, info, reply)).await
    }

    /// Says what a worker found where a data set should be, by the synchronisation of that number.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn offer(&self, worker: WorkerId, number: u64, offer: Offer) -> Result<(), Refusal> {
        self.ask(|reply| Request::Offer(worker, number, Box::new(offer), reply)).await
    }

    /// Says what a worker is doing; the answer is what it should be doing.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn synchronize(&self, worker: WorkerId, request: Synchronization) -> Result<Synchronized, Refusal> {
        Ok(self.ask(|reply| Request::Synchronize(worker, request, reply)).await??)
    }

    /// Ends an attempt.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn complete(&self, worker: WorkerId, completion: Completion) -> Result<Completed, Refusal> {
        Ok(self.ask(|reply| Request::Complete(worker, Box::new(completion), reply)).await??)
    }

    /// Where everything stands, now and after each change; ends with the driver.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// Changes whenever there may be work that was not there before.
    #[must_use]
    pub fn work(&self) -> watch::Receiver<u64> {
        self.work.clone()
    }

    /// Whether the store keeps what it is given: not after it has refused a transaction or was not found in its place, until it takes one
    /// again; ends with the driver.
    #[must_use]
    pub fn keeps(&self) -> watch::Receiver<bool> {
        self.keeps.clone()
    }

    /// What the driver counts, and the services.
    #[must_use]
    pub fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.telemetry)
    }

    /// Ends the driver once it has carried out what it was asked before.
    pub fn stop(&self) {
        // a driver that has ended already is what is asked for
        let _ = self.requests.send(Request::Stop);
    }

    async fn ask<R>(&self, request: impl FnOnce(Reply<R>) -> Request) -> Result<R, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).map_err(|_| Refusal::Closed)?;
        answer.await.map_err(|_| Refusal::Closed)?
    }
}

/// The jobs of a plan, if they are known without the driver: those of a million take a second, in which it shall answer others.
async fn listed(plan: Plan) -> Result<(Box<Plan>, Option<Arc<Listing>>), Refusal> {
    let list = move || {
        let listing = State::data_of(&plan).map(|data| Arc::new(Listing::of(&plan, &data)));
        (Box::new(plan), listing)
    };
    spawn_blocking(list).await.map_err(|_| Refusal::Closed)
}
