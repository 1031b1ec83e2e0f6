//! Ctrl-C on a sweep: running jobs are given back, workers go, and the same command goes on.

use crate::harness::{Coordinator, Lab, Signal, children, lives, simulated, until};

const JOBS: u32 = 10;
const ARGUMENTS: [&str; 4] = ["--local-workers", "2", "--simulate", "2s"];

/// Waits until the sweep is in the middle; its workers, and their trainers.
fn in_the_middle(coordinator: &mut Coordinator, lab: &Lab) -> [Vec<u32>; 2] {
    coordinator.process.says("jobs done");
    until("the middle of the sweep", || {
        let sweep = coordinator.status(lab)["sweeps"][0].clone();
        let workers = children(coordinator.process.id());
        let trainers: Vec<_> = workers.iter().flat_map(|&worker| children(worker)).collect();
        let is_now = sweep["succeeded"].as_u64() >= Some(2) && sweep["running"] == 2;
        (is_now && (workers.len(), trainers.len()) == (2, 2)).then_some([workers, trainers])
    })
}

fn interrupt(signal: Signal) {
    let lab = Lab::new();
    lab.write(&simulated(JOBS, 4));
    let mut coordinator = lab.sweep(&ARGUMENTS);
    let [workers, trainers] = in_the_middle(&mut coordinator, &lab);
    coordinator.process.signal(signal);
    let ended = coordinator.process.wait().expect(5);
    assert!(ended.stderr.contains("no result is lost"), "{}", ended.stderr);
    assert!(ended.stderr.trim_end().ends_with("the same command goes on from here"), "{}", ended.stderr);
    assert!(!workers.iter().any(|&worker| lives(worker)), "its workers are gone before it is");
    until("the end of the trainers", || (!trainers.iter().any(|&trainer| lives(trainer))).then_some(()));
    assert_eq!(ended.stdout, lab.table("candidates", "table"), "what there is so far");

    let before = lab.rows("jobs");
    let done: Vec<_> = before.iter().filter(|row| row["state"] == "succeeded").collect();
    assert!((2..JOBS as usize).contains(&done.len()));
    assert!(before.iter().all(|row| row["state"] != "running"), "{before:?}");
    let history = lab.history();
    let given_back = history.released().len();
    assert_eq!(history.granted().len(), done.len() + given_back, "what ran was given back");
    assert!((1..=2).contains(&given_back) && history.lost().is_empty() && history.failed().is_empty());

    let again = lab.sweep(&ARGUMENTS).process.wait().expect(0);
    assert_eq!(again.stdout, lab.table("candidates", "table"));
    let after = lab.check_complete(JOBS as usize);
    for row in done {
        assert!(after.contains(row), "{row:?} has changed");
    }
    assert_eq!(lab.history().granted().len(), JOBS as usize + given_back, "nothing that was done ran again");
}

#[test]
fn an_interrupted_sweep_goes_on_later() {
    interrupt(Signal::INT);
}

#[test]
fn a_terminated_sweep_goes_on_later() {
    interrupt(Signal::TERM);
}

#[test]
fn a_coordinator_that_serves_stops_and_its_workers_wait() {
    let lab = Lab::new();
    lab.write(&simulated(3, 5));
    let mut coordinator = lab.serve_on_free_port();
    let address = coordinator.address().to_owned();
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut worker = lab.worker(&coordinator.url, "w", &["--simulate", "1s"]);
    coordinator.running(&lab, "w");
    coordinator.process.signal(Signal::INT);
    let ended = coordinator.process.wait().expect(0);
    assert!(ended.stderr.contains("workers keep what they run"), "{}", ended.stderr);
    worker.says(&format!("the coordinator at http://{address} is not reached; running jobs continue"));
    lab.serve_on(&address, &[]).ended(&lab);
    assert!(lab.check_complete(3).iter().all(|row| row["attempts"] == "1"));
}
