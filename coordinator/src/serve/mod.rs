//! The tonic services, and beside them gRPC's own: health and reflection. The only users of wire types here: each call is checked, made a request to the driver, and its answer put back.

mod access;
mod browsers;
mod deeds;
mod enrolment;
mod fleet;
mod greeting;
mod health;
mod incoming;
pub mod messages;
mod meter;
mod sweeps;

use crate::analyst::Analyst;
use crate::driver::{Handle, Refusal};
use crate::identity::server_config;
use crate::scheduler::Rejection;
use access::AccessLayer;
use greeting::GreetingLayer;
use meter::MeterLayer;
use proto::artifact_store::ArtifactStore;
use proto::convert::InvalidMessage;
use proto::wire::enrolment_server::EnrolmentServer;
use proto::wire::fleet_server::FleetServer;
use proto::wire::sweeps_server::SweepsServer;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::{self, Server};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

pub use access::{Guard, Readers};
pub use browsers::browsers;
pub use deeds::{Deeds, SplitsError};

/// Connections at once: those of 2,000 workers, four times over. Each takes some 20 KB.
const MAX_CONNECTIONS: usize = 8192;
/// Closes connections whose peer has vanished without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Calls at once on one connection; others wait at the peer. A worker has one that waits for work, and one for each job that has ended.
const MAX_CALLS: u32 = 64;

/// What the services need to know.
#[derive(Clone)]
pub struct Settings {
    /// A lease ends this long after its last renewal.
    pub lease: Duration,
    /// The store, for what the analyst does not read.
    pub store: PathBuf,
    /// Makes the tables.
    pub analyst: Arc<Mutex<Analyst>>,
    /// Where workers on this machine keep weights, and perhaps others.
    pub artifacts: ArtifactStore,
    /// What callers must show.
    pub guard: Guard,
}

/// Accepts connections on `listener`, over TLS if there are certificates, and serves them in the future that it returns.
/// Whoever says that it listens has by then all files that the system allows.
///
/// # Errors
/// If the certificates make no TLS; later, if the listener fails.
pub fn serve(
    listener: TcpListener,
    handle: Handle,
    settings: Settings,
) -> Result<impl Future<Output = Result<(), transport::Error>>, rustls::Error> {
    let health = health::service(handle.keeps());
    let meter = MeterLayer::new(handle.telemetry());
    let keeper = match &settings.guard {
        Guard::Certificates(keeper) => Some(Arc::clone(keeper)),
        _ => None,
    };
    let tls = keeper.as_ref().map(server_config).transpose()?;
    let fleet = FleetServer::new(fleet::FleetService::new(handle.clone(), settings.lease))
        .max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let enrolment = EnrolmentServer::new(enrolment::EnrolmentService(keeper));
    let sweeps =
        SweepsServer::new(sweeps::SweepsService::new(handle, settings.store, settings.analyst, settings.artifacts))
            .max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
    let mut services = Routes::new(health).add_service(enrolment).add_service(fleet).add_service(sweeps);
    match reflection() {
        Ok(reflection) => services = services.add_service(reflection),
        // nothing of a sweep depends on it
        Err(error) => tracing::error!(%error, "no reflection service"),
    }
    let serving = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_concurrent_streams(MAX_CALLS)
        // browsers speak it
        .accept_http1(true)
        .layer(GreetingLayer)
        .layer(meter)
        .layer(AccessLayer::new(settings.guard))
        .add_routes(services)
        .serve_with_incoming(incoming::admitted(listener, tls, MAX_CONNECTIONS));
    Ok(serving)
}

/// Tells clients what the services are, from the `.proto` files.
fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, tonic_reflection::server::Error> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
}

fn status(refusal: Refusal) -> Status {
    match &refusal {
        Refusal::Rejected(Rejection::UnknownWorker(_)) => Status::failed_precondition(refusal.to_string()),
        Refusal::Rejected(Rejection::Overtaken | Rejection::Changed(_)) => Status::aborted(refusal.to_string()),
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
