//! The results of any tool -> runs: a long CSV, one line per run.
//!
//! ```text
//!  learning_rate,optimizer,seed,score      candidate columns, the replicate column, the score column
//!  0.1,adam,0,0.702
//!  0.1,adam,1,                             no score: a run that failed, counted and not averaged away
//! ```
//!
//! Columns are guessed only where a single one can be meant. Every mistake has its line, its column and what would be right.
//! Knows neither files nor what is computed of the runs.

mod columns;
mod error;
#[cfg(test)]
mod tests;

pub use columns::Columns;
pub use error::ImportError;

use super::{Candidate, Ended, Observation, Observations, Replicate};
use crate::plan::AxisValue;
use columns::{Places, listed};
use proto::measure::Verdict;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What tools write, in lower case, where a run has no score.
const NO_SCORE: &[&str] = &["", "na", "n/a", "nan", "null", "none", "failed"];

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Name of the score column.
    pub score: String,
    /// Name of the replicate column.
    pub replicate: String,
    /// Names of the candidate columns, in the file's order.
    pub axes: Vec<String>,
    /// The candidates' values on each axis, in the order in which they first appear.
    pub candidates: Vec<Vec<Option<AxisValue>>>,
    /// The replicates, in the order in which they first appear.
    pub replicates: Vec<String>,
    /// The runs, in the file's order; each candidate has each replicate at most once.
    pub runs: Vec<Run>,
}

/// A line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Index of the candidate.
    pub candidate: usize,
    /// Index of the replicate.
    pub replicate: usize,
    /// The score; `None` for a run that failed. An infinite one is a run that diverged.
    pub score: Option<f64>,
}

/// Reads a long CSV: a header, then one line per run.
///
/// # Errors
/// If it is not a valid CSV, a column is missing or has several candidates, a score is not a number, or a run appears twice.
pub fn read(bytes: &[u8], columns: &Columns) -> Result<Imported, ImportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|error| unreadable(bytes, &error))?.clone();
    let places = Places::find(&header.iter().collect::<Vec<_>>(), columns)?;
    let lines = reader.into_records().map(|record| record.map_err(|error| unreadable(bytes, &error)));
    let lines: Vec<_> = lines.collect::<Result<_, _>>()?;
    if lines.is_empty() {
        return Err(ImportError::line(2, "there is no run: write one line per run beneath the header"));
    }
    let names = |places: &[usize]| places.iter().map(|place| header[*place].to_owned()).collect();
    let mut imported = Imported {
        score: header[places.score].to_owned(),
        replicate: header[places.replicate].to_owned(),
        axes: names(&places.candidate),
        candidates: Vec::new(),
        replicates: Vec::new(),
        runs: Vec::with_capacity(lines.len()),
    };
    imported.fill(bytes, &lines, &places)?;
    Ok(imported)
}

impl Imported {
    /// The runs as what is compared. `ratio` is that of test to training cases; every replicate is a split of its own.
    #[must_use]
    pub fn observations(&self, minimize: bool, ratio: Option<f64>) -> Observations {
        let blank = vec![Observation::Missing; self.replicates.len()];
        let candidate = |values: &Vec<_>| Candidate { values: values.clone(), observations: blank.clone() };
        let mut candidates: Vec<_> = self.candidates.iter().map(candidate).collect();
        for Run { candidate, replicate, score } in &self.runs {
            candidates[*candidate].observations[*replicate] = score.map_or(Observation::Failed, of_score);
        }
        let replicate = |label: &String| Replicate { label: label.clone(), ..Replicate::default() };
        Observations {
            metric: self.score.clone(),
            higher_is_better: !minimize,
            axes: self.axes.clone(),
            candidates,
            baselines: Vec::new(),
            replicates: self.replicates.iter().map(replicate).collect(),
            range: None,
            ratio,
            pool: None,
        }
    }

    fn fill(&mut self, bytes: &[u8], lines: &[csv::StringRecord], places: &Places) -> Result<(), ImportError> {
        let axes: Vec<_> =
            places.candidate.iter().map(|place| Axis::of(lines.iter().map(|line| &line[*place]))).collect();
        let mut candidates = HashMap::new();
        let mut replicates = HashMap::new();
        let mut seen = BTreeMap::new();
        for line in lines {
            let number = line_number(bytes, line.position());
            let values = places.candidate.iter().zip(&axes).map(|(place, axis)| axis.value(&line[*place]));
            let values: Vec<_> = values.collect();
            let (label, key) = (label(&values), values.iter().map(|value| value.as_ref().map(ToString::to_string)));
            let candidate = *candidates.entry(key.collect::<Vec<_>>()).or_insert_with(|| {
                self.candidates.push(values);
                self.candidates.len() - 1
            });
            let replicate = &line[places.replicate];
            if replicate.is_empty() {
                return Err(ImportError::cell(number, &self.replicate, "is empty: write which replicate the run is"));
            }
            let replicate = *replicates.entry(replicate.to_owned()).or_insert_with(|| {
                self.replicates.push(replicate.to_owned());
                self.replicates.len() - 1
            });
            if let Some(first) = seen.insert((candidate, replicate), number) {
                return Err(self.twice(number, first, &label, replicate));
            }
            let score =
                score(&line[places.score]).map_err(|problem| ImportError::cell(number, &self.score, problem))?;
            self.runs.push(Run { candidate, replicate, score });
        }
        self.check_replicates(lines.len())
    }

    fn twice(&self, line: u64, first: u64, label: &str, replicate: usize) -> ImportError {
        let replicate = &self.replicates[replicate];
        let problem = format!(
            "`{label}` has replicate `{replicate}` on line {first} already: name the column that tells the two apart in --candidate or --replicate, or take one of them out"
        );
        ImportError::cell(line, &self.replicate, problem)
    }

    /// If every run is a candidate of its own, a column such as a job's id was taken for one of the candidate's.
    fn check_replicates(&self, runs: usize) -> Result<(), ImportError> {
        if self.replicates.len() < 2 || self.candidates.len() < runs {
            return Ok(());
        }
        let all_differ = |axis: &usize| {
            let values: HashSet<_> = self.candidates.iter().map(|values| label(&values[*axis..=*axis])).collect();
            values.len() == runs
        };
        let culprit = (0..self.axes.len()).find(all_differ);
        let of = culprit.map(|axis| format!(": `{}` differs in every line", self.axes[axis])).unwrap_or_default();
        let problem = format!(
            "every run is a candidate of its own{of}; name the columns that make a candidate with --candidate (there are: {})",
            listed(&self.axes)
        );
        Err(ImportError { line: 1, column: None, problem })
    }
}

/// A run with an infinite score diverged. Whether the others are models is not known.
fn of_score(score: f64) -> Observation {
    if score.is_finite() {
        return Observation::scored(score);
    }
    Observation::Ended(Ended { verdict: Some(Verdict::Diverged), ..Ended::default() })
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

    fn value(&self, text: &str) -> Option<AxisValue> {
        match self {
            _ if text.is_empty() => None,
            Self::Integers => text.parse().ok().map(AxisValue::Integer),
            Self::Reals => text.parse().ok().map(AxisValue::Real),
            Self::Names => Some(AxisValue::Name(text.to_owned())),
        }
    }
}

/// The values, as a message shows them.
fn label(values: &[Option<AxisValue>]) -> String {
    let shown = values.iter().map(|value| value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string));
    shown.collect::<Vec<_>>().join(" ")
}

fn score(text: &str) -> Result<Option<f64>, String> {
    if NO_SCORE.contains(&&*text.to_lowercase()) {
        return Ok(None);
    }
    let remedy = "write a number with a decimal point, or nothing for a run that failed";
    text.parse().map(Some).map_err(|_| format!("`{text}` is not a number: {remedy}"))
}

/// The line of a record, from 1. The reader's own number is that of the blank lines before it.
fn line_number(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let blank = bytes.iter().skip(start).take_while(|byte| matches!(byte, b'\n' | b'\r'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}

fn unreadable(bytes: &[u8], error: &csv::Error) -> ImportError {
    let line = line_number(bytes, error.position());
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let fields = format!("has {len} fields, and the header has {expected_len}");
            ImportError::line(line, format!("{fields}: write every field, and put those with a comma in quotes"))
        }
        csv::ErrorKind::Utf8 { .. } => ImportError::line(line, "is not UTF-8: save the file as UTF-8"),
        _ => ImportError::line(line, error.to_string()),
    }
}
