//! Workers and trainers die and freeze.

use crate::harness::{Coordinator, Lab, Peer, Process, Row, Signal, children, kill, lives, simulated, until};
use proto::ids::Attempt;
use std::time::Duration;

/// The attempts that a job took, by its id.
fn attempts(rows: &[Row], job: &str) -> String {
    rows.iter().find(|row| row["job"] == job).unwrap()["attempts"].clone()
}

fn assert_others_ran_once(rows: &[Row], job: &str) {
    for row in rows.iter().filter(|row| row["job"] != job) {
        assert_eq!(row["attempts"], "1", "{row:?}");
    }
}

/// Takes a worker away by that, once it runs a job, and has another run it.
fn replace(
    lab: &Lab,
    coordinator: &Coordinator,
    first: &mut Process,
    take_away: impl Fn(&mut Process),
) -> (String, Process) {
    let job = coordinator.running(lab, "first");
    take_away(first);
    let second = lab.worker(&coordinator.url, "second", &["--simulate", "100ms"]);
    coordinator.ended(lab);
    (job, second)
}

#[test]
fn the_job_of_a_killed_worker_runs_elsewhere() {
    let lab = Lab::new();
    lab.write(&simulated(4, 5));
    let coordinator = lab.serve(&["--lease", "3s"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut first = lab.worker(&coordinator.url, "first", &["--simulate", "3s"]);
    let trainers = until("a trainer", || Some(children(first.id())).filter(|ids| !ids.is_empty()));
    let (job, _second) = replace(&lab, &coordinator, &mut first, Process::kill);
    let rows = lab.check_complete(4);
    assert_eq!(attempts(&rows, &job), "2");
    assert_others_ran_once(&rows, &job);
    assert!(rows.iter().all(|row| row["worker"] == "second"));
    assert_eq!(lab.history().lost().len(), 1, "it was the lease that ended");
    until("the end of the killed worker's trainer", || (!trainers.iter().any(|&id| lives(id))).then_some(()));
}

#[test]
fn a_trainer_that_dies_is_reported_at_once_and_replaced() {
    let lab = Lab::new();
    lab.write(&simulated(3, 20));
    let coordinator = lab.serve(&["--lease", "1h"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let worker = lab.worker(&coordinator.url, "first", &["--simulate", "4s"]);
    let job = coordinator.running(&lab, "first");
    let trainers = children(worker.id());
    assert_eq!(trainers.len(), 1);
    kill(trainers[0], Signal::KILL);
    let again = until("a second attempt", || {
        let granted = lab.history().granted();
        granted.into_iter().find(|(_, attempt)| attempt.0 == 2)
    });
    assert_eq!(again.0.to_string(), job);
    until("another trainer", || Some(children(worker.id())).filter(|ids| !ids.is_empty() && *ids != trainers));
    coordinator.ended(&lab);
    let rows = lab.check_complete(3);
    assert_eq!(attempts(&rows, &job), "2");
    assert_others_ran_once(&rows, &job);
    let history = lab.history();
    assert_eq!(history.lost().len(), 0);
    let [(failed, _, reason)] = &history.failed()[..] else { panic!("{:?}", history.failed()) };
    assert_eq!(failed.to_string(), job);
    assert!(reason.contains("Crashed") && reason.contains("signal 9"), "{reason}");
    assert!(worker.stderr().contains("registered"), "the worker itself lives on");
}

#[test]
fn a_job_whose_trainer_always_dies_fails_and_the_others_do_not() {
    let lab = Lab::new();
    lab.write(&simulated(2, 100));
    let coordinator = lab.serve(&["--lease", "1h"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let worker = lab.worker(&coordinator.url, "first", &["--simulate", "3s"]);
    let job = coordinator.running(&lab, "first");
    for attempt in 1..=3 {
        until("the attempt", || {
            let status = coordinator.status(&lab);
            let running = status["workers"][0]["running"][0].clone();
            (running["job"] == job && running["attempt"] == attempt && running["epoch"].as_u64() > Some(0))
                .then_some(())
        });
        kill(children(worker.id())[0], Signal::KILL);
        until("the report", || (lab.history().failed().len() == attempt).then_some(()));
    }
    coordinator.ended(&lab);
    let rows = lab.rows("jobs");
    let states: Vec<_> = rows.iter().map(|row| (row["job"] == job, row["state"].as_str())).collect();
    assert!(states.contains(&(true, "failed")) && states.contains(&(false, "succeeded")), "{rows:?}");
    let sweep = coordinator.status(&lab)["sweeps"][0].clone();
    assert!(sweep["problem"].as_str().unwrap().contains("signal 9"), "{sweep}");
    let watch = lab.run(["watch", "--coordinator", &coordinator.url]);
    assert_eq!(watch.code(), 3, "a sweep with failed jobs: {}", watch.stderr);
}

#[test]
fn what_a_frozen_worker_reports_too_late_is_refused() {
    let lab = Lab::new();
    lab.write(&simulated(3, 5));
    let coordinator = lab.serve(&["--lease", "1s"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut first = lab.worker(&coordinator.url, "first", &["--simulate", "5s"]);
    let job = coordinator.running(&lab, "first");
    // the worker is frozen, its trainer is not: the result will be waiting for it
    first.signal(Signal::STOP);
    let _second = lab.worker(&coordinator.url, "second", &["--simulate", "2s"]);
    let late = || {
        lab.rows("measurements")
            .into_iter()
            .filter(|row| row["job"] == job && row["attempt"] == "1")
            .collect::<Vec<_>>()
    };
    until("the second attempt's result", || {
        let done = lab.history().succeeded();
        done.into_iter().find(|(id, attempt)| id.to_string() == job && attempt.0 == 2)
    });
    let before = late();
    assert!(before.len() < 5, "it was frozen in the middle: {before:?}");
    first.signal(Signal::CONT);
    until("the refusal", || {
        let said = first.stderr();
        (said.contains("refused by the coordinator") || said.contains("stopped by the coordinator")).then_some(())
    });
    coordinator.ended(&lab);
    let rows = lab.check_complete(3);
    let row = rows.iter().find(|row| row["job"] == job).unwrap();
    assert_eq!((row["attempts"].as_str(), row["worker"].as_str()), ("2", "second"));
    assert_eq!(late(), before, "nothing of the first attempt was written after the second had begun");
    assert!(!first.has_ended(), "the worker goes on");
}

/// Two peers, the first of which has the only job and is silent until its lease has ended.
async fn silent(lab: &Lab, coordinator: &Coordinator) -> [Peer; 2] {
    let [mut first, mut second] = [1, 2].map(|worker| Peer::new(&coordinator.url, worker, 1));
    first.register().await.unwrap();
    second.register().await.unwrap();
    first.synchronize().await.unwrap();
    assert_eq!(first.held.len(), 1);
    until("the end of the lease", || (lab.history().lost().len() == 1).then_some(()));
    [first, second]
}

#[test]
fn the_first_result_counts_whoever_has_the_job_meanwhile() {
    let lab = Lab::new();
    lab.write(&simulated(1, 1));
    let coordinator = lab.serve(&["--lease", "1s"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let [mut first, mut second] = silent(&lab, &coordinator).await;
        second.synchronize().await.unwrap();
        let [old, new] = [first.held[0], second.held[0]];
        assert_eq!((old.job, old.attempt.next()), (new.job, new.attempt));
        assert!(
            !second.report(&old).await.unwrap() && !first.report(&new).await.unwrap(),
            "each has its own lease only"
        );
        assert!(lab.history().succeeded().is_empty());
        assert!(first.report(&old).await.unwrap(), "nobody has finished the job");
        second.synchronize().await.unwrap();
        assert!(second.held.is_empty(), "it is told to stop");
        assert!(!second.report(&new).await.unwrap(), "the job has a result");
        assert!(first.report(&old).await.unwrap(), "a repeated report gets the same answer");
    });
    lab.check_complete(1);
    assert_eq!(lab.history().succeeded()[0].1, Attempt(1));
}

#[test]
fn a_worker_that_comes_back_before_its_job_is_taken_goes_on() {
    let lab = Lab::new();
    lab.write(&simulated(1, 1));
    let coordinator = lab.serve(&["--lease", "5s"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let [mut first, mut second] = silent(&lab, &coordinator).await;
        first.synchronize().await.unwrap();
        assert_eq!(first.held.len(), 1, "it is not told to stop");
        second.synchronize().await.unwrap();
        assert!(second.held.is_empty(), "nobody else gets the job");
        let lease = first.held[0];
        assert!(first.report(&lease).await.unwrap());
    });
    assert_eq!(lab.check_complete(1)[0]["attempts"], "1");
}

#[test]
fn a_coordinator_that_was_stopped_for_a_while_takes_no_job_away() {
    let lab = Lab::new();
    lab.write(&simulated(1, 5));
    let coordinator = lab.serve(&["--lease", "2s"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let _first = lab.worker(&coordinator.url, "first", &["--simulate", "8s"]);
    coordinator.running(&lab, "first");
    let _second = lab.worker(&coordinator.url, "second", &["--simulate", "1ms"]);
    coordinator.process.signal(Signal::STOP);
    // longer than a lease: the fault itself
    std::thread::sleep(Duration::from_secs(4));
    coordinator.process.signal(Signal::CONT);
    coordinator.ended(&lab);
    let rows = lab.check_complete(1);
    assert_eq!((rows[0]["attempts"].as_str(), rows[0]["worker"].as_str()), ("1", "first"));
    assert_eq!(lab.history().lost().len(), 0);
}

#[test]
fn a_local_worker_that_dies_is_replaced() {
    let lab = Lab::new();
    lab.write(&simulated(3, 20));
    let mut coordinator = lab.sweep(&["--local-workers", "1", "--simulate", "4s", "--lease", "3s"]);
    coordinator.process.says("jobs done");
    let job = coordinator.running(&lab, "local-1");
    kill(children(coordinator.process.id())[0], Signal::KILL);
    let ended = coordinator.process.wait().expect(0);
    assert_eq!(ended.stderr.matches("a new one takes its place").count(), 1, "{}", ended.stderr);
    let rows = lab.check_complete(3);
    assert_eq!(attempts(&rows, &job), "2");
    assert_others_ran_once(&rows, &job);
}

#[test]
fn local_workers_that_all_die_at_once_end_the_sweep() {
    let lab = Lab::new();
    lab.write(&simulated(1, 1));
    let sweep = ["--sweep", "sweep.yaml", "--listen", "127.0.0.1:0", "--local-workers", "2", "--simulate", "1ms"];
    // who ends without an error was told to go
    for (program, replaced) in [("false", 4), ("true", 0)] {
        let mut command = lab.command("coordinator", sweep);
        let ended = Process::start(command.env("SPLITSWEEP_WORKER", program)).wait().expect(1);
        assert_eq!(ended.stderr.matches("a new one takes its place").count(), replaced, "{}", ended.stderr);
        assert!(ended.stderr.contains("the same command goes on from here"), "{}", ended.stderr);
    }
}
