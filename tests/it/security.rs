//! Who may talk to a coordinator, and where it may listen.

use crate::harness::{Lab, OwnToken, Peer, Process, simulated};
use proto::wire::StatusRequest;
use proto::wire::sweeps_client::SweepsClient;
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::transport::Endpoint;

fn with_token() -> Lab {
    let lab = Lab::new();
    lab.write_token("token", "correct horse battery staple\n");
    lab.write_token("wrong", "correct horse battery stable\n");
    lab.write_token("empty", "\n");
    lab
}

#[test]
fn only_who_has_the_token_is_let_in() {
    let lab = with_token();
    lab.write(&simulated(2, 1));
    let coordinator = lab.serve(&["--token-file", "token"]);
    let simulate = ["--simulate", "1ms"];
    for token in [&[][..], &["--token-file", "wrong"]] {
        let mut worker = lab.worker(&coordinator.url, "w", &[&simulate, token].concat());
        let ended = worker.wait().expect(6);
        assert!(
            ended.stderr.contains("refuses this worker") && ended.stderr.contains("--token-file"),
            "{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("horse"), "no secret in a log: {}", ended.stderr);
        for command in
            [&["status"][..], &["watch"], &["jobs"], &["tables"], &["cancel", "any"], &["submit", "sweep.yaml"]]
        {
            let ended = lab.run([command, &["--coordinator", &coordinator.url], token].concat()).expect(6);
            assert!(ended.stderr.contains("--token-file") && !ended.stderr.contains("horse"), "{}", ended.stderr);
        }
    }
    let token = ["--token-file", "token", "--coordinator", &coordinator.url];
    lab.run([&["submit", "sweep.yaml", "--simulated"][..], &token].concat()).expect(0);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms", "--token-file", "token"]);
    let ended = lab.run([&["watch"][..], &token].concat()).expect(0);
    assert!(ended.stderr.contains("2/2 jobs done"), "{}", ended.stderr);
    lab.check_complete(2);
    assert!(!coordinator.process.stderr().contains("horse"));
}

#[test]
fn local_workers_get_the_token() {
    let lab = with_token();
    lab.write(&simulated(2, 1));
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms", "--token-file", "token"]).process.wait().expect(0);
}

#[test]
fn a_worker_is_known_by_more_than_its_word() {
    let lab = Lab::new();
    let coordinator = lab.serve(&[]);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut stranger = Peer::new(&coordinator.url, 1, 1);
        let refusal = stranger.synchronize().await.unwrap_err();
        assert_eq!(refusal.code(), Code::FailedPrecondition, "{refusal}");
    });
}

/// Whoever knows a worker's id is taken for the worker.
#[test]
fn what_is_shown_of_a_worker_is_not_what_it_calls_with() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let id = 0xfeed_0123_4567_89ab_cdef_0123_4567_89ab;
        let mut worker = Peer::new(&coordinator.url, id, 1);
        worker.register().await.unwrap();
        worker.synchronize().await.unwrap();
        let mut reader = SweepsClient::with_interceptor(
            Endpoint::from_shared(coordinator.url.clone()).unwrap().connect_lazy(),
            OwnToken::of(&coordinator.url),
        );
        let mut views = reader.watch(StatusRequest::default()).await.unwrap().into_inner();
        let status = loop {
            let status = views.message().await.unwrap().unwrap();
            if !status.workers.is_empty() {
                break status;
            }
        };
        let shown = format!("{status:?}");
        assert!(status.workers.len() == 1 && !shown.contains("feed01234567"), "{shown}");
        // padded to the length of an id
        let claimed = u128::from_str_radix(&format!("{:0<32}", status.workers[0].worker), 16).unwrap();
        let refusal = Peer::new(&coordinator.url, claimed, 1).synchronize().await.unwrap_err();
        assert_eq!(refusal.code(), Code::FailedPrecondition, "{refusal}");
        worker.complete().await.unwrap();
    });
}

#[test]
fn other_machines_need_certificates_or_the_user_s_word() {
    let lab = with_token();
    for arguments in [&["serve"][..], &["--sweep", "sweep.yaml", "--simulate", "1ms"]] {
        lab.write(&simulated(2, 1));
        let ended = lab.run([arguments, &["--listen", "0.0.0.0:0"]].concat()).expect(2);
        assert!(ended.stderr.contains("--certs DIR") && ended.stderr.contains("--insecure-listen"), "{}", ended.stderr);
        assert!(!lab.store().exists());
    }
    for allowed in [&["--token-file", "token", "--insecure-listen"][..], &["--insecure-listen"]] {
        let command = [&["serve", "--listen", "0.0.0.0:0"], allowed].concat();
        Process::start(&mut lab.command("coordinator", command)).says("listening on 0.0.0.0:");
    }
}

#[test]
fn a_token_file_must_hold_a_token() {
    let lab = with_token();
    for file in ["empty", "missing"] {
        let ended = lab.run(["serve", "--listen", "127.0.0.1:0", "--token-file", file]).expect(2);
        assert!(ended.stderr.contains(file), "{}", ended.stderr);
        let mut worker = lab.worker("http://127.0.0.1:1", "w", &["--simulate", "1ms", "--token-file", file]);
        let ended = worker.wait().expect(2);
        assert!(ended.stderr.contains(file), "{}", ended.stderr);
        assert!(!lab.store().exists());
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let clean = Runtime::new().unwrap().block_on(async {
        let [mut liar, mut honest] = [1, 2].map(|worker| Peer::new(&coordinator.url, worker, 2));
        liar.register().await.unwrap();
        liar.synchronize().await.unwrap();
        let lease = liar.held[0];
        for _ in 0..2 {
            let refused = liar.report_changed(&lease, |result| result.epochs = u32::MAX).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(refused.message().contains("it has 4294967295 epochs of 1"), "{refused}");
        }
        let other = liar.held[1];
        let device = "\u{1b}]0;x\u{7}=\u{202e}1".to_owned();
        assert!(liar.report_changed(&other, |result| result.device = device).await.unwrap());
        honest.register().await.unwrap();
        honest.synchronize().await.unwrap();
        assert_eq!(honest.held[0].job, lease.job, "the job is not lost");
        honest.complete().await.unwrap();
        other
    });
    lab.check_complete(2);
    let stored = coordinator::store::Reader::open(&lab.store()).unwrap().result(clean.job).unwrap().unwrap();
    assert_eq!(stored.result.device, "]0;x=1", "nothing that speaks to a terminal");
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let lab = Lab::new();
    let coordinator = lab.serve(&[]);
    let mut silent = TcpStream::connect(coordinator.url.trim_start_matches("http://")).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // it is greeted, and then closed
    silent.read_to_end(&mut Vec::new()).unwrap();
}
