//! Jobs of which only their sweep is known, and how they become jobs of which more is: whoever lists them and when, the state is the same.

use super::racing::{honest, racing, with};
use super::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who lists the jobs of a submission.
#[derive(Debug, Clone, Copy)]
enum Lister {
    /// The state, when the fact is applied.
    Itself,
    /// Somebody before, as the driver's handle does it.
    Before,
    /// Somebody before, but those of another plan.
    Wrongly,
}

impl Sim {
    fn submit_listed(&mut self, plan: Plan, lister: Lister) {
        let data = inventory("pictures", 8);
        let mut other = plan.clone();
        other.candidates.reverse();
        let listing = match lister {
            Lister::Itself => None,
            Lister::Before => Some(Listing::of(&plan, &data)),
            Lister::Wrongly => Some(Listing::of(&other, &data)),
        };
        let decision = self.state.submit_decision(plan, String::new()).unwrap();
        self.state.make_ready(listing.map(Arc::new));
        self.carry_out(decision);
        self.state.make_ready(None);
    }

    fn cancel(&mut self, name: &str) -> u64 {
        let ended = |sim: &Self| sim.state.sweep(name).map_or(0, |sweep| sweep.counts.cancelled);
        let before = ended(self);
        let decision = self.state.cancel_decision(name);
        let said = decision.map_or(0, |decision| self.carry_out(decision));
        assert_eq!(ended(self) - before, said, "the answer counts the jobs that this ends");
        said
    }

    /// Where every job of every sweep stands, without the times of leases.
    fn standing(&self) -> BTreeMap<(String, u32), String> {
        let mut standing = BTreeMap::new();
        for sweep in self.state.sweeps() {
            for (place, id) in (0..).zip(sweep.jobs.iter()) {
                let job = self.state.job(*id).unwrap();
                let state = match &job.state {
                    JobState::Leased { holder, .. } => format!("{holder:?}"),
                    state => format!("{state:?}"),
                };
                let known = format!("{id} {state} {} {:?} {:?}", job.attempts, job.ended, job.message);
                standing.insert((sweep.plan.sweep.clone(), place), known);
            }
            let (counts, queue) = (&sweep.counts, &sweep.queue);
            standing.insert((sweep.plan.sweep.clone(), u32::MAX), format!("{counts:?} {queue:?} {}", sweep.cancelled));
        }
        standing
    }
}

/// Grids that share jobs, under two names.
fn some_plan(random: &mut ChaCha8Rng) -> Plan {
    let name = ["a", "b"][random.next_u32() as usize % 2];
    let mut plan = match random.next_u32() % 3 {
        0 => return racing(name),
        _ => with(name, ""),
    };
    plan.candidates.truncate(1 + random.next_u32() as usize % 4);
    plan.replicates.truncate(1 + random.next_u32() as usize % 8);
    plan
}

/// Does something that may happen; the same with the same numbers, whoever lists the jobs.
fn step(sim: &mut Sim, worker: WorkerId, lister: Lister, random: &mut ChaCha8Rng) {
    match random.next_u32() % 16 {
        0 | 1 => sim.submit_listed(some_plan(random), lister),
        2 => drop(sim.cancel(["a", "b"][random.next_u32() as usize % 2])),
        3 => sim.pass(LEASE_MS),
        _ => {
            let Some(lease) = sim.fetch(worker, 1).first().copied() else { return };
            let of = |sweep: &&Sweep| sweep.jobs.contains(&lease.job);
            let name = sim.state.sweeps().find(of).unwrap().plan.sweep.clone();
            let (candidate, replicate) = sim.place_of(&name, lease.job);
            let outcome = if random.next_u32().is_multiple_of(4) { failure() } else { honest(candidate, replicate) };
            sim.complete(worker, lease, outcome);
        }
    }
}

fn play(seed: u64, lister: Lister) -> Sim {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut sim = Sim::new();
    sim.submit_listed(some_plan(&mut random), lister);
    let worker = sim.worker(1, 1);
    for _ in 0..60 {
        step(&mut sim, worker, lister, &mut random);
    }
    sim
}

#[test]
fn whoever_lists_the_jobs_the_state_is_the_same_and_so_it_is_after_a_restart() {
    for seed in 0..60 {
        let sim = play(seed, Lister::Itself);
        for lister in [Lister::Before, Lister::Wrongly] {
            let other = play(seed, lister);
            assert!(other.journal == sim.journal, "{lister:?}, seed {seed}: another journal");
            assert_eq!(other.standing(), sim.standing(), "{lister:?}, seed {seed}");
            assert_eq!(other.state.jobs, sim.state.jobs, "{lister:?}, seed {seed}");
        }
        let restarted = sim.restarted(sim.journal.len());
        assert_eq!(restarted.standing(), sim.standing(), "seed {seed}");
    }
}

#[test]
fn no_job_of_any_grid_is_trained_twice() {
    for seed in 0..60 {
        let sim = play(seed, Lister::Before);
        let results: BTreeSet<_> = sim.results().into_iter().collect();
        assert_eq!(results.len(), sim.results().len(), "seed {seed}");
        for sweep in sim.state.sweeps() {
            let done = sweep.jobs.iter().filter(|id| results.contains(id)).count() as u64;
            assert_eq!(sweep.counts.succeeded, done, "sweep {}, seed {seed}", sweep.plan.sweep);
        }
    }
}

#[test]
fn superseded_jobs_to_which_nothing_happened_are_forgotten() {
    let mut sim = Sim::new();
    sim.submit(with("a", ""));
    let worker = sim.worker(1, 1);
    let lease = sim.fetch(worker, 1)[0];
    sim.complete(worker, lease, honest(0, 0));
    for epochs in 3..10 {
        // two sweeps share the grid, so that its jobs are more than lines of a list
        for name in ["a", "b"] {
            let mut plan = with(name, "");
            plan.candidates.iter_mut().for_each(|candidate| candidate.template.training.epochs = epochs);
            sim.submit(plan);
        }
        let jobs = &sim.state.jobs;
        assert_eq!((jobs.live().count(), jobs.unlisted().count()), (32, 1), "those of the last grid, and the result");
    }
    sim.submit(with("b", ""));
    sim.submit(with("a", "race: none"));
    assert_eq!(sim.state.sweep("a").unwrap().counts.succeeded, 1, "it is not trained again");
    assert_eq!(sim.restarted(sim.journal.len()).standing(), sim.standing());
}
