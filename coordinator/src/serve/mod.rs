//! The tonic services, and beside them gRPC's own: health and reflection. The only users of wire types here: each call is checked, made a request to the driver, and its answer put back.

mod fleet;
mod health;
mod incoming;
pub mod messages;
mod sweeps;

use crate::driver::{Handle, Refusal};
use crate::scheduler::Rejection;
use incoming::Caller;
use proto::bearer;
use proto::convert::InvalidMessage;
use proto::wire::fleet_server::FleetServer;
use proto::wire::sweeps_server::SweepsServer;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::{Request, Status};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

pub use sweeps::status_to_view;

/// Closes connections whose peer has vanished without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Calls at once on one connection; others wait at the peer. A worker has one that waits for work, and one for each job that has ended.
const MAX_CALLS: u32 = 64;

/// What the services need to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A lease ends this long after its last renewal.
    pub lease: Duration,
    /// The store, for tables.
    pub store: PathBuf,
    /// What every call must bear, if anything.
    pub token: Option<String>,
}

/// Serves on `listener` until `shutdown`. Every call must bear the token but those for the health: what asks for it, such as a load balancer
/// or a container's probe, can rarely be given one, and it learns a single word.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let health = health::service(handle.keeps());
    let fleet = FleetServer::new(fleet::FleetService::new(handle.clone(), settings.lease))
        .max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let sweeps = SweepsServer::new(sweeps::SweepsService::new(handle, settings.store))
        .max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let expected = settings.token.as_deref().map(bearer::header);
    let check = move |request: Request<()>| {
        let request = authorize(expected.as_deref(), request)?;
        if let Some(caller) = request.extensions().get::<Caller>() {
            caller.identify();
        }
        Ok(request)
    };
    let mut services = Routes::new(health);
    services = services.add_service(InterceptedService::new(fleet, check.clone()));
    services = services.add_service(InterceptedService::new(sweeps, check.clone()));
    match reflection() {
        Ok(reflection) => services = services.add_service(InterceptedService::new(reflection, check)),
        // nothing of a sweep depends on it
        Err(error) => tracing::error!(%error, "no reflection service"),
    }
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_concurrent_streams(MAX_CALLS)
        .add_routes(services)
        .serve_with_incoming_shutdown(incoming::admitted(listener), shutdown)
        .await
}

/// Tells clients what the services are, from the `.proto` files.
fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, tonic_reflection::server::Error> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
}

/// Lets a call pass if it bears the token.
fn authorize(expected: Option<&str>, request: Request<()>) -> Result<Request<()>, Status> {
    let Some(expected) = expected else { return Ok(request) };
    let given = request.metadata().get(bearer::HEADER).map(|value| value.as_bytes()).unwrap_or_default();
    // compared as hashes, so that the time taken tells nothing of the token
    if proto::ids::Token::of(given) == proto::ids::Token::of(expected.as_bytes()) {
        Ok(request)
    } else {
        Err(Status::unauthenticated("the coordinator asks for a token: give the same --token-file on both sides"))
    }
}

fn status(refusal: Refusal) -> Status {
    match &refusal {
        Refusal::Rejected(Rejection::UnknownWorker(_)) => Status::failed_precondition(refusal.to_string()),
        Refusal::Rejected(Rejection::Overtaken) => Status::aborted(refusal.to_string()),
        Refusal::Rejected(Rejection::UnknownSweep(_)) => Status::not_found(refusal.to_string()),
        Refusal::Impossible(breach) => {
            tracing::warn!(%breach, "a worker's report is refused");
            Status::invalid_argument(refusal.to_string())
        }
        Refusal::Rejected(Rejection::Misfit { .. }) => Status::invalid_argument(refusal.to_string()),
        Refusal::Store(_) | Refusal::Closed => Status::unavailable(refusal.to_string()),
    }
}

fn invalid(error: impl Into<InvalidMessage>) -> Status {
    Status::invalid_argument(error.into().to_string())
}
