//! What a submission, a retry and a deletion would do, and do.

use super::*;

fn account(sim: &Sim, plan: &Plan) -> Submitted {
    sim.state.account(plan)
}

#[test]
fn a_submission_counts_its_jobs_by_where_they_stood() {
    let mut sim = Sim::new();
    let plan = sweep("a", "[bce, dice]", 2);
    let before = Submitted { sweep: "a".to_owned(), jobs: 4, unknown: 4, ..Submitted::default() };
    assert_eq!(account(&sim, &plan), before, "nobody has the data");
    sim.submit(plan.clone());
    let worker = sim.worker(1, 3);
    assert_eq!(account(&sim, &plan), Submitted { unknown: 0, waiting: 4, ..before.clone() });
    let [done, fails, _runs] = sim.fetch(worker, 3)[..] else { panic!("three jobs") };
    sim.complete(worker, done, result());
    for _ in 0..3 {
        let lease = sim.state.job(fails.job).unwrap().holder().map(|holder| Lease {
            job: fails.job,
            attempt: holder.attempt,
            token: holder.token,
        });
        sim.complete(worker, lease.unwrap(), failure());
        sim.synchronize(worker, &[], 3);
    }
    let larger = sweep("a", "[bce, dice]", 3);
    let counted = account(&sim, &larger);
    assert_eq!((counted.succeeded, counted.retried, counted.new, counted.hidden), (1, 1, 2, 0), "{counted:?}");
    assert_eq!(counted.running + counted.waiting, 2);
    let other = account(&sim, &sweep("a", "focal", 2));
    assert_eq!((other.new, other.hidden), (2, 1), "its grid would take the place of one result");
    sim.submit(larger.clone());
    let again = account(&sim, &larger);
    assert_eq!((again.succeeded, again.retried, again.new), (1, 0, 0));
}

#[test]
fn what_two_sweeps_list_is_counted_once() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let _worker = sim.worker(1, 1);
    sim.submit(sweep("b", "bce", 3));
    let counted = account(&sim, &sweep("c", "[bce, dice]", 3));
    assert_eq!((counted.waiting, counted.new, counted.hidden), (3, 3, 0), "{counted:?}");
}

#[test]
fn failed_and_cancelled_jobs_are_tried_again() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker(1, 1);
    let lease = sim.fetch(worker, 1)[0];
    sim.complete(worker, lease, result());
    let none = sim.state.retry_decision("a", String::new()).unwrap();
    assert_eq!((none.reply, none.facts), (0, vec![]));
    let cancelled = sim.state.cancel_decision("a").unwrap();
    sim.carry_out(cancelled);
    let retry = sim.state.retry_decision("a", "text".to_owned()).unwrap();
    assert_eq!(sim.carry_out(retry), 1);
    assert_eq!(sim.finish(worker).len(), 1);
    assert!(sim.state.retry_decision("b", String::new()).is_err());
}

#[test]
fn a_deleted_sweep_takes_with_it_what_no_other_lists() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 2));
    sim.submit(sweep("b", "bce", 2));
    let worker = sim.worker(1, 2);
    sim.finish(worker);
    sim.submit(sweep("a", "[bce, dice, focal]", 2));
    let runs = sim.fetch(worker, 1)[0];
    let deletion = sim.state.delete_decision("a").unwrap();
    let Some(Record::Erased { jobs }) = deletion.records.first() else { panic!("nothing goes") };
    assert!(jobs.contains(&runs.job) && jobs.len() == 3, "two of dice, and one that runs");
    assert_eq!(sim.carry_out(deletion), Deleted { results: 2, shared: 2 });
    assert!(sim.state.sweep("a").is_none() && sim.state.job(runs.job).is_none());
    assert_eq!(sim.synchronize(worker, &[runs], 0).stops, [runs]);
    assert_eq!(sim.complete(worker, runs, result()), Completed::StaleLease);
    let counted = account(&sim, &sweep("a", "[bce, dice, focal]", 2));
    assert_eq!((counted.succeeded, counted.new), (2, 4));
    sim.submit(sweep("a", "[bce, dice]", 2));
    assert_eq!(sim.finish(worker).len(), 2, "what is gone is trained again, from its first attempt");
    let restarted = sim.restarted(sim.journal.len());
    assert_eq!(restarted.state.status().sweeps, sim.state.status().sweeps);
}

#[test]
fn a_worker_that_does_not_call_is_silent_until_it_does() {
    let mut sim = Sim::new();
    let worker = sim.worker(1, 1);
    sim.synchronize(worker, &[], 1);
    sim.pass(LEASE_MS / 3 * 2 - 1);
    assert!(!sim.state.is_silent(worker));
    assert_eq!(sim.state.next_deadline(), Some(sim.now.after(1)));
    sim.pass(1);
    assert!(sim.state.is_silent(worker) && sim.state.status().workers[0].silent);
    sim.synchronize(worker, &[], 1);
    assert!(!sim.state.is_silent(worker));
}
