//! Workers are told to go: they give back what they run, and take no job with them.

use crate::harness::{Lab, Peer, Signal, simulated, until};
use proto::wire::fleet_server::{Fleet, FleetServer};
use proto::wire::{
    CompleteRequest, CompleteResponse, RegisterRequest, RegisterResponse, SynchronizeRequest, SynchronizeResponse,
};
use std::sync::{Arc, Mutex};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

#[test]
fn a_worker_that_is_told_to_go_gives_its_job_back_at_once() {
    // a lease that outlasts the test, and more workers than a job may fail or be lost with
    const TIMES: u32 = 6;
    let lab = Lab::new();
    lab.write(&simulated(1, 50));
    let coordinator = lab.serve(&["--lease", "1h"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    for time in 0..TIMES {
        // a name of its own: what is shown of the worker before may be a moment old
        let name = format!("worker-{time}");
        let mut worker = lab.worker(&coordinator.url, &name, &["--simulate", "20s"]);
        coordinator.running(&lab, &name);
        worker.signal(Signal::TERM);
        let ended = worker.wait().expect(0);
        assert!(ended.stderr.contains("running jobs are given back"), "{}", ended.stderr);
    }
    let _last = lab.worker(&coordinator.url, "last", &["--simulate", "10ms"]);
    coordinator.ended(&lab);
    let rows = lab.check_complete(1);
    assert_eq!((rows[0]["attempts"].clone(), rows[0]["worker"].as_str()), ((TIMES + 1).to_string(), "last"));
    let history = lab.history();
    assert_eq!(history.released().len(), TIMES as usize);
    assert_eq!((history.lost().len(), history.failed().len()), (0, 0), "none of it is held against the job");
}

#[test]
fn a_job_that_was_granted_in_the_moment_of_going_waits_for_the_next_worker() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let coordinator = lab.serve(&["--lease", "1h"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let [mut leaving, mut next] = [1, 2].map(|worker| Peer::new(&coordinator.url, worker, 2));
        leaving.register().await.unwrap();
        leaving.synchronize().await.unwrap();
        assert_eq!(leaving.held.len(), 2);
        // as if the answer had come too late for one of them
        let unheard = leaving.held.pop().unwrap();
        leaving.drain().await.unwrap();
        assert_eq!(leaving.held.len(), 1, "what it has it gives back itself");
        next.register().await.unwrap();
        next.synchronize().await.unwrap();
        assert_eq!(next.held.iter().map(|lease| lease.job).collect::<Vec<_>>(), [unheard.job]);
        assert!(leaving.report(&leaving.held[0].clone()).await.unwrap());
    });
    let history = lab.history();
    assert_eq!((history.released().len(), history.lost().len()), (1, 0));
}

/// A coordinator without work, which notes what its worker says of going: one word a call.
#[derive(Clone, Default)]
struct Idle {
    calls: Arc<Mutex<Vec<&'static str>>>,
}

#[tonic::async_trait]
impl Fleet for Idle {
    async fn register(&self, _: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        Ok(Response::new(RegisterResponse { protocol: proto::PROTOCOL, lease_ms: 60_000 }))
    }

    async fn synchronize(&self, request: Request<SynchronizeRequest>) -> Result<Response<SynchronizeResponse>, Status> {
        if request.into_inner().draining {
            self.calls.lock().unwrap().push("goes");
            return Ok(Response::new(SynchronizeResponse::default()));
        }
        // a job may come of this at any time
        self.calls.lock().unwrap().push("waits");
        std::future::pending().await
    }

    async fn complete(&self, _: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        Err(Status::internal("there are no jobs"))
    }
}

#[test]
fn a_worker_does_not_go_before_the_coordinator_knows() {
    let lab = Lab::new();
    let idle = Idle::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let incoming = runtime.block_on(async { TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap() });
    let url = format!("http://{}", incoming.local_addr().unwrap());
    runtime.spawn(Server::builder().add_service(FleetServer::new(idle.clone())).serve_with_incoming(incoming));
    let mut worker = lab.worker(&url, "w", &["--simulate", "1ms"]);
    until("the call that waits for work", || (*idle.calls.lock().unwrap() == ["waits"]).then_some(()));
    worker.signal(Signal::TERM);
    worker.wait().expect(0);
    assert_eq!(*idle.calls.lock().unwrap(), ["waits", "goes"]);
}
