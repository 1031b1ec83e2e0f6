//! What a worker says to a coordinator that takes its time.

use crate::harness::{Lab, until};
use proto::wire::fleet_server::{Fleet, FleetServer};
use proto::wire::{
    CompleteRequest, CompleteResponse, Dataset, DatasetFormat, RegisterRequest, RegisterResponse, SynchronizeRequest,
    SynchronizeResponse,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Longer than the worker needs to look at its other data set: the news of that comes while a call with news is under way.
const SLOWNESS: Duration = Duration::from_millis(500);

/// A coordinator that wants to hear of two data sets, and is slow to answer.
#[derive(Clone, Default)]
struct Slow {
    asked: Arc<AtomicUsize>,
    offers: Arc<AtomicUsize>,
    given_up: Arc<AtomicUsize>,
}

/// Counts itself, unless it is forgotten.
struct Unanswered(Arc<AtomicUsize>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn dataset(name: &str, cases: u32) -> Dataset {
    Dataset { name: name.to_owned(), format: DatasetFormat::Synthetic.into(), root: String::new(), cases, seed: 0 }
}

#[tonic::async_trait]
impl Fleet for Slow {
    async fn register(&self, _: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        Ok(Response::new(RegisterResponse { protocol: proto::PROTOCOL, lease_ms: 60_000 }))
    }

    async fn synchronize(&self, request: Request<SynchronizeRequest>) -> Result<Response<SynchronizeResponse>, Status> {
        let offers = request.into_inner().offers.len();
        if offers == 0 && self.asked.fetch_add(1, Ordering::SeqCst) == 0 {
            let wanted = vec![dataset("small", 1), dataset("large", 300)];
            return Ok(Response::new(SynchronizeResponse {
                wanted,
                next_ms: 60_000,
                ..SynchronizeResponse::default()
            }));
        }
        if offers == 0 {
            return std::future::pending().await;
        }
        let unanswered = Unanswered(self.given_up.clone());
        tokio::time::sleep(SLOWNESS).await;
        std::mem::forget(unanswered);
        self.offers.fetch_add(offers, Ordering::SeqCst);
        Ok(Response::new(SynchronizeResponse { next_ms: 60_000, ..SynchronizeResponse::default() }))
    }

    async fn complete(&self, _: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        Err(Status::internal("there are no jobs"))
    }
}

#[test]
fn a_call_with_news_is_not_given_up_for_later_news() {
    let lab = Lab::new();
    let slow = Slow::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let incoming = runtime.block_on(async { TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap() });
    let url = format!("http://{}", incoming.local_addr().unwrap());
    runtime.spawn(Server::builder().add_service(FleetServer::new(slow.clone())).serve_with_incoming(incoming));
    let _worker = lab.worker(&url, "w", &[]);
    until("what was found of both data sets", || (slow.offers.load(Ordering::SeqCst) == 2).then_some(()));
    assert_eq!(slow.given_up.load(Ordering::SeqCst), 0);
}
