//! Races: decisions against those of tests/reference/racing.py, and what they save and lose over many made-up sweeps.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails")]

use coordinator::plan::{Rule, Stopping};
use coordinator::race::{Contender, Look, Mark, Reason, look};
use proto::spec::Metric;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const REPLICATES: usize = 20;
const RACE: Rule = Rule::Race { alpha: 0.05 };

/// Marks of every candidate on every replicate.
type Field = Vec<Vec<Mark>>;

fn race(looks: &[u32]) -> Stopping {
    Stopping { looks: looks.to_vec(), rule: RACE }
}

/// All looks of a race, as the scheduler takes them.
fn run(stopping: &Stopping, metric: Metric, draws: &[u64], field: &Field) -> Vec<Look> {
    let mut left: Vec<usize> = (0..field.len()).collect();
    let mut looks = Vec::new();
    for &replicates in &stopping.looks {
        if left.len() < 2 && matches!(stopping.rule, Rule::Race { .. }) {
            break;
        }
        let n = replicates as usize;
        let contender = |&index: &usize| Contender { candidate: index as u32, marks: field[index][..n].to_vec() };
        let contenders: Vec<_> = left.iter().map(contender).collect();
        let taken = look(stopping, metric, field.len(), &draws[..n], &contenders);
        left.retain(|index| taken.stops.iter().all(|stop| stop.candidate as usize != *index));
        looks.push(taken);
    }
    looks
}

/// The table of the reference.
fn table() -> Field {
    let mut state = 12345_i64;
    let mut draw = |below: i64| {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        (state >> 16) % below
    };
    let splits: Vec<i64> = (0..REPLICATES).map(|_| draw(81) - 40).collect();
    let mut field: Field = [700, 690, 660, 640, 610, 695]
        .iter()
        .map(|mean| {
            let scores = splits.iter().map(|split| mean + split + draw(41) - 20);
            scores.map(|score| Mark { score: Some(score as f64 / 1000.0), collapsed: false }).collect()
        })
        .collect();
    for replicate in [0, 2, 3] {
        field[5][replicate] = Mark { score: Some(0.09), collapsed: true };
    }
    field
}

fn each_its_own() -> Vec<u64> {
    (0..REPLICATES as u64).collect()
}

/// Checks that exactly these candidates are dropped: candidate, look, by whom, mean difference, p; the collapsed one besides.
#[track_caller]
fn assert_dropped(looks: &[Look], unreliable_at: u32, expected: &[(u32, u32, u32, f64, f64)]) {
    let mut found = Vec::new();
    for look in looks {
        found.extend(look.stops.iter().map(|stop| (stop.candidate, look.replicates, stop.reason)));
    }
    found.sort_by_key(|(candidate, ..)| *candidate);
    let (candidate, at, reason) = found.pop().unwrap();
    assert_eq!((candidate, at, reason), (5, unreliable_at, Reason::Unreliable { collapses: 3, of: 5 }));
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((candidate, at, reason), expected) in found.into_iter().zip(expected) {
        let Reason::Beaten { by, difference, p, .. } = reason else { panic!("{reason:?}") };
        assert_eq!((candidate, at, by), (expected.0, expected.1, expected.2));
        assert!((difference / expected.3 - 1.0).abs() < 1e-12, "{difference}");
        assert!((p / expected.4 - 1.0).abs() < 1e-8, "{p:e}");
    }
}

#[test]
fn a_race_drops_whom_the_reference_drops() {
    let looks = run(&race(&[5, 8, 12, 16, 20]), Metric::Iou, &each_its_own(), &table());
    let expected = [
        (2, 20, 0, 0.037_099_999_999_999_98, 2.952_872_920_793_285_8e-9),
        (3, 12, 0, 0.064_166_666_666_666_65, 4.770_842_715_567_847e-8),
        (4, 8, 0, 0.089_875, 7.175_394_668_177_728e-7),
    ];
    assert_dropped(&looks, 5, &expected);
    assert_eq!(looks.len(), 5, "two are left to the end");
    assert!((looks[0].threshold.unwrap() - 0.05 / 25.0).abs() < 1e-16);
    let mean = |index: usize| looks[0].standings[index].mean.unwrap();
    assert!(mean(0) > mean(1) && looks[0].standings[5].collapses == 3);
}

#[test]
fn turns_of_a_rotation_are_one_observation() {
    let draws: Vec<u64> = (0..REPLICATES as u64).map(|replicate| replicate / 4).collect();
    let looks = run(&race(&[8, 12, 16, 20]), Metric::Iou, &draws, &table());
    let expected = [
        (2, 20, 0, 0.037_099_999_999_999_98, 4.320_391_970_237_772_3e-4),
        (3, 16, 0, 0.062_437_499_999_999_98, 3.307_946_415_082_183e-4),
        (4, 12, 0, 0.090_416_666_666_666_66, 9.786_647_128_435_32e-4),
    ];
    assert_dropped(&looks, 8, &expected);
}

#[test]
fn less_is_better_for_a_loss() {
    let mut field = table();
    field.iter_mut().flatten().for_each(|mark| mark.score = mark.score.map(|score| 1.0 - score));
    let (iou, loss) = (
        run(&race(&[5]), Metric::Iou, &each_its_own(), &table()),
        run(&race(&[5]), Metric::Loss, &each_its_own(), &field),
    );
    let by =
        |looks: &[Look]| -> Vec<_> { looks[0].stops.iter().map(|stop| (stop.candidate, stop.reason.name())).collect() };
    assert_eq!(by(&iou), by(&loss));
}

#[test]
fn only_shared_replicates_are_compared_and_the_leader_stays() {
    let mark = |score: f64| Mark { score: Some(score), collapsed: false };
    let failed = Mark { score: None, collapsed: true };
    // the second is better wherever both have a score, but has the lower mean
    let first = vec![mark(0.1), mark(0.2), mark(0.3), mark(0.95), mark(0.95)];
    let second = vec![mark(0.2), mark(0.31), mark(0.4), failed, failed];
    let looks = run(&race(&[5]), Metric::Iou, &each_its_own(), &vec![first, second]);
    assert!(looks[0].stops.is_empty(), "{:?}", looks[0].stops);
    // two failures are no pairs
    let looks = run(&race(&[5]), Metric::Iou, &each_its_own(), &vec![vec![failed; 5], vec![failed; 5]]);
    let stopped: Vec<_> = looks[0].stops.iter().map(|stop| stop.candidate).collect();
    assert_eq!(stopped, [1], "of candidates without a score the first leads");
    // differences without any deviation are as sure as their signs
    let looks = run(&race(&[5]), Metric::Iou, &each_its_own(), &vec![vec![mark(0.5); 5], vec![mark(0.75); 5]]);
    let beaten = Reason::Beaten { by: 1, pairs: 5, difference: 0.25, p: 0.031_25 };
    assert_eq!(looks[0].stops.iter().map(|stop| stop.reason).collect::<Vec<_>>(), [beaten]);
}

#[test]
fn a_candidate_is_settled_once_its_interval_is_narrow() {
    // half widths of candidates 0 and 4 by the reference
    let expected = [
        (5, 0.045_946_601_430_762_37, 0.051_187_588_913_699_49),
        (12, 0.021_243_607_255_913_493, 0.021_135_431_588_924_42),
    ];
    for (n, of_0, of_4) in expected {
        let stopping = Stopping { looks: vec![n], rule: Rule::Until { half_width: 0.048 } };
        let field: Field = vec![table()[0].clone(), table()[4].clone()];
        let looks = run(&stopping, Metric::Iou, &each_its_own(), &field);
        let widths: Vec<_> = looks[0].stops.iter().map(|stop| (stop.candidate, stop.reason)).collect();
        for ((candidate, reason), expected) in widths.iter().zip([of_0, of_4]) {
            let Reason::Settled { half_width } = reason else { panic!("{reason:?}") };
            assert!((half_width / expected - 1.0).abs() < 1e-8, "candidate {candidate}: {half_width}");
        }
        assert_eq!(widths.len(), if n == 5 { 1 } else { 2 });
    }
}

/// A made-up sweep: draws the marks of all candidates. The best has the highest mean over all runs, collapsed ones included.
struct World {
    name: String,
    best: usize,
    draw: Box<dyn Fn(&mut ChaCha8Rng) -> Field>,
}

/// What the residual of candidate `k` is, by that of a standard normal world.
type Residual = fn(k: usize, of: usize, random: &mut ChaCha8Rng) -> f64;

/// Candidates by the mean of their runs that train, each with its chance of a collapse, which scores `trivial`. A split adds the same
/// to all of them.
fn candidates(
    means: Vec<f64>,
    collapse: Vec<f64>,
    trivial: f64,
    residual: Residual,
    scale: f64,
) -> impl Fn(&mut ChaCha8Rng) -> Field {
    move |random| {
        let splits: Vec<f64> = (0..REPLICATES).map(|_| 0.04 * normal(random)).collect();
        let mut one = |k: usize| {
            let replicate = |split: &f64| {
                let score = means[k] + split + scale * residual(k, means.len(), random);
                let collapsed = random.random_bool(collapse[k]);
                Mark { score: Some(if collapsed { trivial } else { score }), collapsed }
            };
            splits.iter().map(replicate).collect()
        };
        (0..means.len()).map(&mut one).collect()
    }
}

fn gaussian(_: usize, _: usize, random: &mut ChaCha8Rng) -> f64 {
    normal(random)
}

/// To the left, as scores near their greatest value are.
fn skewed(_: usize, _: usize, random: &mut ChaCha8Rng) -> f64 {
    1.0 + (1.0 - random.random_range(0.0..1.0_f64)).ln()
}

/// Student's t with three degrees of freedom, of variance 1.
fn heavy(_: usize, _: usize, random: &mut ChaCha8Rng) -> f64 {
    let chi_squared: f64 = (0..3).map(|_| normal(random).powi(2)).sum();
    normal(random) / chi_squared.sqrt()
}

/// From twice the usual spread down to a fifth.
fn unequal(k: usize, of: usize, random: &mut ChaCha8Rng) -> f64 {
    2.0 * 0.1_f64.powf(k as f64 / (of - 1) as f64) * normal(random)
}

impl World {
    /// Candidates of a grid, without and with collapses: those of which the best comes last.
    fn grids(residual: f64) -> Vec<Self> {
        let even: Vec<f64> = (0..24).map(|index| 0.60 + 0.18 * f64::from(index) / 23.0).collect();
        let some = (0..24).map(|index| if [2, 8, 14, 20].contains(&index) { 0.5 } else { 0.0 }).collect();
        let seven = vec![0.702, 0.678, 0.666, 0.614, 0.608, 0.572, 0.09];
        let world = |name: &str, best, means: Vec<f64>, collapse| Self {
            name: format!("{name}, residual {residual}"),
            best,
            draw: Box::new(candidates(means, collapse, 0.09, gaussian, residual)),
        };
        vec![
            world("7, .572 to .702 and one that never trains", 0, seven, vec![0.0; 7]),
            world("24, .60 to .78", 23, even.clone(), vec![0.0; 24]),
            world("24, .60 to .78, 4 collapse in half of their runs", 23, even, some),
            world("12 equal", 0, vec![0.7; 12], vec![0.0; 12]),
        ]
    }

    /// Worlds that are hard on a test: the first of `count` candidates is the best, by little.
    fn hard(count: usize) -> Vec<Self> {
        let steps: Vec<f64> = (0..count).map(|k| 0.7 - 0.004 * k.min(9) as f64).collect();
        let led_by = |first: f64, second: f64, rest: f64| [vec![first, second], vec![rest; count - 2]].concat();
        let never = || vec![0.0; count];
        let only = |k: usize, rate: f64| (0..count).map(|index| if index == k { rate } else { 0.0 }).collect();
        let world = |name: &str, draw: Box<dyn Fn(&mut ChaCha8Rng) -> Field>| Self {
            name: format!("{count}, {name}"),
            best: 0,
            draw,
        };
        let spread = |name, residual, means| world(name, Box::new(candidates(means, never(), 0.1, residual, 0.02)));
        let rival = |name, ahead: f64, rate| {
            let means = led_by(0.65, 0.65 + ahead, 0.63);
            world(name, Box::new(candidates(means, only(1, rate), 0.1, gaussian, 0.004)))
        };
        let best = candidates(led_by(0.9, 0.6, 0.6), only(0, 0.3), 0.1, gaussian, 0.02);
        let rough = candidates(steps.clone(), never(), 0.1, gaussian, 0.02);
        let rough = move |random: &mut ChaCha8Rng| {
            let mut field = rough(random);
            field
                .iter_mut()
                .flatten()
                .for_each(|mark| mark.score = mark.score.map(|score| (score * 20.0).round() / 20.0));
            field
        };
        vec![
            spread("normal", gaussian, steps.clone()),
            spread("two nearly equal bests", gaussian, led_by(0.7, 0.6999, 0.6)),
            spread("skewed", skewed, steps.clone()),
            spread("heavy tails", heavy, steps.clone()),
            spread("unequal spread", unequal, steps),
            world("steps of .05", Box::new(rough)),
            rival("a rival .015 better that collapses in 5 %", 0.015, 0.05),
            rival("a rival .015 better that collapses in 10 %", 0.015, 0.1),
            world("the best collapses in 30 %", Box::new(best)),
        ]
    }

    /// A rival that is far ahead wherever it trains, but not on average.
    fn hardest() -> Self {
        let means = vec![0.65, 0.85, 0.63, 0.63];
        let draw = Box::new(candidates(means, vec![0.0, 0.3, 0.0, 0.0], 0.1, gaussian, 0.004));
        Self { name: "4, a rival .2 better that collapses in 30 %".to_owned(), best: 0, draw }
    }

    /// The shares of jobs saved and of sweeps that lose the best.
    fn run(&self, sweeps: usize) -> (f64, f64) {
        let mut random = ChaCha8Rng::seed_from_u64(20);
        let (mut ran, mut all, mut lost) = (0, 0, 0);
        for _ in 0..sweeps {
            let field = (self.draw)(&mut random);
            let looks = run(&race(&[5, 8, 12, 16, 20]), Metric::Iou, &each_its_own(), &field);
            let mut replicates = vec![REPLICATES; field.len()];
            for (look, stop) in looks.iter().flat_map(|look| look.stops.iter().map(move |stop| (look, stop))) {
                replicates[stop.candidate as usize] = look.replicates as usize;
                lost += usize::from(stop.candidate as usize == self.best);
            }
            ran += replicates.iter().sum::<usize>();
            all += field.len() * REPLICATES;
        }
        let (saved, lost) = (1.0 - ran as f64 / all as f64, lost as f64 / sweeps as f64);
        let error = (lost * (1.0 - lost) / sweeps as f64).sqrt();
        println!("{:60} saved {:4.1} %, best lost {lost:.3} (se {error:.3})", self.name, 100.0 * saved);
        (saved, lost)
    }
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random_range(0.0..1.0), random.random_range(0.0..1.0));
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// 400 sweeps a world, 20 replicates, a common effect of the split of 0.04. The shares of the reference stand beside.
#[test]
fn a_race_saves_much_of_a_grid_and_keeps_the_best() {
    let saved = [[0.02, 38.0, 43.0, 46.0, 0.0], [0.03, 38.0, 42.0, 44.0, 0.0]];
    for [residual, reference @ ..] in saved {
        for (world, reference) in World::grids(residual).iter().zip(reference) {
            let (saved, lost) = world.run(400);
            assert!(lost <= 0.02, "{}: the best is lost in {lost} of the sweeps", world.name);
            assert!((100.0 * saved - reference).abs() < 2.0, "{}: saved {saved}, reference {reference} %", world.name);
        }
    }
}

#[test]
fn a_race_loses_the_best_in_one_sweep_of_twenty_at_most() {
    for world in [4, 12].into_iter().flat_map(World::hard) {
        let (_, lost) = world.run(1000);
        assert!(lost <= 0.05, "{}: the best is lost in {lost} of the sweeps", world.name);
    }
}

/// What no rule can see that drops anything early: as many collapses as there may be without one among the first five replicates.
#[test]
fn a_race_may_lose_the_best_to_a_rival_whose_many_collapses_come_late() {
    let (_, lost) = World::hardest().run(1000);
    assert!(lost < 0.25, "0.7^5 = .17, and a little for the later looks; {lost}");
}
