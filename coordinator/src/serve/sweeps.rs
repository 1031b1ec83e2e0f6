//! The service for people and the command line.

use super::{Deeds, SplitsError, status};
use crate::analyst::{Analyst, Question, TableError, Written};
use crate::clock::now_ms;
use crate::driver::Handle;
use crate::plan;
use crate::publish::{Asked, PublishError};
use crate::results::{self, JobError, JobHistory, ResultsError, RowState};
use crate::scheduler::{Deleted, Submitted};
use crate::store::Reader;
use crate::tables::export::Format;
use crate::tables::table::Frame;
use crate::tables::{Shape, TableKind};
use crate::weights::{self, Asked as AskedWeights, JobWeights};
use proto::artifact_store::ArtifactStore;
use proto::convert::InvalidMessage;
use proto::spec::Metric;
use proto::wire::sweeps_server::Sweeps;
use proto::wire::{
    CancelRequest, CancelResponse, DeleteRequest, DeleteResponse, ExtendRequest, ExtendResponse, JobEvent, JobRequest,
    JobResponse, LogResponse, ReportRequest, ReportResponse, RetryRequest, RetryResponse, StatusRequest,
    StatusResponse, SubmitRequest, SubmitResponse, TablesRequest, TablesResponse, WeightsRequest, WeightsResponse,
};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::{ReceiverStream, WatchStream};
use tokio_stream::{Stream, StreamExt, iter};
use tonic::{Request, Response, Status};

/// A table is sent in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces of a report that wait for their reader.
const MAX_PIECES: usize = 16;
/// Maximum number of watchers at once. A view is kept until its watcher has read it: two of 2,000 workers are a megabyte.
const MAX_WATCHERS: usize = 64;
/// Maximum number of tables that wait to be made or read. One of a million jobs has 60 MB.
const MAX_TABLES: usize = 16;

#[derive(Debug)]
pub(super) struct SweepsService {
    handle: Handle,
    deeds: Deeds,
    store: PathBuf,
    artifacts: ArtifactStore,
    watchers: Arc<Semaphore>,
    tables: Arc<Semaphore>,
    /// Makes one table after the other: each takes gigabytes if there are a million jobs.
    analyst: Arc<Mutex<Analyst>>,
}

impl SweepsService {
    pub(super) fn new(handle: Handle, store: PathBuf, analyst: Arc<Mutex<Analyst>>, artifacts: ArtifactStore) -> Self {
        let [watchers, tables] = [MAX_WATCHERS, MAX_TABLES].map(|places| Arc::new(Semaphore::new(places)));
        let deeds = Deeds::new(handle.clone(), store.clone());
        Self { handle, deeds, store, artifacts, watchers, tables, analyst }
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
        let SubmitRequest { file, text, simulated, preview } = request.into_inner();
        // a large grid takes a while, and others call meanwhile
        let parsed = tokio::task::spawn_blocking(move || (plan::parse(&file, &text), text)).await;
        let (plan, text) = parsed.map_err(|error| Status::internal(error.to_string()))?;
        let plan = plan.map_err(|errors| Status::invalid_argument(errors.to_string()))?;
        let plan = if simulated { plan.simulated() } else { plan };
        let submitted =
            if preview { self.handle.preview(plan).await } else { self.handle.submit(plan, text, None).await };
        Ok(Response::new(submitted.map_err(status)?.into()))
    }

    async fn retry(&self, request: Request<RetryRequest>) -> Result<Response<RetryResponse>, Status> {
        let retried = self.deeds.retry(request.into_inner().sweep).await.map_err(status)?;
        Ok(Response::new(RetryResponse { retried }))
    }

    async fn extend(&self, request: Request<ExtendRequest>) -> Result<Response<ExtendResponse>, Status> {
        let ExtendRequest { sweep, splits } = request.into_inner();
        let added = self.deeds.add_splits(sweep, splits).await.map_err(|error| match error {
            SplitsError::Fixed(why) => Status::invalid_argument(why.to_string()),
            SplitsError::Refused(refusal) => status(refusal),
        })?;
        Ok(Response::new(ExtendResponse { added }))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        let DeleteRequest { sweep, preview } = request.into_inner();
        let Deleted { results, shared } = self.handle.delete(sweep, preview).await.map_err(status)?;
        Ok(Response::new(DeleteResponse { results, shared }))
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<CancelResponse>, Status> {
        let cancelled = self.deeds.cancel(request.into_inner().sweep).await.map_err(status)?;
        Ok(Response::new(CancelResponse { cancelled }))
    }

    async fn status(&self, request: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let view = self.handle.status().borrow().clone();
        Ok(Response::new(only(&view, &request.into_inner().sweep)))
    }

    type WatchStream = Pieces<StatusResponse>;

    async fn watch(&self, request: Request<StatusRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let sweep = request.into_inner().sweep;
        let place = place(&self.watchers, "watchers")?;
        // made when the reader has room for it, of the newest view
        let views = WatchStream::new(self.handle.status()).map(move |view| {
            let _place = &place;
            Ok(only(&view, &sweep))
        });
        Ok(Response::new(Box::pin(views)))
    }

    type TablesStream = Pieces<TablesResponse>;

    async fn tables(&self, request: Request<TablesRequest>) -> Result<Response<Self::TablesStream>, Status> {
        let question = question(request.into_inner())?;
        let place = place(&self.tables, "tables")?;
        let mut analyst = Arc::clone(&self.analyst).lock_owned().await;
        // a table whose reader has gone is made all the same, and others wait for its end
        let made = tokio::task::spawn_blocking(move || analyst.answer(&question));
        let made = made.await.map_err(|error| Status::internal(error.to_string()))?;
        let Written { text, left_out } = made.map_err(without_table)?;
        let pieces = (0..text.len()).step_by(PIECE_BYTES).map(move |start| {
            let _place = &place;
            let end = text.len().min(start + PIECE_BYTES);
            let left_out = if start == 0 { left_out.clone() } else { Vec::new() };
            Ok(TablesResponse { text: text[start..end].to_vec(), left_out })
        });
        Ok(Response::new(Box::pin(iter(pieces))))
    }

    type ReportStream = Pieces<ReportResponse>;

    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<Self::ReportStream>, Status> {
        let ReportRequest { sweep, source, out, metric, for_bundle } = request.into_inner();
        let unknown = || Status::invalid_argument(InvalidMessage::Value("metric").to_string());
        let metric = if metric.is_empty() { None } else { Some(Metric::from_name(&metric).ok_or_else(unknown)?) };
        let asked = Asked { sweep, metric, source, out, for_bundle };
        let place = place(&self.tables, "tables")?;
        let analyst = Arc::clone(&self.analyst).lock_owned().await;
        let (sender, pieces) = mpsc::channel(MAX_PIECES);
        // a report whose reader has gone is not made to its end
        tokio::task::spawn_blocking(move || {
            let (_place, _analyst) = (place, &analyst);
            if let Err(Unsent::Status(status)) = send_report(&analyst, &asked, &sender) {
                // who has gone needs no reason
                let _ = sender.blocking_send(Err(status));
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(pieces))))
    }

    type WeightsStream = Pieces<WeightsResponse>;

    async fn weights(&self, request: Request<WeightsRequest>) -> Result<Response<Self::WeightsStream>, Status> {
        let WeightsRequest { sweep, best, list_only } = request.into_inner();
        let place = place(&self.tables, "tables")?;
        let asked = AskedWeights { sweep, best };
        let analyst = Arc::clone(&self.analyst).lock_owned().await;
        let (store, artifacts) = (self.store.clone(), (!list_only).then(|| self.artifacts.clone()));
        let found = tokio::task::spawn_blocking(move || {
            let _analyst = analyst;
            weights::of_sweep(&Reader::open(&store)?, &asked)
        });
        let found = found.await.map_err(|error| Status::internal(error.to_string()))?;
        let jobs = found.map_err(|error| without_table(error.into()))?;
        let (sender, pieces) = mpsc::channel(MAX_PIECES);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            send_weights(&jobs, artifacts.as_ref(), &sender)
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(pieces))))
    }

    async fn job(&self, request: Request<JobRequest>) -> Result<Response<JobResponse>, Status> {
        let JobRequest { job } = request.into_inner();
        let _place = place(&self.tables, "tables")?;
        // one at a time, as with tables: each reads the whole journal
        let analyst = Arc::clone(&self.analyst).lock_owned().await;
        let found = tokio::task::spawn_blocking(move || analyst.job_file(&job));
        let file = found.await.map_err(|error| Status::internal(error.to_string()))?.map_err(without_job)?;
        Ok(Response::new(JobResponse { file }))
    }

    async fn log(&self, request: Request<JobRequest>) -> Result<Response<LogResponse>, Status> {
        let JobRequest { job } = request.into_inner();
        let _place = place(&self.tables, "tables")?;
        let analyst = Arc::clone(&self.analyst).lock_owned().await;
        let found = tokio::task::spawn_blocking(move || analyst.job_history(&job));
        let history = found.await.map_err(|error| Status::internal(error.to_string()))?.map_err(without_job)?;
        Ok(Response::new(history.into()))
    }
}

/// Why a report is not sent to its end.
enum Unsent {
    Gone,
    Status(Status),
}

impl From<PublishError> for Unsent {
    fn from(error: PublishError) -> Self {
        Self::Status(match error {
            PublishError::Results(error) => without_table(error.into()),
            PublishError::Job(error) => without_job(error),
            PublishError::Render(error) => without_table(error.into()),
        })
    }
}

/// Sends the files of a report, in pieces. Before them the name of the sweep, with nothing in it.
fn send_report(
    analyst: &Analyst,
    asked: &Asked,
    pieces: &mpsc::Sender<Result<ReportResponse, Status>>,
) -> Result<(), Unsent> {
    let send = |file: &str, piece: &[u8]| {
        let response = ReportResponse { file: file.to_owned(), piece: piece.to_vec() };
        pieces.blocking_send(Ok(response)).map_err(|_| Unsent::Gone)
    };
    let mut is_named = false;
    analyst.report(asked, |sweep, file, bytes| {
        if !std::mem::replace(&mut is_named, true) {
            send(sweep, &[])?;
        }
        // an empty file is a file
        bytes.chunks(PIECE_BYTES).chain(bytes.is_empty().then_some(bytes)).try_for_each(|piece| send(file, piece))
    })
}

/// Sends the weights of jobs, as far as they can be read, until the reader has gone; without `artifacts` only which there are.
fn send_weights(
    jobs: &[JobWeights],
    artifacts: Option<&ArtifactStore>,
    pieces: &mpsc::Sender<Result<WeightsResponse, Status>>,
) -> Option<()> {
    let send = |response| pieces.blocking_send(Ok(response)).ok();
    for JobWeights { job, kept } in jobs {
        let weights = kept.as_ref().map(Into::into);
        send(WeightsResponse { job: job.to_string(), weights, ..WeightsResponse::default() })?;
        let Some((kept, artifacts)) = kept.as_ref().zip(artifacts) else { continue };
        match weights::read(artifacts, *job, kept) {
            Ok(bytes) => {
                let piece = |piece: &[u8]| WeightsResponse { piece: piece.to_vec(), ..WeightsResponse::default() };
                bytes.chunks(PIECE_BYTES).try_for_each(|bytes| send(piece(bytes)))?;
            }
            Err(error) => return send(WeightsResponse { problem: error.to_string(), ..WeightsResponse::default() }),
        }
    }
    Some(())
}

fn without_job(error: JobError) -> Status {
    match error {
        JobError::Store(_) => Status::unavailable(error.to_string()),
        _ => Status::not_found(error.to_string()),
    }
}

impl From<Submitted> for SubmitResponse {
    fn from(submitted: Submitted) -> Self {
        let Submitted { sweep, jobs, succeeded, retried, running, waiting, new, unknown, hidden, taken } = submitted;
        let note = taken.map(|taken| taken.to_string()).unwrap_or_default();
        Self { sweep, jobs, succeeded, retried, running, waiting, new, unknown, hidden, note }
    }
}

impl From<JobHistory> for LogResponse {
    fn from(history: JobHistory) -> Self {
        let text = history.to_string();
        let JobHistory { job, sweep, label, events } = history;
        let event = |event: results::JobEvent| JobEvent { at: event.at, what: event.what, log: event.log };
        Self { text, job: job.to_string(), sweep, label, events: events.into_iter().map(event).collect() }
    }
}

/// What a client asks for.
fn question(request: TablesRequest) -> Result<Question, Status> {
    let TablesRequest { sweep, rows, format, metrics, columns, sort, top, width, caption, label, state } = request;
    let unknown = |field| Status::invalid_argument(InvalidMessage::Value(field).to_string());
    let rows = TableKind::from_name(&rows).ok_or_else(|| unknown("rows"))?;
    let format: Format = clap::ValueEnum::from_str(&format, false).map_err(|_| unknown("format"))?;
    let metrics = metrics.iter().map(|name| Metric::from_name(name)).collect::<Option<_>>();
    let metrics = metrics.ok_or_else(|| unknown("metrics"))?;
    let text = |text: String| (!text.is_empty()).then_some(text);
    let number = |number: u32| (number > 0).then_some(number as usize);
    let frame = Frame { width: number(width), caption: text(caption), label: text(label) };
    let shape = Shape { columns, sort: text(sort), top: number(top), frame };
    let state = match state.as_str() {
        "" => None,
        name => Some(RowState::from_name(name).ok_or_else(|| unknown("state"))?),
    };
    Ok(Question { sweep, rows, metrics, state, format, shape })
}

fn without_table(error: TableError) -> Status {
    match error {
        TableError::Results(ResultsError::UnknownSweep { .. } | ResultsError::NoSweep(_)) => {
            Status::not_found(error.to_string())
        }
        TableError::Results(ResultsError::Store(_)) => Status::unavailable(error.to_string()),
        TableError::EveryMetric(_) | TableError::Shape(_) | TableError::Results(ResultsError::NotMeasured(_)) => {
            Status::invalid_argument(error.to_string())
        }
        TableError::Render(_) | TableError::Threads(_) => Status::internal(error.to_string()),
    }
}

/// The status for the wire; only the sweep of that name, if it is not empty.
fn only(status: &proto::status::Status, sweep: &str) -> StatusResponse {
    let mut response = StatusResponse::from(status);
    // the view may be old: nothing has changed since
    response.at_ms = now_ms();
    response.sweeps.retain(|status| sweep.is_empty() || status.sweep == sweep);
    response
}
