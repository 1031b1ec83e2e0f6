//! What was acknowledged is on disk, whenever the coordinator dies.

use crate::harness::{
    Coordinator, Lab, Peer, Process, Signal, check_acknowledged, children, kill, may_trace, simulated, until,
};
use std::process::Command;
use std::time::Duration;
use tokio::runtime::Runtime;

fn succeeded(coordinator: &Coordinator, lab: &Lab) -> u64 {
    coordinator.status(lab)["sweeps"][0]["succeeded"].as_u64().unwrap()
}

#[test]
fn counts_never_go_down_however_often_the_coordinator_is_killed() {
    const JOBS: u32 = 3000;
    const KILLS: u64 = 8;
    let lab = Lab::new();
    lab.write(&simulated(JOBS, 1));
    let mut coordinator = lab.serve_on_free_port();
    let address = coordinator.address().to_owned();
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "10ms", "--slots", "8"]);
    let mut seen = 0;
    for time in 1..=KILLS {
        let target = (u64::from(JOBS) * time / (2 * KILLS)).max(seen + 1);
        seen = until("progress", || Some(succeeded(&coordinator, &lab)).filter(|&now| now >= target));
        coordinator.process.kill();
        let kept = lab.history();
        kept.check();
        assert!(kept.succeeded().len() as u64 >= seen, "{} results are left of {seen}", kept.succeeded().len());
        coordinator = lab.serve_on(&address, &[]);
        assert!(succeeded(&coordinator, &lab) >= seen);
    }
    assert!(seen < u64::from(JOBS), "it was killed under load");
    coordinator.ended(&lab);
    let rows = lab.check_complete(JOBS as usize);
    assert!(rows.iter().all(|row| row["attempts"] == "1"), "attempts outlive the coordinator");
}

#[test]
fn every_acknowledged_result_is_in_the_store() {
    const JOBS: u32 = 1500;
    let lab = Lab::new();
    lab.write(&simulated(JOBS, 1));
    let mut coordinator = lab.serve_on_free_port();
    let address = coordinator.address().to_owned();
    lab.submit(&coordinator.url, &["--simulated"]);
    let runtime = Runtime::new().unwrap();
    let mut peer = runtime.block_on(async { Peer::new(&coordinator.url, 1, 16) });
    for life in 1.. {
        let victim = coordinator.process.id();
        let before = peer.acknowledged.len();
        let all = before + 150 >= JOBS as usize;
        // a connection whose end was not seen yet fails once
        until("the registration", || runtime.block_on(peer.register()).ok());
        runtime.block_on(async {
            loop {
                // killed between the call and its answer: in the middle of a batch
                let doomed = !all && peer.acknowledged.len() >= before + 100;
                let killer = tokio::task::spawn_blocking(move || {
                    if doomed {
                        std::thread::sleep(Duration::from_micros(300 * life));
                        kill(victim, Signal::KILL);
                    }
                });
                let known = peer.acknowledged.len();
                let result = match peer.synchronize().await {
                    Ok(()) => peer.complete().await,
                    Err(status) => Err(status),
                };
                killer.await.unwrap();
                // not counted by the acknowledgements: those of the last batch before a kill may have been lost
                let news = peer.acknowledged.len() > known;
                if result.is_err() || doomed || (!news && lab.history().succeeded().len() == JOBS as usize) {
                    break;
                }
            }
        });
        if all {
            break;
        }
        coordinator.process.kill();
        assert!(peer.acknowledged.len() > before, "there was traffic");
        check_acknowledged(&lab, &peer.acknowledged);
        coordinator = lab.serve_on(&address, &[]);
    }
    check_acknowledged(&lab, &peer.acknowledged);
    assert!(lab.check_complete(JOBS as usize).iter().all(|row| row["attempts"] == "1"));
}

#[test]
fn a_result_that_is_reported_again_changes_nothing() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    Runtime::new().unwrap().block_on(async {
        let mut peer = Peer::new(&coordinator.url, 1, 1);
        let mut other = Peer::new(&coordinator.url, 2, 1);
        peer.register().await.unwrap();
        other.register().await.unwrap();
        peer.synchronize().await.unwrap();
        let lease = peer.held[0];
        assert!(!other.report(&lease).await.unwrap(), "the lease is another's");
        assert!(peer.report(&lease).await.unwrap());
        assert!(peer.report(&lease).await.unwrap(), "a repeated report gets the same answer");
        let forged = proto::ids::Lease { attempt: lease.attempt.next(), ..lease };
        assert!(!peer.report(&forged).await.unwrap(), "nobody has that attempt");
    });
    let rows = lab.rows("jobs");
    assert_eq!(rows.iter().filter(|row| row["state"] == "succeeded").count(), 1, "{rows:?}");
    assert_eq!(lab.history().succeeded().len(), 1);
}

/// Has the peer do every job of the sweep.
async fn work(peer: &mut Peer, jobs: usize) -> Result<(), tonic::Status> {
    peer.register().await?;
    loop {
        peer.complete().await?;
        if peer.acknowledged.len() >= jobs {
            return Ok(()); // another call would wait for work that there is not
        }
        peer.synchronize().await?;
    }
}

/// Kills the coordinator at the n-th time that it writes to the disk or waits for it, for every n.
#[test]
fn the_coordinator_may_die_at_any_write_to_the_disk() {
    // so many that the thread that writes facts writes more often than opening the store does: strace counts by threads
    const JOBS: usize = 6;
    if !may_trace() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let (mut deaths, mut losses) = (0, 0);
    for moment in 1.. {
        let lab = Lab::new();
        lab.write(&simulated(JOBS as u32, 1));
        lab.run(["submit", "sweep.yaml", "--simulated"]).expect(0);
        let mut victim = Process::start(&mut killed_at(&lab, moment, &["serve", "--listen", "127.0.0.1:0"]));
        let address = until("its address, or its end", || {
            let said = victim.stderr();
            let address = said.lines().find_map(|line| line.strip_prefix("listening on ")?.split(',').next());
            address.map(str::to_owned).or_else(|| victim.has_ended().then(String::new))
        });
        let url = if address.is_empty() { "http://127.0.0.1:1".to_owned() } else { format!("http://{address}") };
        let mut peer = runtime.block_on(async { Peer::new(&url, 1, 1) });
        let died = runtime.block_on(work(&mut peer, JOBS)).is_err();
        if !died {
            break;
        }
        victim.wait();
        deaths += 1;
        losses += usize::from(!peer.held.is_empty());
        check_acknowledged(&lab, &peer.acknowledged);
        let coordinator = lab.serve(&[]);
        runtime.block_on(async {
            let mut again = Peer::new(&coordinator.url, 1, 1);
            (again.held, again.acknowledged) = (peer.held, peer.acknowledged);
            work(&mut again, JOBS).await.unwrap();
            check_acknowledged(&lab, &again.acknowledged);
        });
        let rows = lab.check_complete(JOBS);
        assert!(rows.iter().all(|row| row["attempts"] == "1"), "what was not told is told again: {rows:?}");
    }
    assert!(losses > JOBS, "it died {deaths} times, {losses} times before a result was acknowledged");
}

/// A coordinator that dies when it writes to the disk, or waits for it, for the n-th time.
fn killed_at(lab: &Lab, n: u32, arguments: &[&str]) -> Command {
    traced(lab, "pwrite64,fdatasync,fsync", &format!("signal=SIGKILL:when={n}"), arguments)
}

/// What SQLite and the store do to files. A failed `write` would hit sockets, too, so it is not among them: the store is not written by it.
const DISK_CALLS: [&str; 6] =
    ["pwrite64", "fsync", "fdatasync", "ftruncate", "link,linkat,rename,renameat,renameat2", "unlink,unlinkat"];

#[test]
fn any_call_to_the_disk_may_fail() {
    let (failures, ends) = fail_every(5);
    assert!(!may_trace() || failures > 10 && ends > 0, "{failures} calls failed, {ends} of them ended the coordinator");
}

/// `cargo test --release -p tests --test it every_call -- --ignored`.
#[test]
#[ignore = "takes minutes; to be run at night"]
fn every_call_to_the_disk_may_fail() {
    let (failures, ends) = fail_every(1);
    assert!(failures > 60 && ends > 0, "{failures} calls failed, {ends} of them ended the coordinator");
}

/// Has each `step`-th call to the disk fail once, from the making of the store to its last result. How many failed, and how many of these
/// failures ended the coordinator.
fn fail_every(step: usize) -> (usize, usize) {
    const JOBS: usize = 6;
    if !may_trace() {
        return (0, 0);
    }
    let runtime = Runtime::new().unwrap();
    let (mut failures, mut ends) = (0, 0);
    for calls in DISK_CALLS {
        for moment in (1..).step_by(step) {
            let lab = Lab::new();
            lab.write(&simulated(JOBS as u32, 1));
            let mut traced =
                traced(&lab, calls, &format!("error=EIO:when={moment}"), &["serve", "--listen", "127.0.0.1:0"]);
            let mut victim = Process::start(&mut traced);
            let url = listens(&mut victim);
            let peer = runtime.block_on(async { Peer::new(url.as_deref().unwrap_or("http://127.0.0.1:1"), 1, 1) });
            let mut peer = match url {
                Some(url) => persist(&runtime, &lab, &mut victim, &url, peer, JOBS),
                None => Some(peer),
            };
            ends += usize::from(peer.is_some());
            if peer.is_none() {
                // strace ends with what it traces
                children(victim.id()).into_iter().for_each(|child| kill(child, Signal::TERM));
            }
            victim.wait();
            let has_failed = std::fs::read_to_string(lab.path("calls")).unwrap().contains("(INJECTED)");
            failures += usize::from(has_failed);
            if let Some(peer) = &mut peer {
                // it ended: a restart heals
                check_acknowledged_if_any(&lab, peer);
                let mut coordinator = lab.serve(&[]);
                let again = runtime.block_on(async { peer.moved(&coordinator.url) });
                assert!(
                    persist(&runtime, &lab, &mut coordinator.process, &coordinator.url.clone(), again, JOBS).is_none()
                );
            }
            lab.check_complete(JOBS);
            if !has_failed {
                break;
            }
        }
    }
    (failures, ends)
}

/// Where it listens, unless it ends before.
fn listens(coordinator: &mut Process) -> Option<String> {
    let address = until("its address, or its end", || {
        let said = coordinator.stderr();
        let address = said.lines().find_map(|line| line.strip_prefix("listening on ")?.split(',').next());
        address.map(str::to_owned).or_else(|| coordinator.has_ended().then(String::new))
    });
    (!address.is_empty()).then(|| format!("http://{address}"))
}

/// Submits the sweep and has the peer do it all, however often a call fails; the peer, if the coordinator ends before.
fn persist(
    runtime: &Runtime,
    lab: &Lab,
    coordinator: &mut Process,
    url: &str,
    mut peer: Peer,
    jobs: usize,
) -> Option<Peer> {
    until("all jobs, or the coordinator's end", || {
        if coordinator.has_ended() {
            return Some(false);
        }
        let submitted = lab.run(["submit", "sweep.yaml", "--simulated", "--coordinator", url]);
        let is_done = submitted.succeeded() && runtime.block_on(work(&mut peer, jobs)).is_ok();
        is_done.then_some(true)
    })
    .then_some(())
    .map_or(Some(peer), |()| None)
}

fn check_acknowledged_if_any(lab: &Lab, peer: &Peer) {
    if !peer.acknowledged.is_empty() {
        check_acknowledged(lab, &peer.acknowledged);
    }
}

/// A coordinator whose calls of these names go as `injection` says; the file `calls` tells of them.
fn traced(lab: &Lab, calls: &str, injection: &str, arguments: &[&str]) -> Command {
    let coordinator = lab.command("coordinator", arguments);
    let mut traced = Command::new("strace");
    traced.args([
        "-f",
        "-qq",
        "-o",
        "calls",
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={calls}:{injection}"),
    ]);
    traced.arg(coordinator.get_program()).args(coordinator.get_args()).current_dir(lab.path(""));
    traced.envs(coordinator.get_envs().filter_map(|(name, value)| Some((name, value?))));
    traced
}

/// A thousand times: killed at a moment that nobody has chosen, under load. Takes twenty minutes, or less with fewer
/// `SPLITSWEEP_KILLS`: `cargo test --release -p tests --test it a_thousand_kills -- --ignored --nocapture`.
#[test]
#[ignore = "takes twenty minutes; to be run at night"]
fn a_thousand_kills() {
    let kills = std::env::var("SPLITSWEEP_KILLS").map_or(1_000, |kills| kills.parse().unwrap());
    let lab = Lab::new();
    // more jobs than are done meanwhile: in 0.4 s eight slots do 320 of 10 ms
    lab.write(&simulated(400 * kills as u32, 1));
    let mut coordinator = lab.serve_on_free_port();
    let address = coordinator.address().to_owned();
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "10ms", "--slots", "8"]);
    let mut seen = 0;
    for kill in 1..=kills {
        seen = until("progress", || Some(succeeded(&coordinator, &lab)).filter(|&now| now > seen));
        std::thread::sleep(Duration::from_micros(kill * 7_919 % 400_000));
        coordinator.process.kill();
        coordinator = lab.serve_on(&address, &[]);
        let now = succeeded(&coordinator, &lab);
        assert!(now >= seen, "{now} results are left of {seen} after kill {kill}");
        seen = now;
    }
    coordinator.process.kill();
    let history = lab.history();
    history.check();
    assert!(history.succeeded().len() as u64 >= seen);
    assert!(seen > kills, "{kills} kills, {seen} results");
}

#[test]
fn a_store_is_made_whole_or_not_at_all() {
    if !may_trace() {
        return;
    }
    let submit = ["submit", "sweep.yaml", "--simulated"];
    let mut deaths = 0;
    for moment in 1.. {
        let lab = Lab::new();
        lab.write(&simulated(2, 1));
        if killed_at(&lab, moment, &submit).output().unwrap().status.success() {
            break;
        }
        deaths += 1;
        lab.run(submit).expect(0);
        assert_eq!(lab.rows("jobs").len(), 2, "it died at its write {moment}");
    }
    assert!(deaths > 10, "it died {deaths} times");
}
