//! Sweeps that stop candidates: who is dropped, what still runs, and that a restart decides the same.

use super::*;
use crate::race::{Look, Reason};
use proto::status::SweepState;

/// Four candidates, the last two of them so much worse that a collapse of the others would not help; eight replicates.
pub(super) fn racing(name: &str) -> Plan {
    with(name, "race: {alpha: 0.2, looks: [3, 5, 8]}")
}

pub(super) fn with(name: &str, section: &str) -> Plan {
    let text = format!(
        "sweep: {name}\ndataset: {{name: d, format: folder, image_size: 32}}\nsplit: {{train: 4, validation: 2, test: 2}}\n\
         grid: {{learning_rate: [1.0e-3, 2.0e-3, 3.0e-3, 4.0e-3]}}\nreplicates: {{split_seeds: 8}}\ntraining: {{epochs: 2}}\n\
         objective: {{metric: iou}}\n{section}\n"
    );
    plan::parse("test.yaml", &text).unwrap()
}

/// The IoU of a job in thousandths: the candidate's mean, an effect of the split, and a little of its own.
fn thousandths(candidate: usize, replicate: usize) -> u32 {
    let own = (candidate * 7 + replicate * 13) % 11;
    [800, 795, 500, 400][candidate] + 10 * (replicate as u32 % 4) + own as u32
}

fn scored(thousandths: u32, verdict: Verdict) -> Outcome {
    let counts = Counts { tp: thousandths, fp: 0, fn_: 1000 - thousandths, tn: 0 };
    let evaluation = |counts, cases: [u32; 2]| {
        let cases = cases.map(|case| CaseCounts { case, counts }).to_vec();
        Evaluation::of(0.5, cases)
    };
    let Outcome::Succeeded(result) = result() else { unreachable!() };
    // the test cases say the opposite: whoever looks at them drops the best
    let opposite = Counts { tp: counts.fn_, fn_: counts.tp, ..counts };
    let (validation, test) = (evaluation(counts, [0, 1]), evaluation(opposite, [2, 3]));
    Outcome::Succeeded(Box::new(JobResult { verdict, validation, test, ..*result }))
}

impl Sim {
    /// The candidate and the replicate of a job of a sweep.
    pub(super) fn place_of(&self, name: &str, job: JobId) -> (usize, usize) {
        let sweep = self.state.sweep(name).unwrap();
        sweep.coordinates(sweep.jobs.iter().position(|id| *id == job).unwrap() as u32)
    }

    /// Works until nothing is left, with the outcome that `outcome` says; returns the candidates and replicates in order.
    fn play(&mut self, worker: WorkerId, name: &str, outcome: impl Fn(usize, usize) -> Outcome) -> Vec<(usize, usize)> {
        let mut played = Vec::new();
        while let Some(lease) = self.fetch(worker, 1).first().copied() {
            let (candidate, replicate) = self.place_of(name, lease.job);
            self.complete(worker, lease, outcome(candidate, replicate));
            played.push((candidate, replicate));
            assert!(played.len() < 1_000, "it does not end");
        }
        played
    }

    fn looks(&self, name: &str) -> Vec<Look> {
        self.state.sweep(name).unwrap().course.looks.clone()
    }
}

/// A race of which so many jobs have ended, and its only worker.
fn begun(jobs: usize) -> (Sim, WorkerId) {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    for _ in 0..jobs {
        let lease = sim.fetch(worker, 1)[0];
        let (candidate, replicate) = sim.place_of("a", lease.job);
        sim.complete(worker, lease, honest(candidate, replicate));
    }
    (sim, worker)
}

pub(super) fn honest(candidate: usize, replicate: usize) -> Outcome {
    scored(thousandths(candidate, replicate), Verdict::Trained)
}

/// Replicates that each of the four candidates had.
fn replicates(played: &[(usize, usize)]) -> [usize; 4] {
    [0, 1, 2, 3].map(|candidate| played.iter().filter(|(of, _)| *of == candidate).count())
}

#[test]
fn who_is_beaten_runs_no_more_and_the_others_run_all() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    let played = sim.play(worker, "a", honest);
    assert_eq!(replicates(&played), [8, 8, 3, 3]);
    assert!(played.is_sorted_by_key(|(candidate, replicate)| (*replicate, *candidate)), "blocks: {played:?}");
    let looks = sim.looks("a");
    assert_eq!(looks.iter().map(|look| look.replicates).collect::<Vec<_>>(), [3, 5, 8]);
    let stops: Vec<_> = looks[0].stops.iter().map(|stop| stop.candidate).collect();
    assert_eq!((stops, looks[1].stops.len(), looks[2].stops.len()), (vec![2, 3], 0, 0));
    // by 0 it is beaten by the same on all three splits, which is no more than three signs
    let Reason::Beaten { by: 1, pairs: 3, p, .. } = looks[0].stops[0].reason else { panic!("{:?}", looks[0].stops) };
    assert!(p < looks[0].threshold.unwrap() && (looks[0].threshold.unwrap() - 0.2 / 9.0).abs() < 1e-15);
    let view = &sim.state.status().sweeps[0];
    assert_eq!((view.state, view.succeeded, view.dropped, view.failed), (SweepState::Ended, 22, 10, 0));
    assert_eq!((view.epochs, view.epochs_done), (44, 44), "what is dropped is not waited for");
    let journalled = sim.journal.iter().filter(|fact| matches!(fact, Fact::Looked { .. })).count();
    assert_eq!(journalled, 3, "each look is a fact, also one that changes nothing");
}

#[test]
fn nothing_runs_ahead_of_a_look() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 40);
    let leases = sim.fetch(worker, 40);
    assert_eq!(leases.len(), 12, "three replicates of four candidates");
    assert_eq!(sim.state.status().sweeps[0].queued, 20, "the others wait");
    for lease in &leases[1..] {
        let (candidate, replicate) = sim.place_of("a", lease.job);
        sim.complete(worker, *lease, honest(candidate, replicate));
    }
    assert_eq!(sim.synchronize(worker, &leases[..1], 39).grants, [], "one job is still out");
    assert!(sim.looks("a").is_empty());
    let (candidate, replicate) = sim.place_of("a", leases[0].job);
    sim.complete(worker, leases[0], honest(candidate, replicate));
    assert_eq!(sim.fetch(worker, 40).len(), 4, "two candidates are left, up to the look after 5");
}

#[test]
fn a_crash_after_any_fact_changes_no_decision() {
    let mut whole = Sim::new();
    whole.submit(racing("a"));
    let worker = whole.worker(1, 1);
    whole.play(worker, "a", honest);
    for facts in 1..=whole.journal.len() {
        let mut sim = whole.restarted(facts);
        assert!(whole.looks("a").starts_with(&sim.looks("a")), "after {facts} facts: replayed");
        sim.take_looks();
        sim.pass(LEASE_MS);
        let worker = sim.worker(2, 3);
        sim.play(worker, "a", honest);
        assert_eq!(sim.looks("a"), whole.looks("a"), "after {facts} facts: decided anew");
        assert_eq!(sim.state.status().sweeps, whole.state.status().sweeps);
    }
}

#[test]
fn a_look_that_does_not_fit_is_refused() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    sim.play(worker, "a", honest);
    let look = sim.journal.iter().find(|fact| matches!(fact, Fact::Looked { .. })).unwrap().clone();
    assert!(matches!(sim.state.apply(sim.now, &look), Err(IllegalTransition::Look { .. })), "a second time");
    let mut early = Sim::new();
    early.submit(racing("a"));
    early.worker(1, 1);
    assert!(early.state.apply(early.now, &look).is_err(), "before its jobs have ended");
}

#[test]
fn unreliable_candidates_are_dropped_and_failures_count() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    // the first would win by its scores; the second fails as often
    let played = sim.play(worker, "a", |candidate, replicate| match candidate {
        0 => scored(900, Verdict::Degenerate),
        1 => failure(),
        _ => scored(700 + 5 * ((candidate + replicate) as u32 % 2), Verdict::Trained),
    });
    let looks = sim.looks("a");
    let reasons: Vec<_> = looks[0].stops.iter().map(|stop| (stop.candidate, stop.reason)).collect();
    assert_eq!(reasons, [(1, Reason::Unreliable { collapses: 3, of: 3 })], "the leader stays, and beats nobody");
    let tries = played.iter().filter(|(candidate, _)| *candidate == 1).count();
    assert_eq!(tries, 9, "three replicates, three tries each");
    assert_eq!(sim.state.status().sweeps[0].dropped, 5);
}

#[test]
fn what_another_sweep_wants_runs_for_that_sweep() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    sim.play(worker, "a", honest);
    sim.submit(with("b", ""));
    assert_eq!(sim.play(worker, "b", honest).len(), 10, "what the race has dropped");
    let views = sim.state.status().sweeps;
    assert_eq!((views[0].succeeded, views[0].dropped, views[1].succeeded), (32, 0, 32), "it has results all the same");
    assert_eq!(sim.looks("a").len(), 3);
}

#[test]
fn the_same_race_under_another_name_decides_by_itself_and_does_not_wait_for_what_is_dropped() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    sim.play(worker, "a", honest);
    // every job before its looks has a result: they are taken at once, and drop the same
    sim.submit(racing("b"));
    assert_eq!((sim.looks("b"), sim.fetch(worker, 1)), (sim.looks("a"), Vec::new()));
    let views = sim.state.status().sweeps;
    assert_eq!((views[1].state, views[1].succeeded, views[1].dropped), (SweepState::Ended, 22, 10));
    // a stricter rule stops them at a later look, so some of what the others dropped runs
    sim.submit(with("c", "race: {alpha: 1.0e-6, looks: [3, 5, 8]}"));
    assert_eq!(replicates(&sim.play(worker, "c", honest)), [0, 0, 2, 2]);
    let views = sim.state.status().sweeps;
    assert_eq!((views[2].state, views[2].succeeded, views[2].dropped), (SweepState::Ended, 26, 6));
    assert_eq!((views[0].state, views[1].state), (SweepState::Ended, SweepState::Ended));
}

#[test]
fn a_race_under_another_name_runs_what_was_cancelled_under_the_first() {
    let (mut sim, worker) = begun(12);
    sim.submit(racing("b"));
    let decision = sim.state.cancel_decision("a").unwrap();
    assert_eq!(sim.carry_out(decision), 0, "the other race wants them all");
    assert_eq!(replicates(&sim.play(worker, "b", honest)), [5, 5, 0, 0]);
    assert!(sim.state.sweep("b").unwrap().is_ended());
    // and one that is submitted after the cancellation
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    let decision = sim.state.cancel_decision("a").unwrap();
    assert_eq!(sim.carry_out(decision), 32);
    sim.submit(racing("b"));
    assert_eq!(replicates(&sim.play(worker, "b", honest)), [8, 8, 3, 3]);
}

#[test]
fn a_running_job_of_a_dropped_candidate_is_stopped() {
    let mut sim = Sim::new();
    sim.submit(with("a", ""));
    let worker = sim.worker(1, 40);
    let leases = sim.fetch(worker, 40);
    // the file is submitted again, with a race, while all its jobs run
    sim.submit(racing("a"));
    for lease in &leases[..12] {
        let (candidate, replicate) = sim.place_of("a", lease.job);
        sim.complete(worker, *lease, honest(candidate, replicate));
    }
    let stops = sim.synchronize(worker, &leases[12..], 0).stops;
    let stopped: BTreeSet<_> = stops.iter().map(|lease| sim.place_of("a", lease.job).0).collect();
    assert_eq!((stops.len(), stopped), (10, BTreeSet::from([2, 3])));
}

#[test]
fn the_same_file_again_decides_at_once_and_another_decides_anew() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    sim.play(worker, "a", honest);
    let looks = sim.looks("a");
    sim.submit(racing("a"));
    assert_eq!(sim.looks("a"), looks);
    assert!(sim.state.sweep("a").unwrap().is_ended() && sim.fetch(worker, 1).is_empty());
    sim.submit(with("a", "race: none"));
    assert_eq!(sim.play(worker, "a", honest).len(), 10, "the full grid");
}

#[test]
fn a_cancelled_race_takes_no_looks() {
    let (mut sim, _) = begun(12);
    let decision = sim.state.cancel_decision("a").unwrap();
    assert_eq!(sim.carry_out(decision), 10);
    let view = &sim.state.status().sweeps[0];
    assert_eq!((view.cancelled, view.dropped, sim.looks("a").len()), (10, 10, 1));
}

#[test]
fn replicates_are_added_until_the_mean_is_known() {
    let mut sim = Sim::new();
    let section = "until: {half_width: 0.012, max_replicates: 20}";
    sim.submit(with("a", section));
    let worker = sim.worker(1, 1);
    // the second swings by 0.02, the third by 0.1 and never comes to rest
    let played = sim.play(worker, "a", |candidate, replicate| {
        let swing = [2, 20, 100, 1][candidate] * (replicate as u32 % 2);
        scored(700 + swing, Verdict::Trained)
    });
    let [first, second, third, fourth] = replicates(&played);
    assert_eq!((first, third, fourth), (8, 20, 8));
    // a swing of 0.02 has a standard deviation of 0.01 sqrt(n / (n - 1)): t(0.975, 7) / sqrt(7) = 0.894 of 0.01
    assert_eq!(second, 8);
    let view = &sim.state.status().sweeps[0];
    assert_eq!((view.state, view.dropped), (SweepState::Ended, 36));
    let reasons: Vec<_> = sim.looks("a")[0].stops.iter().map(|stop| stop.reason.name()).collect();
    assert_eq!(reasons, ["settled"; 3]);
}

#[test]
fn what_becomes_of_a_dropped_job_elsewhere_is_no_failure_of_the_race() {
    let mut sim = Sim::new();
    sim.submit(racing("a"));
    let worker = sim.worker(1, 1);
    sim.play(worker, "a", honest);
    sim.submit(with("b", ""));
    let played = sim.play(worker, "b", |_, _| failure());
    assert_eq!(played.len(), 30, "ten jobs were dropped, and fail three times");
    let view = sim.state.status();
    let of = |name: &str| view.sweeps.iter().find(|sweep| sweep.sweep == name).unwrap();
    assert_eq!((of("a").state, of("a").failed, of("a").dropped), (SweepState::Ended, 0, 10));
    assert!(of("b").failed == 10 && of("b").problem.ends_with("attempt 3 on worker w1: no luck"));
}
