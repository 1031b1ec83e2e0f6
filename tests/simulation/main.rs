//! Coordinator, store and workers in one process, in virtual time, driven by a seed.
//!
//! ```text
//!  world        time, events, the order of everything
//!   |- operator     submits and cancels sweeps
//!   |- coordinator  the product's driver core      on a disk   a model that refuses, tears, forgets, moves away
//!   |- services     the product's messages
//!   |- worker       the product's agent                         with slots  trainers that end, fail, crash
//!   |- network      loses, doubles, delays, garbles, cuts
//!   |- flaws        faults that are put in on purpose, to see them found
//!   \- mishaps      kills, pauses, full disks, second coordinators, for a while; then all is well again
//!  promises     what must hold after every step, and at the end
//! ```
//!
//! A seed gives the same run again: `SPLITSWEEP_SEED=7 cargo test -p tests --test simulation one_schedule -- --nocapture` tells it step by step.
//! `SPLITSWEEP_SCHEDULES=100000` runs more of them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends at the first surprise, and tells of its seeds"
)]

mod chance;
mod coordinator;
mod disk;
mod flaws;
mod mishaps;
mod network;
mod operator;
mod promises;
mod services;
mod worker;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use world::{Flaw, Told, World};

/// The schedules of each run of the tests: half of them the same each time.
const SCHEDULES: u64 = 10_000;

/// Runs a schedule to its end; an error says which promise was broken.
fn run(seed: u64, flaw: Option<Flaw>) -> Result<Told, String> {
    catch_unwind(AssertUnwindSafe(|| World::new(seed, flaw, false).run())).unwrap_or_else(|panic| {
        let said =
            panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Err(said.unwrap_or_else(|| "it panics".to_owned()))
    })
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn no_schedule_breaks_a_promise() {
    let schedules = setting("SPLITSWEEP_SCHEDULES").unwrap_or(SCHEDULES);
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 >> 16;
    let seed_of = |index: u64| if index < schedules / 2 { index } else { today.wrapping_add(index) };
    eprintln!("seeds 0 to {} and {} to {}", schedules / 2 - 1, seed_of(schedules / 2), seed_of(schedules - 1));
    let (next, total, broken) = (AtomicU64::new(0), Mutex::new(Told::default()), Mutex::new(Vec::new()));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= schedules || !broken.lock().unwrap().is_empty() {
                        return;
                    }
                    match run(seed_of(index), None) {
                        Ok(told) => total.lock().unwrap().add(&told),
                        Err(promise) => broken.lock().unwrap().push((seed_of(index), promise)),
                    }
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    let seconds = began.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    eprintln!("{schedules} schedules, {} steps, {:.0} steps/s: {total}", total.steps, total.steps as f64 / seconds);
    let broken = broken.into_inner().unwrap();
    for (seed, promise) in &broken {
        eprintln!("SPLITSWEEP_SEED={seed}: {promise}");
    }
    assert!(
        broken.is_empty(),
        "replay: SPLITSWEEP_SEED={} cargo test -p tests --test simulation one_schedule -- --nocapture",
        broken[0].0
    );
    total.assert_that_all_happened(schedules);
}

/// The schedule of `SPLITSWEEP_SEED`, told step by step.
#[test]
fn one_schedule() {
    let seed = setting("SPLITSWEEP_SEED").unwrap_or(0);
    let told = World::new(seed, None, std::env::var("SPLITSWEEP_SEED").is_ok()).run();
    eprintln!("{}", told.unwrap_or_else(|promise| panic!("SPLITSWEEP_SEED={seed}: {promise}")));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        assert_eq!(run(seed, None), run(seed, None), "seed {seed}");
    }
}

/// What the simulation is worth: it finds each fault that is put in on purpose.
#[test]
fn faults_put_in_on_purpose_are_found() {
    for flaw in Flaw::ALL {
        let found = (0..2_000).find_map(|seed| Some((seed, run(seed, Some(flaw)).err()?)));
        let (seed, promise) = found.unwrap_or_else(|| panic!("{flaw:?} is not found"));
        eprintln!("{flaw:?}: found by schedule {}: {promise}", seed + 1);
    }
}
