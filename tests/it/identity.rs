//! Certificates, roles and the token of a coordinator's own user: who is let in, who is not, and what each is told.

use crate::harness::{Coordinator, Ended, Lab, Process, runtime_folder, simulated, token_path, until};
use proto::bearer::Bearer;
use proto::credential::Credential;
use proto::ids::WorkerId;
use proto::tls::{Connector, Key};
use proto::wire::enrolment_client::EnrolmentClient;
use proto::wire::fleet_client::FleetClient;
use proto::wire::sweeps_client::SweepsClient;
use proto::wire::{
    CancelRequest, CompleteRequest, EnrolRequest, EnrolResponse, RegisterRequest, StatusRequest, SubmitRequest,
    SynchronizeRequest, TablesRequest,
};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::spawn;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// A lab with a folder of certificates.
fn with_certs() -> Lab {
    let lab = Lab::new();
    lab.run(["certs", "certs"]).expect(0);
    lab.write(&simulated(2, 1));
    lab
}

/// A coordinator that serves with the certificates.
fn serve(lab: &Lab, arguments: &[&str]) -> Coordinator {
    let Coordinator { process, url } = lab.serve(&[&["--certs", "certs"], arguments].concat());
    Coordinator { process, url: url.replace("http://", "https://") }
}

/// Connections to a coordinator with the CA that a token names; they show a certificate, if one is given.
fn channel(url: &str, token: &Credential, shown: Option<(&Key, &EnrolResponse)>) -> Channel {
    let shown = shown.map(|(key, enrolled)| (key, enrolled.certificate.clone()));
    let connector = Connector::new(token.ca.unwrap(), shown).unwrap();
    Endpoint::from_shared(url.to_owned()).unwrap().connect_with_connector_lazy(connector)
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

/// Checks that a call is refused for that reason.
fn assert_refused<T>(result: Result<T, Status>, code: Code, reason: &str) {
    let status = result.err().unwrap_or_else(|| panic!("let in, instead of: {reason}"));
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(reason), "{status}");
}

#[test]
fn a_sweep_is_run_with_certificates_from_file_to_table() {
    let lab = with_certs();
    let coordinator = serve(&lab, &[]);
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
    let lab = with_certs();
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms", "--certs", "certs"]).process.wait().expect(0);
    lab.check_complete(2);
}

#[test]
fn a_worker_is_what_its_certificate_says() {
    let lab = with_certs();
    lab.run(["certs", "other"]).expect(0);
    let coordinator = serve(&lab, &[]);
    let other = lab.serve(&["--certs", "other", "--store", "other.db"]);
    let (url, join) = (coordinator.url.as_str(), token(&lab, "certs/worker.token"));
    let (other_url, other_join) = (other.url.replace("http://", "https://"), token(&lab, "other/worker.token"));
    Runtime::new().unwrap().block_on(async {
        // without a certificate, with the token and with none
        let denied = "they join with worker.token (--join)";
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
    let lab = with_certs();
    let mut coordinator = serve(&lab, &["--lease", "3s"]);
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
    let lab = with_certs();
    let mut coordinator = serve(&lab, &["--certificate-life", "4s", "--lease", "3s"]);
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
    let lab = with_certs();
    let coordinator = serve(&lab, &[]);
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
            ("reader", "status watch tables"),
            ("submitter", "submit cancel status watch tables"),
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
    ]
}

/// A proxy that keeps what passes through it.
struct Tap {
    url: String,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    fn before(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (seen, address) = (Arc::new(Mutex::new(Vec::new())), address.to_owned());
        let sink = Arc::clone(&seen);
        spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&address) else { return };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let sink = Arc::clone(&sink);
                    spawn(move || pass(from, to, &sink));
                }
            }
        });
        Self { url, seen }
    }

    fn saw(&self, text: &str) -> bool {
        self.seen.lock().unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, sink: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        sink.lock().unwrap().extend(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn whoever_listens_on_the_way_sees_no_token_and_no_job() {
    let lab = with_certs();
    lab.write_token("plain", "correct horse battery staple\n");
    let run = |coordinator: &Coordinator, url: &str, worker: &[&str], user: &[&str]| {
        let _worker = lab.worker(url, "w", &[&["--simulate", "1ms"], worker].concat());
        let user = [&["--coordinator", &coordinator.url][..], user].concat();
        lab.run([&["submit", "sweep.yaml", "--simulated"][..], &user].concat()).expect(0);
        lab.run([&["watch"][..], &user].concat()).expect(0);
    };
    let secret = token(&lab, "certs/worker.token").secret.reveal().to_owned();
    let coordinator = serve(&lab, &[]);
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
    let lab = with_certs();
    lab.run(["certs", "other"]).expect(0);
    // has the same names, and the true CA's certificate in its chain, which has not signed its own
    let stolen = fs::read_to_string(lab.path("certs/ca.crt")).unwrap();
    let coordinator = serve(&lab, &[]);
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

#[test]
fn what_does_not_fit_together_is_said_with_its_remedy() {
    let lab = with_certs();
    lab.write_token("plain", "correct horse battery staple\n");
    let coordinator = serve(&lab, &[]);
    let plain = lab.serve(&["--token-file", "plain", "--store", "plain.db"]);
    let (tls_url, plain_url) = (coordinator.url.as_str(), plain.url.as_str());
    let upgraded = plain_url.replace("http:", "https:");
    let downgraded = tls_url.replace("https:", "http:");
    let elsewhere = tls_url.replace("127.0.0.1", "127.0.0.2");
    for (url, option, file, code, expected) in [
        (tls_url, "--token-file", "plain", 2, "--join FILE"),
        (tls_url, "--join", "plain", 2, "copy worker.token"),
        (plain_url, "--join", "certs/worker.token", 2, "begins with https://"),
        (upgraded.as_str(), "--join", "certs/worker.token", 6, "does not speak TLS"),
        (tls_url, "--join", "certs/reader.token", 6, "join with worker.token"),
    ] {
        let said = lab.worker(url, "w", &["--simulate", "1ms", option, file]).wait().expect(code).stderr;
        assert!(said.contains(expected), "{url} {option} {file}: {said}");
    }
    for (url, file, code, expected) in [
        (tls_url, "plain", 2, "--token-file FILE"),
        (tls_url, "certs/worker.token", 6, "this needs reader.token"),
        (plain_url, "certs/reader.token", 2, "begins with https://"),
        (upgraded.as_str(), "certs/reader.token", 6, "does not speak TLS"),
        (downgraded.as_str(), "plain", 6, "https://"),
        (elsewhere.as_str(), "certs/reader.token", 6, "coordinator certs DIR --renew 127.0.0.2"),
    ] {
        let said = lab.run(["status", "--coordinator", url, "--token-file", file]).expect(code).stderr;
        // a coordinator on one address is not reached on another
        if url != elsewhere || !said.contains("refused") {
            assert!(said.contains(expected), "{url} {file}: {said}");
        }
    }
    for (arguments, expected) in [
        (&["serve", "--certs", "nowhere"][..], "coordinator certs nowhere"),
        (&["serve", "--token-file", "certs/reader.token"], "--certs DIR"),
        (&["serve", "--certs", "certs", "--token-file", "plain"], "cannot be used with"),
        (&["certs", "certs"], "--renew"),
        (&["certs", "new", "not a name"], "not a host's name"),
        (&["serve", "--listen", "0.0.0.0:0", "--token-file", "plain"], "--certs DIR"),
    ] {
        let said = lab.run(arguments).expect(2).stderr;
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn secrets_that_others_may_read_are_refused_with_the_remedy() {
    let lab = with_certs();
    lab.write_token("token", "correct horse battery staple\n");
    lab.write_token("short", "123456789012345\n");
    let open = |name: &str, mode| fs::set_permissions(lab.path(name), fs::Permissions::from_mode(mode)).unwrap();
    let refused = |ended: Ended, expected: &str| {
        let said = ended.expect(2).stderr;
        assert!(said.contains(expected) && !said.contains("horse"), "{said}");
    };
    for mode in [0o640, 0o604] {
        open("token", mode);
        open("certs/worker.token", mode);
        refused(lab.run(["serve", "--listen", "127.0.0.1:0", "--token-file", "token"]), "chmod 600 token");
        let url = "http://127.0.0.1:1";
        refused(lab.run(["status", "--coordinator", url, "--token-file", "token"]), "chmod 600 token");
        let worker = |option, file| lab.worker(url, "w", &["--simulate", "1ms", option, file]).wait();
        refused(worker("--token-file", "token"), "chmod 600 token");
        refused(worker("--join", "certs/worker.token"), "chmod 600 certs/worker.token");
    }
    refused(lab.run(["serve", "--listen", "127.0.0.1:0", "--token-file", "short"]), "openssl rand");
    open("certs/ca.key", 0o644);
    refused(lab.run(["serve", "--listen", "127.0.0.1:0", "--certs", "certs"]), "chmod 600 certs/ca.key");
    open("certs/ca.key", 0o600);
    open("certs", 0o755);
    refused(lab.run(["serve", "--listen", "127.0.0.1:0", "--certs", "certs"]), "chmod 700 certs");
    assert!(!lab.store().exists());
}

/// What a caller without the right token is told, over its own connection.
async fn guess(url: &str, token: &str) -> Result<(), Status> {
    let channel = Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy();
    let mut client = SweepsClient::with_interceptor(channel, Bearer::new(Some(token)).unwrap());
    client.status(StatusRequest::default()).await.map(drop)
}

#[test]
fn wrong_tokens_are_slowed_counted_and_said() {
    let lab = Lab::new();
    lab.write_token("token", "correct horse battery staple\n");
    let mut coordinator = lab.serve(&["--token-file", "token"]);
    let url = coordinator.url.clone();
    Runtime::new().unwrap().block_on(async {
        let started = Instant::now();
        for number in 0..5 {
            let wrong = format!("a wrong token, number {number}");
            assert_refused(guess(&url, &wrong).await, Code::Unauthenticated, "--token-file");
        }
        assert!(started.elapsed() >= Duration::from_millis(50 + 100 + 200 + 400 + 800), "{:?}", started.elapsed());

        // on one connection they wait for each other, however many there are at once
        let channel = Endpoint::from_shared(url.clone()).unwrap().connect_lazy();
        let client = SweepsClient::with_interceptor(channel, Bearer::new(Some("a wrong token again")).unwrap());
        let started = Instant::now();
        let mut guesses = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let mut client = client.clone();
            guesses.spawn(async move { client.status(StatusRequest::default()).await.map(drop) });
        }
        // whoever has the token does not wait for them
        guess(&url, "correct horse battery staple").await.unwrap();
        assert!(guesses.try_join_next().is_none(), "the right token was answered after a wrong one");
        while let Some(guess) = guesses.join_next().await {
            assert_refused(guess.unwrap(), Code::Unauthenticated, "--token-file");
        }
        assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
    });
    let line = coordinator.process.says("calls with a wrong token");
    assert!(line.contains("address=127.0.0.1") && line.contains("count=1"), "{line}");
    let said = coordinator.process.stderr();
    assert_eq!(said.matches("calls with a wrong token").count(), 1, "{said}");
    assert!(!said.contains("number 0") && !said.contains("horse"), "{said}");
}

#[test]
fn a_coordinator_is_its_own_user_s_unless_it_is_told_otherwise() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let mut coordinator = lab.serve(&[]);
    let path = token_path(&coordinator.url);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert!(path.starts_with(runtime_folder()));

    // the user's own commands and workers find the token, by the address and by the name
    lab.submit(&coordinator.url.replace("127.0.0.1", "localhost"), &["--simulated"]);
    let mut worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms"]);
    lab.run(["watch", "--coordinator", &coordinator.url]).expect(0);
    lab.check_complete(2);

    // somebody else does not
    let stranger = Lab::new();
    let as_stranger = |program: &str, arguments: &[&str]| {
        let mut command = stranger.command(program, arguments);
        Process::start(command.env("XDG_RUNTIME_DIR", stranger.path("run"))).wait().expect(6).stderr
    };
    let url = coordinator.url.as_str();
    for said in [
        as_stranger("coordinator", &["status", "--coordinator", url]),
        as_stranger("coordinator", &["cancel", "simulated", "--coordinator", url]),
        as_stranger("worker", &["--coordinator", url, "--simulate", "1ms"]),
    ] {
        assert!(said.contains("only the user who started it") && said.contains("--token-file FILE"), "{said}");
    }

    // the file is put back if a logout has taken it, goes with the coordinator, and one that stays is replaced
    let secret = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    until("the file", || fs::read(&path).ok().filter(|found| *found == secret));
    coordinator.process.signal(Signal::TERM);
    coordinator.process.wait().expect(0);
    assert!(!path.exists());
    fs::write(&path, "what a coordinator that was killed has left\n").unwrap();
    let again = lab.serve_on(coordinator.address(), &[]);
    assert_ne!(fs::read(&path).unwrap(), secret);
    again.status(&lab);

    // a worker that was there before finds the new token
    until("the worker", || {
        let status = again.status(&lab);
        status["workers"].as_array()?.iter().any(|worker| worker["connected"] == true).then_some(())
    });
    assert!(!worker.has_ended());
}

#[test]
fn without_a_runtime_folder_the_token_lies_in_the_home() {
    let lab = Lab::new();
    let mut serve = lab.command("coordinator", ["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(serve.env_remove("XDG_RUNTIME_DIR"));
    let line = process.says("listening on ");
    let address = line.strip_prefix("listening on ").and_then(|rest| rest.split(',').next()).unwrap();
    let found = walk(&lab.path(".local/state/splitsweep"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with(&format!("{}.token", address.replace(':', "-"))), "{found:?}");
    // also from a session that has one
    lab.run(["status", "--coordinator", &format!("http://{address}")]).expect(0);

    let mut nowhere = lab.command("coordinator", ["serve", "--listen", "127.0.0.1:0"]);
    let ended = Process::start(nowhere.env_remove("XDG_RUNTIME_DIR").env_remove("HOME")).wait().expect(2);
    assert!(
        ended.stderr.contains("--token-file FILE") && ended.stderr.contains("--insecure-listen"),
        "{}",
        ended.stderr
    );
}

fn walk(folder: &Path) -> Vec<String> {
    crate::harness::contents(folder).into_keys().map(|path| path.display().to_string()).collect()
}

#[test]
fn insecure_on_loopback_is_open_to_all() {
    let lab = Lab::new();
    let coordinator = lab.serve(&["--insecure-listen"]);
    assert!(!token_path(&coordinator.url).exists());
    let status = async {
        let channel = Endpoint::from_shared(coordinator.url.clone()).unwrap().connect_lazy();
        SweepsClient::new(channel).status(StatusRequest::default()).await
    };
    Runtime::new().unwrap().block_on(status).unwrap();
}

#[test]
fn what_is_written_is_its_owner_s_alone_unless_told_otherwise() {
    for (umask, file, folder) in [(None, 0o600, 0o700), (Some("022"), 0o644, 0o755)] {
        let lab = Lab::new();
        lab.write(&simulated(2, 1));
        let run = |arguments: &[&str]| {
            let mut command = lab.command("coordinator", arguments);
            if let Some(umask) = umask {
                command.env("SPLITSWEEP_UMASK", umask);
            }
            Process::start(&mut command).wait().expect(0)
        };
        run(&["--sweep", "sweep.yaml", "--listen", "127.0.0.1:0", "--local-workers", "1", "--simulate", "1ms"]);
        run(&["tables", "--out", "table.txt"]);
        run(&["report", "--out", "report"]);
        let mode = |name: &str| fs::metadata(lab.path(name)).unwrap().permissions().mode() & 0o777;
        for name in ["sweeps.db", "table.txt", "report/report.html"] {
            assert_eq!(mode(name), file, "{name}");
        }
        assert_eq!(mode("report"), folder);
    }
    let lab = Lab::new();
    for (program, arguments) in
        [("coordinator", &["status"][..]), ("worker", &["synthesize", "--cases", "1", "--out", "blobs"])]
    {
        let mut command = lab.command(program, arguments);
        let ended = Process::start(command.env("SPLITSWEEP_UMASK", "rw")).wait().expect(2);
        assert!(ended.stderr.contains("SPLITSWEEP_UMASK=`rw`"), "{}", ended.stderr);
    }
}
