//! What a worker says to a coordinator that takes its time.

use crate::harness::{Lab, until};
use proto::ids::{Attempt, ContentHash, Lease, Token};
use proto::spec::{Architecture, Data, JobSpec, LossName, Model, Seeds, Selection, Split, Trainer, Training};
use proto::wire::complete_request::Outcome;
use proto::wire::fleet_server::{Fleet, FleetServer};
use proto::wire::{
    Assignment, CompleteRequest, CompleteResponse, CompleteStatus, Dataset, DatasetFormat, RegisterRequest,
    RegisterResponse, SynchronizeRequest, SynchronizeResponse,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Longer than an epoch of the job: news of it come while a call with other news is under way.
const SLOWNESS: Duration = Duration::from_millis(500);
/// How long the job takes, five epochs.
const JOB: &str = "1s";

/// A coordinator that wants to hear of a data set, gives a job, and is slow to answer what carries news.
#[derive(Clone, Default)]
struct Slow {
    asked: Arc<AtomicUsize>,
    offers: Arc<AtomicUsize>,
    given_up: Arc<AtomicUsize>,
    completed: Arc<AtomicUsize>,
}

/// Counts itself, unless it is forgotten.
struct Unanswered(Arc<AtomicUsize>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn dataset() -> Dataset {
    let name = "blobs".to_owned();
    Dataset { name, format: DatasetFormat::Synthetic.into(), cases: 3, ..Dataset::default() }
}

fn assignment() -> Assignment {
    let spec = JobSpec {
        trainer: Trainer::Simulated,
        data: Data { content: ContentHash(0), image_size: 32 },
        split: Split { train: 1, validation: 1, test: 1, ..Split::default() },
        architecture: Architecture::UNet2,
        model: Model { width: 4, ..Model::default() },
        loss: LossName::Bce.into(),
        learning_rate: 1e-3,
        training: Training { epochs: 5, ..Training::default() },
        selection: Selection::default(),
        seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
        ..JobSpec::default()
    };
    let lease = Lease { job: spec.id(), attempt: Attempt(1), token: Token(7) };
    Assignment { lease: Some((&lease).into()), dataset: Some(dataset()), spec: spec.to_json(), ..Assignment::default() }
}

#[tonic::async_trait]
impl Fleet for Slow {
    async fn register(&self, _: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        Ok(Response::new(RegisterResponse { protocol: proto::PROTOCOL, lease_ms: 60_000 }))
    }

    async fn synchronize(&self, request: Request<SynchronizeRequest>) -> Result<Response<SynchronizeResponse>, Status> {
        let SynchronizeRequest { offers, measurements, .. } = request.into_inner();
        if offers.is_empty() && measurements.is_empty() {
            if self.asked.fetch_add(1, Ordering::SeqCst) > 0 {
                return std::future::pending().await;
            }
            let (assignments, wanted) = (vec![assignment()], vec![dataset()]);
            return Ok(Response::new(SynchronizeResponse { assignments, wanted, ..SynchronizeResponse::default() }));
        }
        let unanswered = Unanswered(self.given_up.clone());
        tokio::time::sleep(SLOWNESS).await;
        std::mem::forget(unanswered);
        self.offers.fetch_add(offers.len(), Ordering::SeqCst);
        Ok(Response::new(SynchronizeResponse { next_ms: 60_000, ..SynchronizeResponse::default() }))
    }

    async fn complete(&self, _: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        self.completed.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(CompleteResponse { status: CompleteStatus::Recorded.into(), assignments: Vec::new() }))
    }
}

/// A coordinator whose disk is full: it registers workers, takes nothing of them, and forgets them over it.
#[derive(Clone, Default)]
struct Full {
    registered: Arc<AtomicUsize>,
    called: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl Fleet for Full {
    async fn register(&self, _: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        self.registered.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(RegisterResponse { protocol: proto::PROTOCOL, lease_ms: 60_000 }))
    }

    async fn synchronize(&self, _: Request<SynchronizeRequest>) -> Result<Response<SynchronizeResponse>, Status> {
        let is_known = self.called.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        Err(if is_known { Status::unavailable("disk full") } else { Status::failed_precondition("who are you?") })
    }

    async fn complete(&self, _: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        Err(Status::unavailable("disk full"))
    }
}

/// A coordinator that gives a job and does not understand what it is told of it, so many times.
#[derive(Clone)]
struct Deaf {
    times: usize,
    given: Arc<AtomicUsize>,
    called: Arc<AtomicUsize>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
}

#[tonic::async_trait]
impl Fleet for Deaf {
    async fn register(&self, _: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        Ok(Response::new(RegisterResponse { protocol: proto::PROTOCOL, lease_ms: 60_000 }))
    }

    async fn synchronize(&self, _: Request<SynchronizeRequest>) -> Result<Response<SynchronizeResponse>, Status> {
        let is_first = self.given.fetch_add(1, Ordering::SeqCst) == 0;
        let assignments = is_first.then(assignment).into_iter().collect();
        Ok(Response::new(SynchronizeResponse { assignments, next_ms: 60_000, ..SynchronizeResponse::default() }))
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        if self.called.fetch_add(1, Ordering::SeqCst) < self.times {
            return Err(Status::invalid_argument("what?"));
        }
        self.outcomes.lock().unwrap().extend(request.into_inner().outcome);
        Ok(Response::new(CompleteResponse { status: CompleteStatus::Recorded.into(), assignments: Vec::new() }))
    }
}

/// Serves until the runtime is dropped; the address.
fn serve(runtime: &Runtime, fleet: impl Fleet) -> String {
    let incoming = runtime.block_on(async { TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap() });
    let url = format!("http://{}", incoming.local_addr().unwrap());
    runtime.spawn(Server::builder().add_service(FleetServer::new(fleet)).serve_with_incoming(incoming));
    url
}

#[test]
fn a_call_with_news_is_not_given_up_for_later_news() {
    let lab = Lab::new();
    let slow = Slow::default();
    let runtime = Runtime::new().unwrap();
    let url = serve(&runtime, slow.clone());
    let _worker = lab.worker(&url, "w", &["--simulate", JOB]);
    until("the end of the job, and the offer", || {
        let arrived = [&slow.completed, &slow.offers].map(|count| count.load(Ordering::SeqCst));
        (arrived == [1, 1]).then_some(())
    });
    assert_eq!(slow.given_up.load(Ordering::SeqCst), 0);
}

#[test]
fn a_result_that_was_garbled_on_its_way_is_sent_again() {
    for (times, expected) in [(0, "succeeded"), (1, "succeeded"), (2, "failed")] {
        let lab = Lab::new();
        let runtime = Runtime::new().unwrap();
        let (given, called, outcomes) = Default::default();
        let deaf = Deaf { times, given, called, outcomes };
        let _worker = lab.worker(&serve(&runtime, deaf.clone()), "w", &["--simulate", "1ms"]);
        let outcome = until("the outcome", || deaf.outcomes.lock().unwrap().pop());
        let said = match outcome {
            Outcome::Succeeded(_) => "succeeded",
            Outcome::Failed(failure) if failure.message.contains("does not take the result: what?") => "failed",
            other => panic!("{other:?}"),
        };
        assert_eq!((said, deaf.called.load(Ordering::SeqCst)), (expected, times + 1));
    }
}

#[test]
fn a_coordinator_that_takes_nothing_is_said_once() {
    let lab = Lab::new();
    let full = Full::default();
    let runtime = Runtime::new().unwrap();
    let worker = lab.worker(&serve(&runtime, full.clone()), "w", &["--simulate", "1ms"]);
    until("registrations", || (full.registered.load(Ordering::SeqCst) >= 5).then_some(()));
    let said = worker.stderr();
    assert_eq!(said.matches(" refuses calls; running jobs continue").count(), 1, "{said}");
    assert!(!said.contains("is not reached") && !said.contains("is back"), "{said}");
}
