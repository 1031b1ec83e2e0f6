//! The service for workers.

use super::access::is_caller;
use super::messages::{self, Poll};
use super::status;
use crate::driver::Handle;
use crate::scheduler::{Completed, Grant};
use crate::telemetry::Telemetry;
use proto::wire::fleet_server::Fleet;
use proto::wire::{
    CompleteRequest, CompleteResponse, RegisterRequest, RegisterResponse, SynchronizeRequest, SynchronizeResponse,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

#[derive(Debug)]
pub(super) struct FleetService {
    handle: Handle,
    telemetry: Arc<Telemetry>,
    lease: Duration,
}

impl FleetService {
    pub(super) fn new(handle: Handle, lease: Duration) -> Self {
        Self { telemetry: handle.telemetry(), handle, lease }
    }

    /// Counts how long a call waited for the leases that it gets.
    fn lease_out(&self, began: Instant, grants: &[Grant]) {
        if !grants.is_empty() {
            self.telemetry.leased(began.elapsed());
        }
    }
}

#[tonic::async_trait]
impl Fleet for FleetService {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        is_caller(request.extensions(), messages::worker_id(&request.get_ref().worker)?)?;
        let (worker, info) = messages::introduction(request.get_ref())?;
        self.handle.register(worker, info).await.map_err(status)?;
        Ok(Response::new(messages::welcome(self.lease)))
    }

    async fn synchronize(&self, request: Request<SynchronizeRequest>) -> Result<Response<SynchronizeResponse>, Status> {
        is_caller(request.extensions(), messages::worker_id(&request.get_ref().worker)?)?;
        let (mut poll, offers) = Poll::new(request.into_inner())?;
        for offer in offers {
            self.handle.offer(poll.worker, poll.synchronization.number, offer).await.map_err(status)?;
        }
        let began = Instant::now();
        let deadline = began + messages::poll_time(self.lease);
        let mut work = self.handle.work();
        loop {
            work.mark_unchanged();
            let synchronization = poll.synchronization.clone();
            let reply = self.handle.synchronize(poll.worker, synchronization).await.map_err(status)?;
            // the channel closes with the driver; the next call then says so
            if poll.is_answered_by(&reply) || timeout_at(deadline, work.changed()).await.is_err() {
                self.lease_out(began, &reply.grants);
                return Ok(Response::new(Poll::answer(&reply, self.lease)));
            }
        }
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        is_caller(request.extensions(), messages::worker_id(&request.get_ref().worker)?)?;
        let (worker, completion) = messages::completion(request.into_inner())?;
        let began = Instant::now();
        let reply = self.handle.complete(worker, completion).await.map_err(status)?;
        if let Completed::Recorded(grants) = &reply {
            self.lease_out(began, grants);
        }
        Ok(Response::new(messages::completed(reply)))
    }
}
