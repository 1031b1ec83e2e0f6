//! A line of text for browsers and `curl`: whoever calls without gRPC learns what listens here, and nothing else.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::header::CONTENT_TYPE;
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response};
use tower_layer::Layer;

const TEXT: &str =
    "This is a coordinator of Splitsweep. It speaks gRPC: ask it with `coordinator status --coordinator URL`.\n";

/// Puts [`Greeting`] before a service.
#[derive(Clone)]
pub(super) struct GreetingLayer;

impl<S> Layer<S> for GreetingLayer {
    type Service = Greeting<S>;

    fn layer(&self, inner: S) -> Greeting<S> {
        Greeting { inner }
    }
}

/// A service that sees calls of gRPC only.
#[derive(Clone)]
pub(super) struct Greeting<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for Greeting<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_grpc(request.headers()) {
            return Box::pin(self.inner.call(request));
        }
        let mut response = Response::new(Body::new(TEXT.to_owned()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Box::pin(async { Ok(response) })
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
