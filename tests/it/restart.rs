//! The coordinator dies at any moment and is started again; workers stay, and what they run goes on.

use crate::harness::{Lab, Process, Row, simulated, until};
use std::collections::BTreeSet;

const EPOCHS: u32 = 5;

/// The attempts that a worker says it has started.
fn started(worker: &Process) -> Vec<String> {
    let said = worker.stderr();
    said.lines().filter_map(|line| Some(line.split_once("starts a job: ")?.1.to_owned())).collect()
}

/// Whether what a worker has said last of its coordinator is that it is not reached.
fn misses_coordinator(worker: &Process) -> bool {
    let said = worker.stderr();
    said.rfind(" is not reached; running jobs continue") > said.rfind(" registered ")
}

/// Checks that each job was measured once, from its first epoch to its last.
fn check_measurements(rows: &[Row], jobs: &[Row]) {
    for job in jobs {
        let own: Vec<_> = rows.iter().filter(|row| row["job"] == job["job"]).collect();
        let epochs: Vec<_> = own.iter().map(|row| row["epoch"].clone()).collect();
        assert_eq!(epochs, (1..=EPOCHS).map(|epoch| epoch.to_string()).collect::<Vec<_>>(), "{}", job["job"]);
        assert!(own.iter().all(|row| row["attempt"] == "1"), "{own:?}");
    }
}

/// Kills the coordinator each time that so many jobs have a result, and starts it again at once or after its workers have noticed.
fn run_with_kills(jobs: u32, moments: &[u64], workers_notice: bool) {
    let lab = Lab::new();
    lab.write(&simulated(jobs, EPOCHS));
    let mut coordinator = lab.serve_on_free_port();
    let address = coordinator.address().to_owned();
    let workers: Vec<_> = (1..=2)
        .map(|n| lab.worker(&coordinator.url, &format!("w{n}"), &["--simulate", "600ms", "--slots", "2"]))
        .collect();
    lab.submit(&coordinator.url, &["--simulated"]);
    for &moment in moments {
        until("progress", || {
            let sweep = coordinator.status(&lab)["sweeps"][0].clone();
            let is_now = sweep["running"].as_u64() > Some(0) && sweep["succeeded"].as_u64() >= Some(moment);
            is_now.then_some(())
        });
        coordinator.process.kill();
        if workers_notice {
            until("the workers miss their coordinator", || workers.iter().all(misses_coordinator).then_some(()));
        }
        coordinator = lab.serve_on(&address, &[]);
    }
    coordinator.ended(&lab);
    let rows = lab.check_complete(jobs as usize);
    assert!(rows.iter().all(|row| row["attempts"] == "1"), "running attempts outlive the coordinator: {rows:?}");
    check_measurements(&lab.rows("measurements"), &rows);
    let started: Vec<_> = workers.iter().flat_map(started).collect();
    assert_eq!(started.len(), jobs as usize, "an attempt is started once: {started:?}");
    assert_eq!(started.iter().collect::<BTreeSet<_>>().len(), started.len());
}

#[test]
fn running_attempts_outlive_the_coordinator() {
    run_with_kills(20, &[4], true);
}

#[test]
fn a_coordinator_that_is_back_before_it_is_missed_goes_on() {
    run_with_kills(24, &[2, 9], false);
}

#[test]
fn running_attempts_outlive_many_coordinators() {
    run_with_kills(24, &[0, 1, 12], true);
}

#[test]
fn a_sweep_file_goes_on_where_its_coordinator_was_killed() {
    let lab = Lab::new();
    lab.write(&simulated(8, EPOCHS));
    let arguments = ["--local-workers", "2", "--simulate", "1s", "--lease", "2s"];
    let mut first = lab.sweep(&arguments);
    first.process.says("jobs done");
    until("two results", || (lab.history().succeeded().len() >= 2).then_some(()));
    first.process.kill();
    let before = lab.rows("jobs");
    assert!(before.iter().any(|row| row["state"] != "succeeded"), "it was killed in the middle");
    lab.sweep_on(first.address(), &arguments).process.wait().expect(0);
    let after = lab.check_complete(8);
    for row in before.iter().filter(|row| row["state"] == "succeeded") {
        assert!(after.contains(row), "{row:?} has changed");
    }
}
