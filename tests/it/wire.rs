//! What a client of any language finds: the health, the description of the services, and a life as the `.proto` files promise it.

use crate::harness::{Lab, Process, program, simulated, skipped, until};
use std::fs;
use std::path::Path;
use std::process::Command;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

fn channel(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy()
}

async fn health(url: &str, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    Ok(HealthClient::new(channel(url)).check(request).await?.into_inner().status())
}

/// Asks a coordinator what its services are.
async fn reflect(url: &str, token: &str, question: MessageRequest) -> Result<MessageResponse, Status> {
    let question = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut request = Request::new(tokio_stream::iter([question]));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let mut answers = ServerReflectionClient::new(channel(url)).server_reflection_info(request).await?.into_inner();
    Ok(answers.message().await?.unwrap().message_response.unwrap())
}

#[test]
fn the_health_tells_whether_the_store_keeps_what_it_is_given() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let coordinator = lab.serve(&[]);
    let runtime = Runtime::new().unwrap();
    let is = |status| {
        let all = ["", "sweep.v1.Fleet", "sweep.v1.Sweeps"];
        all.iter().all(|name| runtime.block_on(health(&coordinator.url, name)).unwrap() == status)
    };
    until("the health", || is(ServingStatus::Serving).then_some(()));
    fs::rename(lab.store(), lab.path("away")).unwrap();
    until("the loss", || is(ServingStatus::NotServing).then_some(()));
    fs::rename(lab.path("away"), lab.store()).unwrap();
    lab.submit(&coordinator.url, &["--simulated"]);
    until("the recovery", || is(ServingStatus::Serving).then_some(()));
    let unknown = runtime.block_on(health(&coordinator.url, "sweep.v1.Nothing")).unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

#[test]
fn strangers_learn_the_health_and_nothing_else() {
    let lab = Lab::new();
    lab.write_token("token", "a secret of some length\n");
    let coordinator = lab.serve(&["--token-file", "token"]);
    Runtime::new().unwrap().block_on(async {
        assert_eq!(health(&coordinator.url, "").await.unwrap(), ServingStatus::Serving);
        let services = || MessageRequest::ListServices(String::new());
        let refused = reflect(&coordinator.url, "guess", services()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let MessageResponse::ListServicesResponse(list) =
            reflect(&coordinator.url, "a secret of some length", services()).await.unwrap()
        else {
            panic!("no list of services");
        };
        let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
        names.sort();
        let expected = [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "sweep.v1.Enrolment",
            "sweep.v1.Fleet",
            "sweep.v1.Sweeps",
        ];
        assert_eq!(names, expected);
        let fleet = MessageRequest::FileContainingSymbol("sweep.v1.Fleet".to_owned());
        let MessageResponse::FileDescriptorResponse(files) =
            reflect(&coordinator.url, "a secret of some length", fleet).await.unwrap()
        else {
            panic!("no description of the service");
        };
        let said = String::from_utf8_lossy(&files.file_descriptor_proto[0]).into_owned();
        assert!(said.contains("Introduces a worker."), "the comments are told as well");
    });
}

#[test]
fn a_worker_can_be_written_from_the_proto_files_alone() {
    let has_grpc = Command::new("python3").args(["-c", "import grpc_tools.protoc, grpc_health.v1.health"]).output();
    if !has_grpc.is_ok_and(|output| output.status.success()) {
        return skipped("python3 has no grpcio-tools and grpcio-health-checking");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference/peer.py");
    Process::start(Command::new("python3").arg(script).arg(program("coordinator"))).wait().expect(0);
}
