//! Token files, the token of a coordinator's own user, and files that are their owner's alone.

use crate::harness::{Ended, Lab, Process, assert_refused, runtime_folder, simulated, token_path, until};
use proto::bearer::Bearer;
use proto::wire::StatusRequest;
use proto::wire::sweeps_client::SweepsClient;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

#[test]
fn what_does_not_fit_together_is_said_with_its_remedy() {
    let lab = Lab::with_certs();
    lab.write_token("plain", "correct horse battery staple\n");
    let coordinator = lab.serve_with_certs(&[]);
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
    let lab = Lab::with_certs();
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
    const WRONG: usize = 60;
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
        for _ in 0..WRONG {
            let mut client = client.clone();
            guesses.spawn(async move { client.status(StatusRequest::default()).await.map(drop) });
        }
        // whoever has the token does not wait for them: they take a second each
        guess(&url, "correct horse battery staple").await.unwrap();
        let answered = std::iter::from_fn(|| guesses.try_join_next()).count();
        assert!(answered < WRONG, "the right token was answered after all wrong ones");
        for _ in 0..3 {
            assert_refused(guesses.join_next().await.unwrap().unwrap(), Code::Unauthenticated, "--token-file");
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
    // also from a session that has one, but not the one of all tests, where a killed coordinator may have left a token for this port
    let mut status = lab.command("coordinator", ["status", "--coordinator", &format!("http://{address}")]);
    Process::start(status.env("XDG_RUNTIME_DIR", lab.path("session"))).wait().expect(0);

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
    let mut serve = lab.command("coordinator", ["serve", "--listen", "127.0.0.1:0", "--insecure-listen"]);
    let mut process = Process::start(serve.env("XDG_RUNTIME_DIR", lab.path("session")));
    let line = process.says("listening on ");
    let address = line.strip_prefix("listening on ").and_then(|rest| rest.split(',').next()).unwrap();
    assert!(!lab.path("session").exists(), "no token is kept");
    let status = async {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
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
