//! Lines -> candidates and replicates, each in the order in which it first appears.

use super::columns::Places;
use super::error::{ImportError, listed, shown};
use super::sheet::Sheet;
use crate::analysis::observations::Replicate;
use crate::plan::AxisValue;
use proto::spec::Seeds;
use std::collections::HashMap;

/// The candidates and replicates of a file, and which of them each line is of.
pub(super) struct Grid {
    /// The candidates' values on each axis.
    pub(super) candidates: Vec<Vec<Option<AxisValue>>>,
    /// The replicates' names.
    pub(super) replicates: Vec<String>,
    /// The replicates' split and seed, by their numbers.
    keys: Vec<Key>,
    /// Candidate and replicate of each line.
    pub(super) of_lines: Vec<(usize, usize)>,
}

/// Numbers of the split and of up to two seeds of a replicate.
type Key = [usize; 3];

impl Grid {
    /// Reads which run each line is of.
    ///
    /// # Errors
    /// If a replicate is empty.
    pub(super) fn of(sheet: &Sheet, places: &Places) -> Result<Self, ImportError> {
        let axes: Vec<_> = places.candidate.iter().map(|place| (*place, Axis::of(sheet.column(*place)))).collect();
        let replicate_axes: Vec<_> = places.replicate().map(|place| (place, Axis::of(sheet.column(place)))).collect();
        let mut grid = Self { candidates: Vec::new(), replicates: Vec::new(), keys: Vec::new(), of_lines: Vec::new() };
        let (mut candidates, mut replicates) = (HashMap::new(), HashMap::new());
        let mut numbers: [HashMap<Vec<String>, usize>; 3] = Default::default();
        for line in &sheet.lines {
            let values: Vec<_> = axes.iter().map(|(place, axis)| axis.value(&line.fields[*place])).collect();
            let key: Vec<_> = values.iter().map(|value| value.as_ref().map(ToString::to_string)).collect();
            let new = grid.candidates.len();
            let candidate = *candidates.entry(key).or_insert(new);
            if candidate == new {
                grid.candidates.push(values);
            }
            if let Some(place) = places.replicate().find(|place| line.fields[*place].is_empty()) {
                let problem = "is empty: write which replicate the run is";
                return Err(ImportError::cell(line.number, &sheet.header[place], problem));
            }
            let names: Vec<String> =
                replicate_axes.iter().map(|(place, axis)| axis.name(&line.fields[*place])).collect();
            let new = grid.replicates.len();
            let replicate = *replicates.entry(names.clone()).or_insert(new);
            if replicate == new {
                let (split, seeds) = names.split_at(places.splits.len());
                let (first, second) = seeds.split_at(seeds.len().min(1));
                let of = |(numbers, names): (&mut HashMap<_, _>, &[String])| {
                    let new = numbers.len();
                    *numbers.entry(names.to_vec()).or_insert(new)
                };
                let mut each = numbers.iter_mut().zip([split, first, second]).map(of);
                grid.keys.push([(); 3].map(|()| each.next().unwrap_or_default()));
                grid.replicates.push(names.join("/"));
            }
            grid.of_lines.push((candidate, replicate));
        }
        Ok(grid)
    }

    /// The replicates. Where splits and seeds have columns, a replicate is one seed on one split.
    pub(super) fn replicates(&self, places: &Places) -> Vec<Replicate> {
        let is_crossed = !places.splits.is_empty() && !places.seeds.is_empty();
        let replicate = |(label, key): (&String, &Key)| {
            let [split_seed, init_seed, order_seed] = key.map(|number| number as u64);
            Replicate {
                label: label.clone(),
                seeds: is_crossed.then_some(Seeds { split_seed, init_seed, order_seed }),
                split: is_crossed.then_some(split_seed),
                permutation: None,
            }
        };
        self.replicates.iter().zip(&self.keys).map(replicate).collect()
    }

    /// A candidate as a message shows it.
    pub(super) fn label(&self, candidate: usize) -> String {
        let shown = self.candidates[candidate].iter();
        let shown = shown.map(|value| value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string));
        shown.collect::<Vec<_>>().join(" ")
    }

    /// Whether every line is a candidate of its own, though there are several replicates.
    pub(super) fn is_of_single_runs(&self, sheet: &Sheet) -> bool {
        self.replicates.len() > 1 && self.candidates.len() == sheet.lines.len()
    }

    /// If every line is a candidate of its own, a column such as a job's id was taken for one of the candidate's.
    pub(super) fn check(&self, sheet: &Sheet, places: &Places) -> Result<(), ImportError> {
        if !self.is_of_single_runs(sheet) {
            return Ok(());
        }
        let (ids, rest): (Vec<usize>, Vec<usize>) =
            places.candidate.iter().partition(|place| sheet.all_differ(**place));
        let names = |places: &[usize]| places.iter().map(|place| sheet.header[*place].as_str()).collect::<Vec<_>>();
        let of = if ids.is_empty() {
            String::new()
        } else {
            format!(": {} differs in every line", shown(&listed(&names(&ids))))
        };
        let problem = format!(
            "every run is a candidate of its own{of}; name the columns that make a candidate, as in --candidate {}",
            if rest.is_empty() || ids.is_empty() { "COLUMN,COLUMN".to_owned() } else { names(&rest).join(",") }
        );
        Err(ImportError::line(1, problem))
    }
}

/// An axis is one of numbers if all its values are.
enum Axis {
    Integers,
    Reals,
    Names,
}

impl Axis {
    fn of<'a>(values: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut values = values.filter(|value| !value.is_empty());
        if values.clone().all(|value| value.parse::<u64>().is_ok()) {
            Self::Integers
        } else if values.all(|value| value.parse().is_ok_and(f64::is_finite)) {
            Self::Reals
        } else {
            Self::Names
        }
    }

    /// The value in words: where all are numbers, 0 and 0.0 are the same.
    fn name(&self, text: &str) -> String {
        match self.value(text) {
            // so that -0 is 0
            Some(AxisValue::Real(number)) => AxisValue::Real(number + 0.0).to_string(),
            value => value.map_or_else(String::new, |value| value.to_string()),
        }
    }

    fn value(&self, text: &str) -> Option<AxisValue> {
        match self {
            _ if text.is_empty() => None,
            Self::Integers => text.parse().ok().map(AxisValue::Integer),
            Self::Reals => text.parse().ok().map(AxisValue::Real),
            Self::Names => Some(AxisValue::Name(text.to_owned())),
        }
    }
}
