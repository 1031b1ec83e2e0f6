//! What stands before all services.

use super::super::incoming::Caller;
use super::{Access, Guard};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tower_layer::Layer;

/// Puts [`Guarded`] before a service.
#[derive(Clone)]
pub(in crate::serve) struct AccessLayer(Arc<Access>);

impl AccessLayer {
    pub(in crate::serve) fn new(guard: Guard) -> Self {
        Self(Arc::new(Access::new(guard)))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { access: Arc::clone(&self.0), inner }
    }
}

/// A service that is called only by those whom a call is for. It finds who calls, a `Holder`, with the call.
#[derive(Clone)]
pub(in crate::serve) struct Guarded<S> {
    access: Arc<Access>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // the one that is ready; the clone becomes so for the next call
        let next = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, next);
        let access = Arc::clone(&self.access);
        Box::pin(async move {
            let Some(caller) = request.extensions().get::<Caller>().cloned() else {
                return Ok(Status::internal("a call without a connection").into_http());
            };
            match access.admit(&caller, request.uri().path(), request.headers()).await {
                Ok(holder) => {
                    request.extensions_mut().insert(holder);
                    ready.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}
