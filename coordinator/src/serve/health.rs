//! Whether the coordinator serves: not while its store does not keep what it is given.

use proto::wire::fleet_server::FleetServer;
use proto::wire::sweeps_server::SweepsServer;
use tokio::sync::watch;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, health_reporter};

/// The names that the health is told of: the whole, and each service.
const NAMES: [&str; 3] = ["", FleetServer::<()>::NAME, SweepsServer::<()>::NAME];

/// The health service; `keeps` says whether the store keeps what it is given, and ends with the driver.
pub(super) fn service(keeps: watch::Receiver<bool>) -> HealthServer<impl Health> {
    let (reporter, service) = health_reporter();
    tokio::spawn(report(reporter, keeps));
    service
}

async fn report(reporter: HealthReporter, mut keeps: watch::Receiver<bool>) {
    loop {
        let kept = *keeps.borrow_and_update();
        say(&reporter, if kept { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
        if keeps.changed().await.is_err() {
            // without the driver every call is refused
            return say(&reporter, ServingStatus::NotServing).await;
        }
    }
}

async fn say(reporter: &HealthReporter, status: ServingStatus) {
    for name in NAMES {
        reporter.set_service_status(name, status).await;
    }
}
