//! A store has one coordinator, and one that has lost its store acknowledges nothing.

use crate::harness::{
    Coordinator, Lab, Peer, Process, Signal, check_acknowledged, contents, lives, may_trace, simulated, until,
};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use tokio::runtime::Runtime;

#[test]
fn a_store_has_one_coordinator() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let first = lab.serve(&[]);
    lab.submit(&first.url, &["--simulated"]);
    symlink(lab.store(), lab.path("link.db")).unwrap();
    let before = contents(&lab.path(""));
    for arguments in [&["serve"][..], &["--sweep", "sweep.yaml"], &["serve", "--store", "link.db"]] {
        let second = lab.run(arguments.iter().chain(&["--listen", "127.0.0.1:0"])).expect(2);
        let holder = format!("process {}, the coordinator at {}", first.process.id(), first.url);
        assert!(second.stderr.contains(".db is in use by ") && second.stderr.contains(&holder), "{}", second.stderr);
        assert_eq!(second.stdout, "");
    }
    assert_eq!(contents(&lab.path("")).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert!(lives(first.process.id()));
    first.status(&lab);
    assert_eq!(lab.run(["status"]).expect(0).stderr, "", "who has the store is asked");
    drop(first);
    assert_eq!(lab.run(["status"]).expect(0).stderr, "");
}

/// A coordinator with work for a peer that has taken two jobs and handed one in.
fn at_work(lab: &Lab, runtime: &Runtime) -> (Coordinator, Peer) {
    lab.write(&simulated(20, 1));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut peer = runtime.block_on(async { Peer::new(&coordinator.url, 1, 2) });
    runtime.block_on(async {
        peer.register().await.unwrap();
        peer.synchronize().await.unwrap();
        let lease = peer.held.remove(0);
        assert!(peer.report(&lease).await.unwrap());
        peer.acknowledged.push((lease.job, lease.attempt));
    });
    (coordinator, peer)
}

#[test]
fn a_store_that_was_moved_away_takes_nothing_until_it_is_back() {
    let lab = Lab::new();
    let runtime = Runtime::new().unwrap();
    let (mut coordinator, mut peer) = at_work(&lab, &runtime);
    fs::rename(lab.store(), lab.path("away")).unwrap();
    // before anything is to be written
    coordinator.process.says("deleted, moved or replaced");
    let refused = runtime.block_on(peer.complete()).unwrap_err();
    assert!(refused.message().contains("deleted, moved or replaced"), "{refused}");
    assert!(runtime.block_on(peer.complete()).is_err());
    assert_eq!(coordinator.process.stderr().matches("the store fails").count(), 1, "it is said once");
    let problem = |of: &Coordinator| of.status(&lab)["sweeps"][0]["problem"].as_str().unwrap().to_owned();
    until("word of it in the status", || problem(&coordinator).contains("deleted, moved or replaced").then_some(()));
    fs::rename(lab.path("away"), lab.store()).unwrap();
    runtime.block_on(async {
        peer.register().await.unwrap();
        peer.complete().await.unwrap();
    });
    coordinator.process.says("the store works again");
    until("the status to be well", || problem(&coordinator).is_empty().then_some(()));
    assert_eq!(peer.acknowledged.len(), 2);
    coordinator.process.kill();
    check_acknowledged(&lab, &peer.acknowledged);
}

#[test]
fn a_store_that_was_deleted_takes_nothing() {
    let lab = Lab::new();
    let runtime = Runtime::new().unwrap();
    let (mut coordinator, mut peer) = at_work(&lab, &runtime);
    for name in ["sweeps.db", "sweeps.db-wal", "sweeps.db-shm"] {
        fs::remove_file(lab.path(name)).unwrap();
    }
    assert!(runtime.block_on(peer.complete()).is_err());
    assert!(lives(coordinator.process.id()) && !lab.store().exists());
    coordinator.process.says("the store fails");
    coordinator.process.signal(Signal::TERM);
    coordinator.process.wait().expect(2);
}

#[test]
fn a_coordinator_that_has_lost_its_store_ends() {
    let lab = Lab::new();
    let runtime = Runtime::new().unwrap();
    let (mut coordinator, mut peer) = at_work(&lab, &runtime);
    let other = rusqlite::Connection::open(lab.store()).unwrap();
    other.execute("UPDATE coordinator SET epoch = epoch + 1, holder = 'process 7, on another host'", []).unwrap();
    assert!(runtime.block_on(peer.complete()).is_err());
    let ended = coordinator.process.wait().expect(2);
    assert!(ended.stderr.contains("sweeps.db was taken over by process 7, on another host"), "{}", ended.stderr);
    check_acknowledged(&lab, &peer.acknowledged);
    assert_eq!(lab.history().succeeded().len(), 1);
}

#[test]
fn a_disk_that_does_not_confirm_a_write_ends_the_coordinator() {
    if !may_trace() {
        return;
    }
    let lab = Lab::new();
    let runtime = Runtime::new().unwrap();
    let (mut coordinator, mut peer) = at_work(&lab, &runtime);
    let mut tracer = Command::new("strace");
    tracer.args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"]);
    let mut tracer = Process::start(tracer.arg("-p").arg(coordinator.process.id().to_string()));
    until("the tracer", || tracer.stderr().contains("attached").then_some(()));
    assert!(runtime.block_on(peer.complete()).is_err());
    let ended = coordinator.process.wait().expect(1);
    assert!(ended.stderr.contains("the disk does not confirm"), "{}", ended.stderr);
    tracer.wait();
    let again = lab.serve(&[]);
    runtime.block_on(async {
        let mut peer_again = Peer::new(&again.url, 1, 2);
        peer_again.held.append(&mut peer.held);
        peer_again.register().await.unwrap();
        peer_again.complete().await.unwrap();
        check_acknowledged(&lab, &peer_again.acknowledged);
    });
}
