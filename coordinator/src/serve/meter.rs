//! Counts calls: how long each takes, by method and code.

use super::access::known_method;
use crate::telemetry::Telemetry;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tower_layer::Layer;

/// gRPC's names of its codes, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Puts [`Metered`] before a service.
#[derive(Clone)]
pub(super) struct MeterLayer(Arc<Telemetry>);

impl MeterLayer {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self(telemetry)
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { telemetry: Arc::clone(&self.0), inner }
    }
}

/// A service whose calls are counted once they are answered.
#[derive(Clone)]
pub(super) struct Metered<S> {
    telemetry: Arc<Telemetry>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Metered<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (began, method) = (Instant::now(), known_method(request.uri().path()));
        let telemetry = Arc::clone(&self.telemetry);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            // a call that fails says so in the head of its answer, a good one at its end
            let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
            let code = CODES.get(code as usize).copied().unwrap_or("UNKNOWN");
            telemetry.called(method, code, began.elapsed());
            Ok(response)
        })
    }
}
