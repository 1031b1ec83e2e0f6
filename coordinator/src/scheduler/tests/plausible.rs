//! What cannot be is refused, and costs no job.

use super::*;
use proto::extras::{Baseline, BaselineCounts};
use proto::ids::SplitHash;

fn changed(change: impl FnOnce(&mut JobResult)) -> Outcome {
    let Outcome::Succeeded(mut result) = result() else { unreachable!() };
    change(&mut result);
    Outcome::Succeeded(result)
}

/// Results that cannot be of a job of [`sweep`], and a part of what is said of them.
fn impossible() -> Vec<(Outcome, &'static str)> {
    let pixels = |result: &mut JobResult| result.test.cases[1].counts.tn += 1;
    let validation = [0, 1].map(|case| CaseCounts { case, counts: Counts::default() }).to_vec();
    let otsu = BaselineCounts { baseline: Baseline::Otsu, validation, test: Vec::new() };
    vec![
        (changed(|result| result.validation.cases.truncate(1)), "1 validation cases instead of 2"),
        (changed(|result| result.test.cases.clear()), "0 test cases instead of 2"),
        (changed(|result| result.test.cases[0].case = 4_000_000_000), "the data set has 8"),
        (changed(|result| result.test.cases[1] = result.test.cases[0]), "case 2 is evaluated twice"),
        (changed(|result| result.test = result.validation.clone()), "case 0 is evaluated twice"),
        (changed(pixels), "one case has 10 pixels, another 11"),
        (changed(|result| result.epochs = 3), "3 epochs of 2"),
        (changed(|result| (result.epochs, result.best_epoch) = (0, 0)), "no best epoch"),
        (changed(|result| result.best_epoch = 3), "its best epoch is 3, of 2"),
        (changed(|result| result.parameters = 1), "1 parameters"),
        (changed(|result| result.extras.baselines = vec![otsu]), "0 otsu test cases instead of 2"),
    ]
}

impl Sim {
    fn try_complete(&mut self, worker: WorkerId, lease: Lease, outcome: Outcome) -> Result<Completed, Breach> {
        let completion = Completion { lease, measurements: Vec::new(), outcome, held: Vec::new(), free_slots: 0 };
        let decision = self.state.complete_decision(self.now, worker, completion).unwrap();
        self.carry_out(decision)
    }

    fn hand_in(&mut self, worker: WorkerId, held: &[Lease], epochs: &[u32]) -> Result<Synchronized, Breach> {
        let measurements = vec![(held[0], epochs.iter().map(|number| epoch(*number)).collect())];
        let request = Synchronization { held: held.to_vec(), measurements, ..Synchronization::default() };
        let decision = self.state.synchronize_decision(self.now, worker, &request).unwrap();
        self.carry_out(decision)
    }
}

#[test]
fn a_result_that_cannot_be_is_refused_and_a_good_one_is_taken_after_it() {
    for (outcome, reason) in impossible() {
        let mut sim = Sim::new();
        sim.submit(sweep("a", "bce", 1));
        let worker = sim.worker(1, 1);
        let lease = sim.fetch(worker, 1)[0];
        let facts = sim.journal.len();
        let breach = sim.try_complete(worker, lease, outcome).unwrap_err();
        assert!(breach.reason.contains(reason), "{breach}");
        assert_eq!((sim.journal.len(), sim.results()), (facts, vec![]), "{reason}: it may have been garbled");
        assert_eq!(sim.complete(worker, lease, result()), RECORDED);
    }
}

#[test]
fn an_attempt_that_insists_on_what_cannot_be_has_failed_and_its_job_runs_elsewhere() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice, focal]", 1));
    let (liar, honest) = (sim.worker(1, 3), sim.worker(2, 3));
    let leases = sim.fetch(liar, 3);
    for lease in &leases {
        for (outcome, _) in impossible().into_iter().take(2) {
            assert!(sim.try_complete(liar, *lease, outcome).is_err());
        }
        assert_eq!(sim.complete(liar, *lease, failure()), RECORDED, "the failure is known");
    }
    assert!(sim.state.is_quarantined(liar));
    assert!(sim.state.job(leases[0].job).unwrap().message.as_ref().unwrap().contains("cannot be"));
    assert_eq!(sim.finish(honest).len(), 3);
    assert!(sim.state.sweeps().all(Sweep::is_ended) && sim.results().len() == 3);
    sim.restarted(sim.journal.len());
}

#[test]
fn a_late_result_that_cannot_be_is_not_held_against_who_has_the_job_now() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let (liar, honest) = (sim.worker(1, 1), sim.worker(2, 1));
    let old = sim.fetch(liar, 1)[0];
    sim.pass(LEASE_MS);
    let new = sim.fetch(honest, 1)[0];
    for (outcome, _) in impossible() {
        assert!(sim.try_complete(liar, old, outcome).is_err());
    }
    assert_eq!(sim.synchronize(honest, &[new], 0).stops, []);
    assert_eq!(sim.complete(honest, new, result()), RECORDED);
}

#[test]
fn a_diverged_training_may_have_no_cases() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 1);
    let lease = sim.fetch(worker, 1)[0];
    let diverged = changed(|result| {
        (result.verdict, result.epochs, result.best_epoch) = (Verdict::Diverged, 1, 0);
        (result.validation, result.test) = Default::default();
    });
    assert_eq!(sim.complete(worker, lease, diverged), RECORDED);
}

#[test]
fn results_of_the_same_split_have_the_same_cases() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice, focal]", 2));
    let worker = sim.worker(1, 6);
    // a block of the queue is a replicate
    let leases = sim.fetch(worker, 6);
    let of_split = |hash: u128| changed(|result| result.split_hash = Some(SplitHash(hash)));
    assert_eq!(sim.complete(worker, leases[0], of_split(7)), RECORDED);
    let mut sim = sim.restarted(sim.journal.len());
    let worker = sim.worker(1, 6);
    let breach = sim.try_complete(worker, leases[1], of_split(8)).unwrap_err();
    assert!(breach.reason.contains("its split is"), "{breach}");
    assert_eq!(sim.complete(worker, leases[1], of_split(7)), RECORDED);
    assert_eq!(sim.complete(worker, leases[2], result()), RECORDED, "it does not say");
    assert_eq!(sim.complete(worker, leases[3], of_split(8)), RECORDED, "of another seed");
}

#[test]
fn epochs_that_cannot_be_are_refused_and_other_jobs_go_on() {
    for epochs in [&[1, 1][..], &[2, 1], &[1, 2, 3], &[u32::MAX]] {
        let mut sim = Sim::new();
        sim.submit(sweep("a", "bce", 2));
        let worker = sim.worker(1, 2);
        let leases = sim.fetch(worker, 2);
        assert!(sim.hand_in(worker, &leases, epochs).is_err());
        assert!(sim.hand_in(worker, &leases, &[1]).is_ok(), "it may have been garbled");
        assert!(sim.hand_in(worker, &leases, &[1, 2]).is_ok(), "what is said twice is no harm");
        let reply = sim.hand_in(worker, &leases, epochs).unwrap();
        assert_eq!(reply.stops, [leases[0]], "the attempt has failed, and the call is answered");
        let written = sim.records.iter().map(|record| match record {
            Record::Measurements { measurements, .. } => measurements.len(),
            Record::Result { .. } | Record::Erased { .. } => 0,
        });
        assert_eq!(written.sum::<usize>(), 3);
        assert_eq!(sim.complete(worker, leases[1], result()), RECORDED);
        assert_eq!(sim.finish(worker).len(), 1, "the job is not lost");
    }
}
