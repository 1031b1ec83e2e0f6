//! The service that gives workers their certificates.

use super::access::is_caller;
use crate::identity::Keeper;
use proto::ids::WorkerId;
use proto::tls::p256_point;
use proto::wire::enrolment_server::Enrolment;
use proto::wire::{EnrolRequest, EnrolResponse};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Signs, if there is a CA.
pub(super) struct EnrolmentService(pub(super) Option<Arc<Keeper>>);

#[tonic::async_trait]
impl Enrolment for EnrolmentService {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let none = || Status::failed_precondition("this coordinator has no certificates: begin with Register");
        let keeper = self.0.as_ref().ok_or_else(none)?;
        let (_, extensions, EnrolRequest { public_key }) = request.into_parts();
        let point = p256_point(&public_key)
            .ok_or_else(|| Status::invalid_argument("public_key: expected the DER of a P-256 public key"))?;
        // from the key: a certificate for another's id is one for another's key, and of no use
        let worker = WorkerId::of(&public_key);
        is_caller(&extensions, worker)?;
        keeper.check(worker).map_err(|revoked| Status::permission_denied(revoked.to_string()))?;
        let (certificate, life) = keeper.sign(worker, point).map_err(Status::internal)?;
        tracing::info!("worker {} has a certificate", worker.alias());
        let valid_ms = life.as_millis() as u64;
        Ok(Response::new(EnrolResponse { worker: worker.to_string(), certificate, valid_ms }))
    }
}
