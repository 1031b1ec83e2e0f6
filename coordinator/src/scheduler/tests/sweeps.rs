//! Which jobs a sweep has, in which order they run, and on which data.

use super::*;
use crate::plan::Artifacts;
use proto::status::SweepState;

#[test]
fn jobs_run_in_blocks_of_one_replicate_and_each_once() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice, focal]", 2));
    let worker = sim.worker(1, 1);
    let ended = sim.finish(worker);
    let plan = sweep("a", "[bce, dice, focal]", 2);
    let expected: Vec<_> = plan.queue().map(|(c, r)| plan.job(c, r, &inventory("pictures", 8)).id()).collect();
    assert_eq!(ended, expected);
    assert_eq!(ended.iter().collect::<BTreeSet<_>>().len(), 6);
    let sweep = sim.state.sweep("a").unwrap();
    assert!(sweep.is_ended());
    assert_eq!(sim.state.status().sweeps[0].epochs_done, 12);
}

#[test]
fn pictures_are_wanted_of_the_first_replicates() {
    let mut sim = Sim::new();
    let mut plan = sweep("a", "[bce, dice]", 3);
    plan.artifacts = Artifacts { examples: 5, replicates: 2, weights: false };
    sim.submit(plan);
    let worker = sim.worker(1, 6);
    let wanted = |reply: Synchronized| reply.grants.iter().map(|grant| grant.wanted.examples).collect::<Vec<_>>();
    assert_eq!(wanted(sim.synchronize(worker, &[], 6)), [5, 5, 5, 5, 0, 0]);
    let mut again = wanted(sim.synchronize(worker, &[], 6));
    again.sort_unstable();
    assert_eq!(again, [0, 0, 5, 5, 5, 5], "an assignment that did not arrive is repeated");
}

#[test]
fn the_first_data_set_is_pinned_and_others_get_no_jobs() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let dataset: Dataset = sweep("a", "bce", 1).dataset;
    let first = sim.worker_without_data(1, 1, false);
    assert_eq!(sim.synchronize(first, &[], 1).wanted, [dataset]);
    sim.offer(first, Found::Inventory(inventory("pictures", 8).into()));
    let other = sim.worker_without_data(2, 1, false);
    sim.offer(other, Found::Inventory(inventory("other pictures", 8).into()));
    let reply = sim.synchronize(other, &[], 1);
    assert_eq!((reply.grants, reply.wanted), (vec![], vec![]));
    assert!(reply.notices[0].contains("first offered by w1"), "{:?}", reply.notices);
    let none = sim.worker_without_data(3, 1, false);
    sim.offer(none, Found::Problem(Line::message("no folder")));
    assert_eq!(sim.synchronize(none, &[], 1).notices, ["no jobs of sweep `a`: no folder"]);
    assert_eq!(sim.fetch(first, 1).len(), 1);
}

#[test]
fn a_data_set_that_is_too_small_rejects_the_sweep() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker_without_data(1, 1, false);
    sim.offer(worker, Found::Inventory(inventory("pictures", 7).into()));
    let view = sim.state.status();
    assert_eq!(view.sweeps[0].state, SweepState::Rejected);
    assert!(view.sweeps[0].problem.contains("4 + 2 + 2 = 8 cases") && view.sweeps[0].problem.contains("has 7"));
    assert_eq!(sim.fetch(worker, 1), []);
}

#[test]
fn a_data_set_that_was_offered_before_is_pinned_at_the_submission() {
    let mut sim = Sim::new();
    sim.submit(sweep("before", "dice", 1));
    let worker = sim.worker(1, 1);
    sim.finish(worker);
    sim.submit(sweep("a", "bce", 2));
    assert_eq!(sim.finish(worker).len(), 2);
    let mut larger = sweep("a", "bce", 2);
    larger.candidates[0].template.split.test = 3;
    let facts = sim.journal.len();
    let Err(Rejection::Misfit { problem, .. }) = sim.state.submit_decision(larger.clone(), String::new()) else {
        panic!("9 cases of 8")
    };
    assert!(problem.contains("4 + 2 + 3 = 9 cases"), "{problem}");
    larger.sweep = "b".to_owned();
    assert!(
        sim.state.submit_decision(larger, String::new()).is_err(),
        "under another name, as a worker has offered it"
    );
    assert_eq!((sim.journal.len(), sim.state.status().sweeps[1].state), (facts, SweepState::Ended), "as it was before");
}

#[test]
fn the_sweep_submitted_last_is_the_one_that_is_meant() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    sim.submit(sweep("b", "dice", 1));
    sim.submit(sweep("a", "bce", 2));
    assert_eq!(sim.state.sweep("").unwrap().plan.sweep, "a");
    let names: Vec<_> = sim.state.status().sweeps.into_iter().map(|sweep| sweep.sweep).collect();
    assert_eq!(names, ["b", "a"]);
    let restarted = sim.restarted(sim.journal.len());
    assert_eq!(restarted.state.sweep("").unwrap().plan.sweep, "a");
}

#[test]
fn a_longer_file_runs_only_what_is_new_and_a_shorter_one_stops_the_rest() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 2));
    let worker = sim.worker(1, 1);
    assert_eq!(sim.finish(worker).len(), 4);
    sim.submit(sweep("a", "[bce, dice, focal]", 3));
    assert_eq!(sim.finish(worker).len(), 5, "9 jobs, 4 of them done");
    sim.submit(sweep("a", "[bce, dice, focal]", 4));
    let lease = sim.fetch(worker, 1)[0];
    sim.submit(sweep("a", "bce", 1));
    assert!(sim.state.sweep("a").unwrap().is_ended());
    assert_eq!(sim.synchronize(worker, &[lease], 0).stops, [lease], "nobody wants it any more");
}

#[test]
fn a_job_of_two_sweeps_is_trained_once() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 2));
    sim.submit(sweep("b", "[dice, focal]", 2));
    let worker = sim.worker(1, 1);
    assert_eq!(sim.finish(worker).len(), 6);
    for name in ["a", "b"] {
        assert_eq!(sim.state.sweep(name).unwrap().counts.succeeded, 4);
    }
}

#[test]
fn a_coordinator_for_one_sweep_leaves_the_others_waiting() {
    let mut sim = Sim::new();
    sim.submit(sweep("older", "bce", 2));
    sim.submit(sweep("mine", "[dice, focal]", 1));
    sim.state.limits.only = Some("mine".to_owned());
    let worker = sim.worker(1, 1);
    assert_eq!(sim.finish(worker).len(), 2);
    assert_eq!(sim.state.sweep("older").unwrap().counts.queued, 2);
}

#[test]
fn cancelling_ends_what_no_other_sweep_wants() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 1));
    sim.submit(sweep("b", "dice", 1));
    let worker = sim.worker(1, 2);
    let leases = sim.fetch(worker, 2);
    let decision = sim.state.cancel_decision("a").unwrap();
    sim.carry_out(decision);
    assert_eq!(sim.synchronize(worker, &leases, 0).stops, leases[..1], "`b` still wants dice");
    assert_eq!(sim.complete(worker, leases[0], result()), Completed::StaleLease);
    assert_eq!(sim.complete(worker, leases[1], result()), RECORDED);
    for unknown in ["c", ""] {
        assert_eq!(sim.state.cancel_decision(unknown), Err(Rejection::UnknownSweep(unknown.to_owned())));
    }
}

#[test]
fn attempts_that_a_cancellation_or_a_deletion_stops_end_in_the_journal() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 1));
    sim.submit(sweep("b", "dice", 1));
    sim.submit(sweep("c", "focal", 2));
    let worker = sim.worker(1, 3);
    let leases = sim.fetch(worker, 3);
    let before = sim.journal.len();
    let decision = sim.state.cancel_decision("a").unwrap();
    sim.carry_out(decision);
    let decision = sim.state.delete_decision("c").unwrap();
    sim.carry_out(decision);
    let recalled = |lease: Lease| Fact::Recalled { job: lease.job, attempt: lease.attempt };
    let ends = [
        recalled(leases[0]),
        Fact::Cancelled { sweep: "a".to_owned(), shared: true },
        recalled(leases[2]),
        Fact::Deleted { sweep: "c".to_owned() },
    ];
    assert_eq!(sim.journal[before..], ends, "`b` still wants dice, and one job of `c` waits");
    // journals that did not say so come to the same
    let mut older = sim.clone();
    older.journal.retain(|fact| !matches!(fact, Fact::Recalled { .. }));
    let [older, newer] = [&older, &sim].map(|sim| sim.restarted(sim.journal.len()).state);
    assert_eq!(older.status().sweeps, newer.status().sweeps);
    assert_eq!(
        leases.iter().map(|lease| older.job(lease.job)).collect::<Vec<_>>(),
        [0, 1, 2].map(|at| newer.job(leases[at].job))
    );
}

#[test]
fn a_sweep_that_is_cancelled_before_its_data_is_found_never_runs() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 3));
    let decision = sim.state.cancel_decision("a").unwrap();
    assert_eq!(sim.carry_out(decision), 3);
    let worker = sim.worker(1, 1);
    assert_eq!(sim.fetch(worker, 1), []);
    let view = sim.restarted(sim.journal.len()).state.status();
    assert_eq!((view.sweeps[0].state, view.sweeps[0].cancelled, view.sweeps[0].queued), (SweepState::Ended, 3, 0));
    sim.submit(sweep("a", "bce", 3));
    assert_eq!(sim.finish(worker).len(), 3, "submitted again, it runs");
}

#[test]
fn made_up_results_are_never_mixed_with_real_ones() {
    let mut sim = Sim::new();
    sim.submit(sweep("real", "bce", 1));
    sim.submit(sweep("made-up", "bce", 1).simulated());
    let (real, simulated) = (sim.worker(1, 4), sim.worker_without_data(2, 4, true));
    let (a, b) = (sim.fetch(real, 4), sim.fetch(simulated, 4));
    assert_eq!((a.len(), b.len()), (1, 1));
    assert_ne!(a[0].job, b[0].job, "the same grid point, but not the same job");
    // who has nothing to do because of that is told
    sim.complete(simulated, b[0], result());
    let told = sim.synchronize(simulated, &[], 4).notices;
    assert_eq!(told, ["no jobs of sweep `real`: it is to be trained; start a worker without --simulate"]);
    let shown = sim.state.status().workers;
    assert!(shown.iter().any(|worker| worker.notices == told), "{shown:?}");
    assert_eq!(sim.synchronize(real, &a, 3).notices, [""; 0], "its sweep goes on");
}

#[test]
fn cancelling_ends_what_only_cancelled_sweeps_share() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 1));
    sim.submit(sweep("b", "dice", 1));
    let worker = sim.worker(1, 2);
    let leases = sim.fetch(worker, 2);
    for name in ["a", "b"] {
        let decision = sim.state.cancel_decision(name).unwrap();
        assert_eq!(sim.carry_out(decision), 1, "{name}");
    }
    assert_eq!(sim.synchronize(worker, &leases, 0).stops.len(), 2);
    assert!(sim.state.status().sweeps.iter().all(|sweep| sweep.state == SweepState::Ended));
}

#[test]
fn journals_that_do_not_speak_of_shared_jobs_are_replayed_as_they_were_written() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 1));
    sim.submit(sweep("b", "dice", 1));
    sim.worker(1, 2);
    for name in ["a", "b"] {
        let fact = serde_json::from_str(&format!(r#"{{"fact":"cancelled","sweep":"{name}"}}"#)).unwrap();
        sim.carry_out(Decision { facts: vec![fact], records: Vec::new(), reply: () });
    }
    let dice = sim.state.sweep("b").unwrap().counts;
    assert_eq!((dice.queued, dice.cancelled), (1, 0));
}

#[test]
fn a_data_set_that_fits_is_pinned_whoever_else_has_a_short_one() {
    let mut sim = Sim::new();
    sim.submit(sweep("before", "dice", 1));
    let short = sim.worker_without_data(1, 1, false);
    sim.offer(short, Found::Inventory(inventory("some pictures", 7).into()));
    let whole = sim.worker(2, 1);
    sim.submit(sweep("a", "bce", 1));
    assert_eq!((sim.fetch(short, 1).len(), sim.fetch(whole, 1).len()), (0, 1));
}

#[test]
fn a_sweep_whose_jobs_all_have_results_is_complete_without_a_worker() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 2));
    let worker = sim.worker(1, 1);
    sim.finish(worker);
    // nobody who has the data is there any more
    let mut sim = sim.restarted(sim.journal.len());
    let mut other = sweep("b", "[bce]", 2);
    other.objective.metric = proto::spec::Metric::Dice;
    let decision = sim.state.submit_decision(other, String::new()).unwrap();
    let taken = sim.carry_out(decision).taken.unwrap();
    assert_eq!((taken.content, taken.of.as_str()), (inventory("pictures", 8).content, "a"));
    assert_eq!(sim.state.status().sweeps[1].state, SweepState::Ended);
    sim.submit(sweep("c", "[bce, focal]", 2));
    assert_eq!(sim.state.status().sweeps[2].state, SweepState::WaitingForData, "focal is yet to be trained");
    let seen = |content: &str| Some(inventory(content, 8).content);
    let submit = |seen| sim.state.submit_seen_decision(sweep("d", "bce", 1), String::new(), seen).unwrap();
    assert!(submit(seen("pictures")).reply.taken.is_some());
    assert_eq!(submit(seen("other pictures")).reply.taken, None, "the files are others now");
    let mut elsewhere = sweep("e", "bce", 1);
    elsewhere.dataset.name = "other".to_owned();
    assert_eq!(sim.state.submit_decision(elsewhere, String::new()).unwrap().reply.taken, None);
    assert_eq!(sim.state.submit_decision(sweep("f", "bce", 1).simulated(), String::new()).unwrap().reply.taken, None);
}
