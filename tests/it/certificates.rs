//! Certificates and roles: who is let in, who is not, and what each is told.

use crate::harness::{Coordinator, Ended, Lab, Process, Tap, assert_refused, until};
use proto::bearer::Bearer;
use proto::credential::Credential;
use proto::ids::WorkerId;
use proto::target::Target;
use proto::tls::{Connector, Key};
use proto::wire::enrolment_client::EnrolmentClient;
use proto::wire::fleet_client::FleetClient;
use proto::wire::sweeps_client::SweepsClient;
use proto::wire::{
    CancelRequest, CompleteRequest, EnrolRequest, EnrolResponse, JobRequest, RegisterRequest, StatusRequest,
    SubmitRequest, SynchronizeRequest, TablesRequest,
};
use std::collections::BTreeMap;
use std::fs;
use tokio::runtime::Runtime;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Connections to a coordinator with the CA that a token names; they show a certificate, if one is given.
fn channel(url: &str, token: &Credential, shown: Option<(&Key, &EnrolResponse)>) -> Channel {
    let shown = shown.map(|(key, enrolled)| (key, enrolled.certificate.clone()));
    let connector = Connector::new(token.ca.unwrap(), shown).unwrap();
    let target = Target::of(url, Some(token.clone()), "--token-file").unwrap();
    target.endpoint.connect_with_connector_lazy(connector)
}

fn token(lab: &Lab, name: &str) -> Credential {
    Credential::read(&lab.path(name)).unwrap()
}

fn bearer(token: &Credential) -> Bearer {
    Bearer::new(Some(token.secret.reveal())).unwrap()
}

/// A worker that the test plays, with its certificate.
struct Enrolled {
    key: Key,
    response: EnrolResponse,
}

impl Enrolled {
    async fn at(url: &str, token: &Credential) -> Result<Self, Status> {
        let key = Key::generate().unwrap();
        let mut client = EnrolmentClient::with_interceptor(channel(url, token, None), bearer(token));
        let response = client.enrol(EnrolRequest { public_key: key.public().to_vec() }).await?.into_inner();
        Ok(Self { key, response })
    }

    fn fleet(&self, url: &str, token: &Credential) -> FleetClient<Channel> {
        FleetClient::new(channel(url, token, Some((&self.key, &self.response))))
    }

    fn alias(&self) -> String {
        self.response.worker.parse::<WorkerId>().unwrap().alias()
    }
}

fn registration(worker: &str) -> RegisterRequest {
    RegisterRequest {
        worker: worker.to_owned(),
        name: "peer".to_owned(),
        slots: 1,
        protocol_min: proto::PROTOCOL,
        protocol_max: proto::PROTOCOL,
        simulated: true,
        ..RegisterRequest::default()
    }
}

#[test]
fn a_sweep_is_run_with_certificates_from_file_to_table() {
    let lab = Lab::with_certs();
    let coordinator = lab.serve_with_certs(&[]);
    let submitter = ["--coordinator", &coordinator.url, "--token-file", "certs/submitter.token"];
    lab.run([&["submit", "sweep.yaml", "--simulated"][..], &submitter].concat()).expect(0);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms", "--join", "certs/worker.token"]);
    let reader = ["--coordinator", &coordinator.url, "--token-file", "certs/reader.token"];
    let ended = lab.run([&["watch"][..], &reader].concat()).expect(0);
    assert!(ended.stderr.contains("2/2 jobs done"), "{}", ended.stderr);
    let table = lab.run([&["tables", "--rows", "jobs", "--format", "csv"][..], &reader].concat()).expect(0);
    assert_eq!(table.stdout.matches("succeeded").count(), 2, "{}", table.stdout);
    let ended = lab.run([&["cancel", "simulated"][..], &reader].concat()).expect(6);
    assert!(ended.stderr.contains("this needs submitter.token"), "{}", ended.stderr);
    lab.check_complete(2);
}

#[test]
fn local_workers_join_with_the_folder_s_token() {
    let lab = Lab::with_certs();
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms", "--certs", "certs"]).process.wait().expect(0);
    lab.check_complete(2);
}

#[test]
fn a_worker_is_what_its_certificate_says() {
    let lab = Lab::with_certs();
    lab.run(["certs", "other"]).expect(0);
    let coordinator = lab.serve_with_certs(&[]);
    let other = lab.serve(&["--certs", "other", "--store", "other.db"]);
    let (url, join) = (coordinator.url.as_str(), token(&lab, "certs/worker.token"));
    let (other_url, other_join) = (other.url.replace("http://", "https://"), token(&lab, "other/worker.token"));
    Runtime::new().unwrap().block_on(async {
        // without a certificate, with the token and with none
        let denied = "join with worker.token: worker --join";
        let mut bare = FleetClient::with_interceptor(channel(url, &join, None), bearer(&join));
        assert_refused(bare.register(registration(&"0".repeat(32))).await, Code::PermissionDenied, denied);
        let mut nothing = FleetClient::new(channel(url, &join, None));
        let remedy = "or a worker --join FILE (worker.token)";
        assert_refused(nothing.register(registration(&"0".repeat(32))).await, Code::Unauthenticated, remedy);

        // with another CA's
        let foreign = Enrolled::at(&other_url, &other_join).await.unwrap();
        let mut fleet = foreign.fleet(url, &join);
        let result = fleet.register(registration(&foreign.response.worker)).await;
        assert_refused(result, Code::PermissionDenied, "not from this coordinator's CA");

        // with its own, for another worker: every call of the service
        let [victim, liar] = [Enrolled::at(url, &join).await.unwrap(), Enrolled::at(url, &join).await.unwrap()];
        let mut fleet = liar.fleet(url, &join);
        let reason = "a worker calls for itself only";
        let worker = victim.response.worker.clone();
        assert_refused(fleet.register(registration(&worker)).await, Code::PermissionDenied, reason);
        let request = SynchronizeRequest { worker: worker.clone(), ..SynchronizeRequest::default() };
        assert_refused(fleet.synchronize(request).await, Code::PermissionDenied, reason);
        let request = CompleteRequest { worker, ..CompleteRequest::default() };
        assert_refused(fleet.complete(request).await, Code::PermissionDenied, reason);
        // nor can it have a certificate for the other's key
        let mut enrolment =
            EnrolmentClient::with_interceptor(channel(url, &join, Some((&liar.key, &liar.response))), bearer(&join));
        let request = EnrolRequest { public_key: victim.key.public().to_vec() };
        assert_refused(enrolment.enrol(request).await, Code::PermissionDenied, reason);

        fleet.register(registration(&liar.response.worker)).await.unwrap();
        victim.fleet(url, &join).register(registration(&victim.response.worker)).await.unwrap();
    });
}

#[test]
fn a_worker_that_is_revoked_is_refused_at_its_next_call_and_told_why() {
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&["--lease", "3s"]);
    let join = token(&lab, "certs/worker.token");
    let mut worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms", "--join", "certs/worker.token"]);
    worker.says("registered");
    let reader = ["--coordinator", &coordinator.url, "--token-file", "certs/reader.token"];
    let alias = until("the worker in the status", || {
        let status = lab.run([&["status", "--json"][..], &reader].concat()).expect(0).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["workers"][0]["worker"].as_str().map(str::to_owned)
    });
    let runtime = Runtime::new().unwrap();
    // connections are made here and used there
    let _entered = runtime.enter();
    let peer = runtime.block_on(Enrolled::at(&coordinator.url, &join)).unwrap();
    let mut fleet = peer.fleet(&coordinator.url, &join);
    runtime.block_on(fleet.register(registration(&peer.response.worker))).unwrap();

    let ended = lab.run(["certs", "certs", "--revoke", &alias]).expect(0);
    assert!(ended.stdout.contains("--new-token worker"), "{}", ended.stdout);
    let ended = worker.wait().expect(6);
    assert!(ended.stderr.contains("the certificate of this worker is revoked"), "{}", ended.stderr);
    // others go on, on the connections that they have
    runtime.block_on(fleet.register(registration(&peer.response.worker))).unwrap();
    lab.run(["certs", "certs", "--revoke", &peer.alias()]).expect(0);
    until("the revocation", || runtime.block_on(fleet.register(registration(&peer.response.worker))).err());
    let result = runtime.block_on(fleet.register(registration(&peer.response.worker)));
    assert_refused(result, Code::PermissionDenied, "revoked");
    let mut enrolment = EnrolmentClient::with_interceptor(channel(&coordinator.url, &join, None), bearer(&join));
    let request = EnrolRequest { public_key: peer.key.public().to_vec() };
    assert_refused(runtime.block_on(enrolment.enrol(request)), Code::PermissionDenied, "revoked");
    assert!(!coordinator.process.has_ended());
    let ended = lab.run(["certs", "certs", "--revoke", "nobody"]).expect(2);
    assert!(ended.stderr.contains("not the alias of a worker"), "{}", ended.stderr);
}

#[test]
fn certificates_and_tokens_are_renewed_without_a_restart() {
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&["--certificate-life", "4s", "--lease", "3s"]);
    let mut worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms", "--join", "certs/worker.token"]);
    worker.says("registered");
    let named = coordinator.url.replace("127.0.0.1", "localhost");
    let status = |url: &str| {
        Process::start(
            &mut lab.command("coordinator", ["status", "--coordinator", url, "--token-file", "certs/reader.token"]),
        )
        .wait()
    };
    status(&named).expect(0);

    // the coordinator's: the new one has another name
    let before = fs::read(lab.path("certs/server.pem")).unwrap();
    lab.run(["certs", "certs", "--renew", "localhost.example"]).expect(0);
    assert_ne!(fs::read(lab.path("certs/server.pem")).unwrap(), before);
    coordinator.process.says("the folder of certificates has changed");
    status(&coordinator.url).expect(0);

    // a token: the old one is refused, the new one let in
    fs::copy(lab.path("certs/reader.token"), lab.path("old.token")).unwrap();
    lab.run(["certs", "certs", "--new-token", "reader"]).expect(0);
    let old = ["status", "--coordinator", &coordinator.url, "--token-file", "old.token"];
    let ended = until("the end of the old token", || Some(lab.run(old)).filter(|ended| ended.code() != 0));
    assert!(ended.stderr.contains("--token-file FILE (reader.token"), "{}", ended.stderr);
    until("the new token", || (status(&coordinator.url).code() == 0).then_some(()));

    // a worker's, at half of its life, again and again, though the token that it joined with is not valid any more
    lab.run(["certs", "certs", "--new-token", "worker"]).expect(0);
    until("the renewal", || (worker.stderr().matches("has given a certificate").count() >= 3).then_some(()));
    let reader = ["--coordinator", &coordinator.url, "--token-file", "certs/reader.token"];
    let submitter = ["--coordinator", &coordinator.url, "--token-file", "certs/submitter.token"];
    lab.run([&["submit", "sweep.yaml", "--simulated"][..], &submitter].concat()).expect(0);
    lab.run([&["watch"][..], &reader].concat()).expect(0);
    assert_eq!(worker.stderr().matches(" registered ").count(), 1);
    lab.check_complete(2);
}

/// Each call with the token of each role, and what the worker's certificate may: the whole way through.
#[test]
fn each_role_may_make_its_own_calls_and_no_others() {
    let lab = Lab::with_certs();
    let coordinator = lab.serve_with_certs(&[]);
    let url = coordinator.url.as_str();
    Runtime::new().unwrap().block_on(async {
        let join = token(&lab, "certs/worker.token");
        let enrolled = Enrolled::at(url, &join).await.unwrap();
        let mut allowed = BTreeMap::new();
        for role in ["worker", "submitter", "reader", "certificate"] {
            let (shown, secret) = match role {
                "certificate" => (Some((&enrolled.key, &enrolled.response)), None),
                role => (None, Some(token(&lab, &format!("certs/{role}.token")))),
            };
            let bearer = Bearer::new(secret.as_ref().map(|token| token.secret.reveal())).unwrap();
            let calls = calls(channel(url, &join, shown), bearer, &enrolled).await;
            // what is let in may fail otherwise
            let is_allowed = |status: &Option<Status>| {
                let code = status.as_ref().map(Status::code);
                !matches!(
                    code,
                    Some(Code::PermissionDenied | Code::Unauthenticated | Code::Unavailable | Code::Unknown)
                )
            };
            let names = calls.into_iter().filter(|(_, status)| is_allowed(status)).map(|(name, _)| name);
            allowed.insert(role, names.collect::<Vec<_>>().join(" "));
        }
        let expected = [
            ("certificate", "enrol register synchronize complete"),
            ("reader", "status watch tables job"),
            ("submitter", "submit cancel status watch tables job"),
            ("worker", "enrol"),
        ];
        assert_eq!(allowed, expected.map(|(role, calls)| (role, calls.to_owned())).into());
    });
}

/// Makes each call once; how it failed, if it did.
async fn calls(channel: Channel, bearer: Bearer, worker: &Enrolled) -> Vec<(&'static str, Option<Status>)> {
    let mut enrolment = EnrolmentClient::with_interceptor(channel.clone(), bearer.clone());
    let mut fleet = FleetClient::with_interceptor(channel.clone(), bearer.clone());
    let mut sweeps = SweepsClient::with_interceptor(channel, bearer);
    let name = worker.response.worker.clone();
    let synchronize = SynchronizeRequest { worker: name.clone(), ..SynchronizeRequest::default() };
    let complete = CompleteRequest { worker: name.clone(), ..CompleteRequest::default() };
    vec![
        ("enrol", enrolment.enrol(EnrolRequest { public_key: worker.key.public().to_vec() }).await.err()),
        ("register", fleet.register(registration(&name)).await.err()),
        ("synchronize", fleet.synchronize(synchronize).await.err()),
        ("complete", fleet.complete(complete).await.err()),
        ("submit", sweeps.submit(SubmitRequest::default()).await.err()),
        ("cancel", sweeps.cancel(CancelRequest { sweep: "nothing".to_owned() }).await.err()),
        ("status", sweeps.status(StatusRequest::default()).await.err()),
        ("watch", sweeps.watch(StatusRequest::default()).await.err()),
        ("tables", sweeps.tables(TablesRequest::default()).await.err()),
        ("job", sweeps.job(JobRequest::default()).await.err()),
    ]
}

#[test]
fn whoever_listens_on_the_way_sees_no_token_and_no_job() {
    let lab = Lab::with_certs();
    lab.write_token("plain", "correct horse battery staple\n");
    let run = |coordinator: &Coordinator, url: &str, worker: &[&str], user: &[&str]| {
        let _worker = lab.worker(url, "w", &[&["--simulate", "1ms"], worker].concat());
        let user = [&["--coordinator", &coordinator.url][..], user].concat();
        lab.run([&["submit", "sweep.yaml", "--simulated"][..], &user].concat()).expect(0);
        lab.run([&["watch"][..], &user].concat()).expect(0);
    };
    let secret = token(&lab, "certs/worker.token").secret.reveal().to_owned();
    let coordinator = lab.serve_with_certs(&[]);
    let tap = Tap::before(coordinator.url.strip_prefix("https://").unwrap());
    run(&coordinator, &tap.url, &["--join", "certs/worker.token"], &["--token-file", "certs/submitter.token"]);
    assert!(!tap.seen.lock().unwrap().is_empty());
    for text in [secret.as_str(), "split_seed", "blobs", "Bearer", "/sweep.v1"] {
        assert!(!tap.saw(text), "{text} was seen");
    }
    lab.check_complete(2);

    // the tap works: without TLS it sees what is no header, which HTTP/2 writes in a code of its own
    let plain = lab.serve(&["--token-file", "plain", "--store", "plain.db"]);
    let tap = Tap::before(plain.address());
    let url = tap.url.replace("https://", "http://");
    run(&plain, &url, &["--token-file", "plain"], &["--token-file", "plain"]);
    assert!(tap.saw("split_seed"));
}

#[test]
fn the_secret_is_not_told_to_a_coordinator_with_another_ca() {
    let lab = Lab::with_certs();
    lab.run(["certs", "other"]).expect(0);
    // has the same names, and the true CA's certificate in its chain, which has not signed its own
    let stolen = fs::read_to_string(lab.path("certs/ca.crt")).unwrap();
    let coordinator = lab.serve_with_certs(&[]);
    let ended = |url: &str, option: &str, file: &str| -> Ended {
        lab.worker(url, "w", &["--simulate", "1ms", option, file]).wait()
    };
    let said = ended(&coordinator.url, "--join", "other/worker.token").expect(6).stderr;
    assert!(said.contains("its CA is not the one that the token names"), "{said}");
    let other = ["status", "--coordinator", &coordinator.url, "--token-file", "other/reader.token"];
    let said = lab.run(other).expect(6).stderr;
    assert!(said.contains("its CA is not the one that the token names"), "{said}");
    drop(coordinator);
    fs::write(lab.path("other/ca.crt"), stolen).unwrap();
    let impostor = lab.serve(&["--certs", "other", "--store", "other.db"]);
    let said = ended(&impostor.url.replace("http:", "https:"), "--join", "certs/worker.token").expect(6).stderr;
    assert!(said.contains("its CA is not the one that the token names"), "{said}");
}
