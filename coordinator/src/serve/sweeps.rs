//! The service for people and the command line.

use super::status;
use crate::analysis::export::{Format, render};
use crate::driver::Handle;
use crate::plan;
use crate::query::{self, QueryError, Rows};
use crate::scheduler::{RunningView, SweepState, SweepView, View, WorkerView};
use crate::store::Reader;
use proto::convert::InvalidMessage;
use proto::ids::Attempt;
use proto::wire::sweeps_server::Sweeps;
use proto::wire::{
    CancelRequest, CancelResponse, JobRequest, JobResponse, RunningJob, StatusRequest, StatusResponse, SubmitRequest,
    SubmitResponse, SweepStatus, TablesRequest, TablesResponse, WorkerStatus,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt, iter};
use tonic::{Request, Response, Status};

/// A table is sent in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;
/// Watchers at once. What one has not read yet is kept: two views of 2,000 workers are a megabyte.
const MAX_WATCHERS: usize = 64;
/// Tables that wait to be made or read. One of a million jobs has 60 MB.
const MAX_TABLES: usize = 16;

#[derive(Debug)]
pub(super) struct SweepsService {
    handle: Handle,
    store: PathBuf,
    watchers: Arc<Semaphore>,
    tables: Arc<Semaphore>,
    /// Tables are made one after the other: each takes gigabytes if there are a million jobs.
    turn: Arc<Semaphore>,
}

impl SweepsService {
    pub(super) fn new(handle: Handle, store: PathBuf) -> Self {
        let [watchers, tables, turn] = [MAX_WATCHERS, MAX_TABLES, 1].map(|places| Arc::new(Semaphore::new(places)));
        Self { handle, store, watchers, tables, turn }
    }
}

/// One of a limited number of places; it is free again when the permit is dropped.
fn place(places: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, Status> {
    let place = Arc::clone(places).try_acquire_owned();
    place.map_err(|_| Status::resource_exhausted(format!("too many {what} at once: end one, or try again later")))
}

type Pieces<T> = std::pin::Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Sweeps for SweepsService {
    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let SubmitRequest { file, text, simulated } = request.into_inner();
        // a large grid takes a while, and others call meanwhile
        let parsed = tokio::task::spawn_blocking(move || (plan::parse(&file, &text), text)).await;
        let (plan, text) = parsed.map_err(|error| Status::internal(error.to_string()))?;
        let plan = plan.map_err(|errors| Status::invalid_argument(errors.to_string()))?;
        let plan = if simulated { plan.simulated() } else { plan };
        let submitted = self.handle.submit(plan, text).await.map_err(status)?;
        Ok(Response::new(SubmitResponse { sweep: submitted.sweep, jobs: submitted.jobs }))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        let cancelled = self.handle.cancel(request.into_inner().sweep).await.map_err(status)?;
        Ok(Response::new(CancelResponse { cancelled }))
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let view = self.handle.view().borrow().clone();
        Ok(Response::new(view_to_status(&view, &request.into_inner().sweep)))
    }

    type WatchStream = Pieces<StatusResponse>;

    async fn watch(&self, request: Request<StatusRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let sweep = request.into_inner().sweep;
        let place = place(&self.watchers, "watchers")?;
        // made when the reader has room for it, of the newest view
        let views = WatchStream::new(self.handle.view()).map(move |view| {
            let _place = &place;
            Ok(view_to_status(&view, &sweep))
        });
        Ok(Response::new(Box::pin(views)))
    }

    type TablesStream = Pieces<TablesResponse>;

    async fn tables(&self, request: Request<TablesRequest>) -> Result<Response<Self::TablesStream>, Status> {
        let TablesRequest { sweep, rows, format } = request.into_inner();
        let unknown = |field| Status::invalid_argument(InvalidMessage::Value(field).to_string());
        let rows = Rows::from_name(&rows).ok_or_else(|| unknown("rows"))?;
        let format: Format = clap::ValueEnum::from_str(&format, false).map_err(|_| unknown("format"))?;
        let place = place(&self.tables, "tables")?;
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let store = self.store.clone();
        let made = tokio::task::spawn_blocking(move || {
            // a table whose reader has gone is made all the same, and others wait for its end
            let _turn = turn;
            make_table(&store, &sweep, rows, format)
        });
        let text = made.await.map_err(|error| Status::internal(error.to_string()))??;
        let pieces = (0..text.len()).step_by(PIECE_BYTES).map(move |start| {
            let _place = &place;
            let end = text.len().min(start + PIECE_BYTES);
            Ok(TablesResponse { text: text[start..end].to_vec() })
        });
        Ok(Response::new(Box::pin(iter(pieces))))
    }

    async fn job(&self, request: Request<JobRequest>) -> Result<Response<JobResponse>, Status> {
        let JobRequest { job } = request.into_inner();
        let _place = place(&self.tables, "tables")?;
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let store = self.store.clone();
        let found = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            Reader::open(&store).map_err(QueryError::from).and_then(|reader| query::job_file(&reader, &job))
        });
        let file = found.await.map_err(|error| Status::internal(error.to_string()))?.map_err(refused)?;
        Ok(Response::new(JobResponse { file }))
    }
}

/// Why there is no answer to a query.
fn refused(error: QueryError) -> Status {
    match error {
        QueryError::Store(_) => Status::unavailable(error.to_string()),
        _ => Status::not_found(error.to_string()),
    }
}

fn make_table(store: &Path, sweep: &str, rows: Rows, format: Format) -> Result<Vec<u8>, Status> {
    let table = Reader::open(store).map_err(QueryError::from).and_then(|reader| query::table(&reader, sweep, rows));
    render(&table.map_err(refused)?, format).map_err(|error| Status::internal(error.to_string()))
}

/// The view for the wire; only the sweep of that name, if it is not empty.
fn view_to_status(view: &View, sweep: &str) -> StatusResponse {
    let shown = |name: &str| sweep.is_empty() || name == sweep;
    StatusResponse {
        sweeps: view.sweeps.iter().filter(|view| shown(&view.sweep)).map(sweep_to_wire).collect(),
        workers: view.workers.iter().map(worker_to_wire).collect(),
        epochs_per_second: view.epochs_per_second,
    }
}

fn sweep_to_wire(view: &SweepView) -> SweepStatus {
    use proto::wire::SweepState as Wire;
    let state = match view.state {
        SweepState::WaitingForData => Wire::WaitingForData,
        SweepState::Running => Wire::Running,
        SweepState::Ended => Wire::Ended,
        SweepState::Rejected => Wire::Rejected,
    };
    SweepStatus {
        sweep: view.sweep.clone(),
        state: state.into(),
        jobs: view.jobs,
        queued: view.queued,
        running: view.running,
        succeeded: view.succeeded,
        failed: view.failed,
        cancelled: view.cancelled,
        epochs: view.epochs,
        epochs_done: view.epochs_done,
        simulated: view.simulated,
        problem: view.problem.clone(),
        dropped: view.dropped,
    }
}

fn worker_to_wire(view: &WorkerView) -> WorkerStatus {
    WorkerStatus {
        worker: view.worker.clone(),
        name: view.name.clone(),
        host: view.host.clone(),
        device: view.device.clone(),
        slots: view.slots,
        running: view
            .running
            .iter()
            .map(|running| RunningJob {
                sweep: running.sweep.clone(),
                job: running.job.to_string(),
                attempt: running.attempt.0,
                label: running.label.clone(),
                epoch: running.epoch,
                epochs: running.epochs,
            })
            .collect(),
        notices: view.notices.clone(),
        connected: view.connected,
        quarantined: view.quarantined,
    }
}

/// The view that the service made a message of, at the other end.
///
/// # Errors
/// If the message is not understood.
pub fn status_to_view(status: StatusResponse) -> Result<View, InvalidMessage> {
    Ok(View {
        sweeps: status.sweeps.into_iter().map(sweep_from_wire).collect::<Result<_, _>>()?,
        workers: status.workers.into_iter().map(worker_from_wire).collect::<Result<_, _>>()?,
        epochs_per_second: status.epochs_per_second,
    })
}

fn sweep_from_wire(status: SweepStatus) -> Result<SweepView, InvalidMessage> {
    use proto::wire::SweepState as Wire;
    let state = match status.state() {
        Wire::Unspecified => return Err(InvalidMessage::Value("sweep.state")),
        Wire::WaitingForData => SweepState::WaitingForData,
        Wire::Running => SweepState::Running,
        Wire::Ended => SweepState::Ended,
        Wire::Rejected => SweepState::Rejected,
    };
    let SweepStatus { sweep, jobs, queued, running, succeeded, failed, cancelled, .. } = status;
    let SweepStatus { epochs, epochs_done, simulated, problem, dropped, .. } = status;
    Ok(SweepView {
        sweep,
        state,
        jobs,
        queued,
        running,
        succeeded,
        failed,
        cancelled,
        dropped,
        epochs,
        epochs_done,
        simulated,
        problem,
    })
}

fn worker_from_wire(status: WorkerStatus) -> Result<WorkerView, InvalidMessage> {
    let running = status.running.into_iter().map(|running| {
        let RunningJob { sweep, job, attempt, label, epoch, epochs } = running;
        Ok(RunningView { sweep, job: job.parse()?, attempt: Attempt(attempt), label, epoch, epochs })
    });
    Ok(WorkerView {
        running: running.collect::<Result<_, InvalidMessage>>()?,
        worker: status.worker,
        name: status.name,
        host: status.host,
        device: status.device,
        slots: status.slots,
        notices: status.notices,
        connected: status.connected,
        quarantined: status.quarantined,
    })
}
