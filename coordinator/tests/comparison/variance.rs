//! Components of variance and their intervals, against those of `tests/reference/components.py`.

use super::{analyse, close, golden, observations, table};
use coordinator::analysis::comparison::Component;
use coordinator::analysis::observations::Observations;
use coordinator::stats::components::{Square, crossed, interval, pooled_terms, two_way};
use proto::spec::Seeds;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("../golden/components.json")).unwrap()
}

/// The numbers of nested lists, the last index varying fastest.
fn flat(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(values) => values.iter().flat_map(flat).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}

/// The lengths of nested lists.
fn shape(value: &Value) -> Vec<usize> {
    value.as_array().map_or_else(Vec::new, |values| [vec![values.len()], shape(&values[0])].concat())
}

/// A sweep whose seeds are crossed: the scores of candidates x splits x initialisations x orders.
fn crossed_sweep(scores: &[f64], shape: &[usize]) -> Observations {
    let each = scores.len() / shape[0];
    let replicates = (0..each).map(|cell| (0..shape[0]).map(|candidate| scores[candidate * each + cell]).collect());
    let mut sweep = observations(&replicates.collect::<Vec<_>>());
    let [inits, orders] = [shape[2], shape.get(3).copied().unwrap_or(1)].map(|levels| levels as u64);
    for (cell, replicate) in (0..).zip(&mut sweep.replicates) {
        let split_seed = cell / (inits * orders);
        replicate.seeds = Some(Seeds { split_seed, init_seed: cell / orders % inits, order_seed: cell % orders });
        replicate.split = Some(split_seed);
    }
    sweep
}

#[track_caller]
fn check(component: &Component, expected: &Value) {
    let number = |key: &str| expected[key].as_f64().unwrap();
    let interval = component.interval.unwrap();
    close(component.raw, number("raw"));
    close(interval.low, number("low"));
    close(interval.high, number("high"));
    let drawn = flat(&expected["drawn"]);
    // where a mean square has one degree of freedom the methods differ most
    assert!((interval.low - drawn[0]).abs() < 0.05 * drawn[1], "{}: {interval:?}, drawn {drawn:?}", component.name);
    assert!((interval.high / drawn[1] - 1.0).abs() < 0.35, "{}: {interval:?}, drawn {drawn:?}", component.name);
}

#[test]
fn components_of_splits_and_of_the_rest_equal_the_reference() {
    let (expected, two_way) = (&reference()["two_way"], analyse(&table()).variance.two_way.unwrap());
    let [candidate, split, rest] = &two_way.components[..] else { panic!("{two_way:?}") };
    assert_eq!(candidate.interval, None, "candidates are chosen, not drawn");
    for (component, expected) in [(split, &expected["split"]), (rest, &expected["residual"])] {
        check(component, expected);
        // the search for the greatest likelihood ends six digits off
        assert!((component.raw / expected["reml"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{component:?}");
    }
    close(two_way.components[1].raw, golden()["twoway_config_split"]["var_split"].as_f64().unwrap());
}

#[test]
fn components_of_crossed_seeds_equal_the_reference() {
    for expected in reference()["crossed"].as_array().unwrap() {
        let scores = &expected["Y"];
        let analysis = analyse(&crossed_sweep(&flat(scores), &shape(scores)));
        let (first, mean) = (&analysis.variance.crossed[0], analysis.variance.crossed.last().unwrap());
        assert_eq!((first.candidate, mean.candidate), (Some(0), None));
        for (found, expected) in [(first, &expected["first"]), (mean, &expected["mean"])] {
            assert_eq!(found.components.len(), expected.as_object().unwrap().len());
            for component in &found.components {
                let factors = component.name.split(" × ").map(|name| name[..1].to_uppercase());
                check(component, &expected[factors.collect::<String>()]);
            }
        }
    }
}

#[test]
fn scores_without_any_spread_have_components_of_zero() {
    let analysis = analyse(&crossed_sweep(&[0.5; 2 * 5 * 3], &[2, 5, 3]));
    for component in analysis.variance.crossed.iter().flat_map(|crossed| &crossed.components) {
        let interval = component.interval.unwrap();
        assert_eq!((component.variance, interval.low, interval.high), (0.0, 0.0, 0.0));
    }
}

/// How the scores of made-up sweeps vary.
struct World {
    name: &'static str,
    /// Variances of split, initialisation, both together and the rest.
    variances: [f64; 4],
    /// The share of the first three that candidates have in common.
    common: f64,
    /// By how much each candidate's scores are stretched.
    spread: [f64; 4],
}

/// One seed of the order each for two rounds: without them the rest could not be told from split × initialisation.
const ORDERS: usize = 2;
const INITS: usize = 3;

impl World {
    /// Scores of candidates x splits x initialisations x orders.
    fn draw(&self, splits: usize, inits: usize, orders: usize, random: &mut ChaCha8Rng) -> Vec<f64> {
        let mut effects = |variance: f64, count: usize| -> Vec<Vec<f64>> {
            let (shared, apart) = ((variance * self.common).sqrt(), (variance * (1.0 - self.common)).sqrt());
            let shared: Vec<f64> = (0..count).map(|_| shared * normal(random)).collect();
            let one = |_: &f64| shared.iter().map(|shared| shared + apart * normal(random)).collect();
            self.spread.iter().map(one).collect()
        };
        let [of_split, of_init, of_both] =
            [(0, splits), (1, inits), (2, splits * inits)].map(|(which, count)| effects(self.variances[which], count));
        let mut scores = Vec::new();
        for (candidate, spread) in self.spread.iter().enumerate() {
            for both in (0..splits * inits * orders).map(|cell| cell / orders) {
                let drawn =
                    of_split[candidate][both / inits] + of_init[candidate][both % inits] + of_both[candidate][both];
                scores.push(spread * (drawn + self.variances[3].sqrt() * normal(random)));
            }
        }
        scores
    }

    /// The true components of the mean over candidates: of split, initialisation, both together and the rest.
    fn truth(&self) -> [f64; 4] {
        let squares = self.spread.iter().map(|spread| spread * spread).sum::<f64>() / self.spread.len() as f64;
        self.variances.map(|variance| squares * variance)
    }

    /// The true components of candidates x splits with one seed each: what candidates have in common, and the rest.
    fn two_way_truth(&self) -> [f64; 2] {
        let count = self.spread.len() as f64;
        let (sum, squares): (f64, f64) =
            (self.spread.iter().sum(), self.spread.iter().map(|spread| spread * spread).sum());
        let [split, _, both, rest] = self.variances;
        let common = self.common * (split + both) * (sum * sum - squares) / (count * (count - 1.0));
        [common, squares / count * (split + both + rest) - common]
    }
}

/// The share of each component's intervals that contain the true one.
fn coverage(truth: &[f64], mut components: impl FnMut() -> Vec<Vec<Square>>) -> Vec<f64> {
    let mut covered = vec![0; truth.len()];
    for _ in 0..SWEEPS {
        for ((count, variance), squares) in covered.iter_mut().zip(truth).zip(components()) {
            *count += u32::from(interval(&squares, 0.05).contains(*variance));
        }
    }
    covered.iter().map(|count| f64::from(*count) / f64::from(SWEEPS)).collect()
}

const SWEEPS: u32 = 2000;

/// Prints a table. One standard error of a share is .005. Where one candidate varies much more than the others no interval is exact.
#[test]
#[allow(clippy::print_stdout, reason = "whoever runs it by hand reads the table")]
#[ignore = "a simulation of a minute: cargo test --release -p coordinator --test comparison cover -- --ignored --nocapture"]
fn intervals_of_components_cover() {
    let world = |name, variances, common, spread| World { name, variances, common, spread };
    let (large, small) = ([9.0, 1.0, 1.0, 1.0], [0.3, 0.02, 0.1, 1.0]);
    let worlds = [
        world("large", large, 0.5, [1.0; 4]),
        world("small", small, 0.5, [1.0; 4]),
        world("large, nearly the same of all candidates", large, 0.95, [1.0; 4]),
        world("large, of each candidate its own", large, 0.0, [1.0; 4]),
        world("large, one candidate varies thrice as much", large, 0.5, [3.0, 1.0, 1.0, 1.0]),
    ];
    let mut random = ChaCha8Rng::seed_from_u64(16);
    println!("{:44} {:>2}  split, rest | of one candidate: split, init, both, rest | of the mean", "", "n");
    for world in &worlds {
        let least = if world.spread == [1.0; 4] { 0.93 } else { 0.85 };
        for splits in [5, 8, 12, 20] {
            let two_way = coverage(&world.two_way_truth(), || {
                let scores = world.draw(splits, 1, 1, &mut random);
                two_way(&scores.chunks(splits).map(<[f64]>::to_vec).collect::<Vec<_>>()).into()
            });
            let levels = [splits, INITS, ORDERS];
            let mut crossings = |tables: std::ops::Range<usize>| {
                let scores = world.draw(splits, INITS, ORDERS, &mut random);
                let tables: Vec<&[f64]> = scores.chunks(splits * INITS * ORDERS).collect::<Vec<_>>()[tables].to_vec();
                let mut found = crossed(&levels, &pooled_terms(&levels, &tables));
                // by bits the factors are split, initialisation, order: without what order adds to one of them, which is nothing
                [found.remove(6), found.remove(2), found.remove(1), found.remove(0)].into_iter().rev().collect()
            };
            // the last candidate is not stretched
            let one = coverage(&world.variances, || crossings(3..4));
            let mean = coverage(&world.truth(), || crossings(0..4));
            println!("{:44} {splits:>2}  {two_way:.3?} | {one:.3?} | {mean:.3?}", world.name);
            for share in two_way.iter().chain(&one).chain(&mean) {
                assert!(*share >= least, "{} at {splits} splits: {share}", world.name);
            }
        }
    }
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random_range(0.0..1.0), random.random_range(0.0..1.0));
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
