//! The axes of a grid of candidates as the factors of a full crossing.

use crate::analysis::observations::Observations;
use std::collections::HashSet;

/// More factors than this have too many interactions to tell apart.
const MAX_FACTORS: usize = 8;

/// Factors that are fully crossed: each combination of their levels is one candidate.
pub(super) struct Factors {
    /// Their names: an axis, or axes that only make sense together, such as a loss and its parameter.
    pub(super) names: Vec<String>,
    /// The names of their levels.
    pub(super) levels: Vec<Vec<String>>,
    /// The candidates, the last factor varying fastest.
    pub(super) candidates: Vec<usize>,
}

/// A factor while axes are being merged: its name, and each candidate's level.
struct Factor {
    name: String,
    of: Vec<String>,
}

impl Factor {
    fn levels(&self) -> Vec<&String> {
        let mut seen = HashSet::new();
        self.of.iter().filter(|level| seen.insert(*level)).collect()
    }

    fn merged(&self, other: &Self) -> Self {
        let name = format!("{} + {}", self.name, other.name);
        let both = |(a, b): (&String, &String)| if b.is_empty() { a.clone() } else { format!("{a} {b}") };
        Self { name, of: self.of.iter().zip(&other.of).map(both).collect() }
    }
}

impl Factors {
    /// The factors of the candidates. Axes with one value are none. Where the axes are not fully crossed - a parameter belongs to one
    /// loss only - those that lack most combinations are merged until they are. `None` if nothing varies, or too much does.
    pub(super) fn of(observations: &Observations) -> Option<Self> {
        let candidates = &observations.candidates;
        let axis = |(index, name): (usize, &String)| {
            let level =
                |value: Option<&Option<_>>| value.and_then(Option::as_ref).map_or(String::new(), ToString::to_string);
            Factor { name: name.clone(), of: candidates.iter().map(|of| level(of.values.get(index))).collect() }
        };
        let mut factors: Vec<Factor> = observations.axes.iter().enumerate().map(axis).collect();
        factors.retain(|factor| factor.levels().len() > 1);
        while !factors.is_empty() {
            if let Some(crossed) = Self::crossed(&factors, candidates.len()) {
                return (factors.len() <= MAX_FACTORS).then_some(crossed);
            }
            let (a, b) = most_nested(&factors)?;
            let merged = factors[a].merged(&factors[b]);
            factors[a] = merged;
            factors.remove(b);
        }
        None
    }

    /// The crossing, if each combination occurs exactly once.
    fn crossed(factors: &[Factor], candidates: usize) -> Option<Self> {
        let levels: Vec<Vec<&String>> = factors.iter().map(Factor::levels).collect();
        let cells = levels.iter().try_fold(1_usize, |cells, levels| cells.checked_mul(levels.len()))?;
        if cells != candidates {
            return None;
        }
        let mut order = vec![None; cells];
        for candidate in 0..candidates {
            let place = factors.iter().zip(&levels).try_fold(0, |place, (factor, levels)| {
                let level = levels.iter().position(|level| **level == factor.of[candidate])?;
                Some(place * levels.len() + level)
            })?;
            if order[place].replace(candidate).is_some() {
                return None;
            }
        }
        Some(Self {
            names: factors.iter().map(|factor| factor.name.clone()).collect(),
            levels: levels.iter().map(|levels| levels.iter().map(ToString::to_string).collect()).collect(),
            candidates: order.into_iter().collect::<Option<_>>()?,
        })
    }
}

/// The two factors with the least share of their combinations present.
fn most_nested(factors: &[Factor]) -> Option<(usize, usize)> {
    let pairs = (0..factors.len()).flat_map(|a| (a + 1..factors.len()).map(move |b| (a, b)));
    let present = |(a, b): (usize, usize)| {
        let (one, other) = (&factors[a], &factors[b]);
        let share = one.merged(other).levels().len() as f64 / (one.levels().len() * other.levels().len()) as f64;
        ((a, b), share)
    };
    pairs.map(present).min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(pair, _)| pair)
}
