//! What peers may ask of a coordinator at most, and that nobody else has to wait for it.

use crate::harness::{Coordinator, Lab, OwnToken, Peer, Process, free_port, simulated};
use proto::wire::sweeps_client::SweepsClient;
use proto::wire::{StatusRequest, TablesRequest};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit, setrlimit};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// A coordinator that may have that many files open, and asks for a token.
fn serve_with_files(lab: &Lab, limit: &str) -> Coordinator {
    lab.write_token("token", "correct horse battery staple\n");
    let address = format!("127.0.0.1:{}", free_port());
    let serve = lab.command("coordinator", ["serve", "--listen", &address, "--token-file", "token"]);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{limit}; exec \"$0\" \"$@\"")).arg(serve.get_program()).args(serve.get_args());
    let mut process = Process::start(command.current_dir(lab.path("")));
    process.says("listening on ");
    Coordinator { process, url: format!("http://{address}") }
}

/// Connections that speak HTTP/2 and answer what they are asked, but make no call.
async fn idle(url: &str, count: usize) -> Vec<Channel> {
    let mut connecting = JoinSet::new();
    for _ in 0..count {
        let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
        connecting.spawn(async move { endpoint.connect().await });
    }
    // one that is closed at once is not there
    connecting.join_all().await.into_iter().filter_map(Result::ok).collect()
}

/// Lets this process have as many files open as it may.
fn raise_own_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[test]
fn idle_connections_without_a_token_keep_nobody_out() {
    raise_own_limit();
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let coordinator = serve_with_files(&lab, "ulimit -n 1024");
    let runtime = Runtime::new().unwrap();
    let _strangers = runtime.block_on(idle(&coordinator.url, 1100));
    lab.submit(&coordinator.url, &["--simulated", "--token-file", "token"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms", "--token-file", "token"]);
    lab.run(["watch", "--coordinator", &coordinator.url, "--token-file", "token"]).expect(0);
    lab.check_complete(2);
}

#[test]
fn as_many_files_as_the_system_allows_may_be_open() {
    let lab = Lab::new();
    let coordinator = serve_with_files(&lab, "ulimit -Sn 256");
    let limits = fs::read_to_string(format!("/proc/{}/limits", coordinator.process.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| line.split_whitespace().nth(column).unwrap());
    assert_eq!(soft, hard);
}

#[test]
fn connections_that_cannot_be_accepted_are_said_once_and_accepted_later() {
    let lab = Lab::new();
    let mut coordinator = lab.serve(&[]);
    let pid = Pid::from_raw(coordinator.process.id() as i32);
    let few = Rlimit { current: Some(3), ..getrlimit(Resource::Nofile) };
    let before = prlimit(pid, Resource::Nofile, few).unwrap();
    let address = coordinator.address().to_owned();
    let _waiting = TcpStream::connect(&address).unwrap();
    let said = coordinator.process.says("cannot accept connections");
    assert!(said.contains("ulimit -n") && said.contains("LimitNOFILE"), "{said}");
    let _waiting_too = TcpStream::connect(&address).unwrap();
    prlimit(pid, Resource::Nofile, before).unwrap();
    coordinator.status(&lab);
    assert_eq!(coordinator.process.stderr().matches("cannot accept connections").count(), 1);
}

#[test]
fn watchers_beyond_their_number_are_refused() {
    let lab = Lab::new();
    let coordinator = lab.serve(&[]);
    Runtime::new().unwrap().block_on(async {
        let [mut client, mut other] = clients(&coordinator.url).await;
        let mut watchers = Vec::new();
        for _ in 0..64 {
            watchers.push(client.watch(StatusRequest::default()).await.unwrap());
        }
        let refused = other.watch(StatusRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.message(), "too many watchers at once: end one, or try again later");
        other.status(StatusRequest::default()).await.unwrap();
        drop((watchers, client));
        // the coordinator hears of it a moment later
        while other.watch(StatusRequest::default()).await.is_err() {}
    });
}

#[test]
fn tables_that_nobody_reads_are_few() {
    let lab = Lab::new();
    lab.write(&simulated(20, 2000));
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms"]).process.wait().expect(0);
    let coordinator = lab.serve(&[]);
    let request = || TablesRequest { rows: "measurements".to_owned(), format: "json".to_owned(), ..Default::default() };
    Runtime::new().unwrap().block_on(async {
        let [mut client, mut other] = clients(&coordinator.url).await;
        let mut unread = Vec::new();
        for _ in 0..16 {
            unread.push(client.tables(request()).await.unwrap());
        }
        let refused = other.tables(request()).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
        drop((unread, client));
        while other.tables(request()).await.is_err() {}
    });
}

/// Two clients, each with a connection of its own.
async fn clients(url: &str) -> [SweepsClient<InterceptedService<Channel, OwnToken>>; 2] {
    let channels = idle(url, 2).await.into_iter();
    let mut clients = channels.map(|channel| SweepsClient::with_interceptor(channel, OwnToken::of(url)));
    [clients.next().unwrap(), clients.next().unwrap()]
}

#[test]
fn a_command_waits_for_no_coordinator_that_does_not_answer() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let stopped = lab.serve(&[]);
    stopped.process.signal(Signal::STOP);
    for url in [&silent, &stopped.url] {
        let commands =
            [&["status"][..], &["watch"], &["jobs"], &["tables"], &["cancel", "any"], &["submit", "sweep.yaml"]];
        let start = |command: &&[&str]| {
            Process::start(&mut lab.command("coordinator", [command, &["--coordinator", url][..]].concat()))
        };
        for mut process in commands.iter().map(start).collect::<Vec<_>>() {
            let ended = process.wait().expect(6);
            assert_eq!(ended.stderr, format!("error: the coordinator at {url} does not answer (10 s)\n"));
        }
    }
}

#[test]
fn a_coordinator_that_ends_amid_a_call_is_said_to_be_lost() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let mut coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut watch = Process::start(&mut lab.command("coordinator", ["watch", "--coordinator", &coordinator.url]));
    watch.says("0/2 jobs done");
    coordinator.process.kill();
    let ended = watch.wait().expect(6);
    assert!(ended.stderr.contains("is lost"), "{}", ended.stderr);
}

#[test]
fn ten_thousand_registrations_hide_nobody() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let coordinator = lab.serve(&[]);
    let mut worker = lab.worker(&coordinator.url, "honest", &["--simulate", "1ms"]);
    worker.says("registered");
    Runtime::new().unwrap().block_on(async {
        let flood = Peer::new(&coordinator.url, 1, 1);
        for worker in 1..=10_000 {
            flood.again(worker).register().await.unwrap();
        }
    });
    lab.submit(&coordinator.url, &["--simulated"]);
    let ended = lab.run(["watch", "--coordinator", &coordinator.url]).expect(0);
    assert!(ended.stderr.contains("2/2 jobs done"), "{}", ended.stderr);
    let status = coordinator.status(&lab);
    let workers = status["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 4096);
    assert!(workers.iter().any(|worker| worker["name"] == "honest"));
}
