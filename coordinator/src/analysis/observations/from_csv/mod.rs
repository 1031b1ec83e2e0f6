//! The results of any tool -> Observations: a long CSV, one line per run, or one per case of a run.
//!
//! ```text
//!  learning_rate,optimizer,seed,score      candidate columns, the replicate column, the score column
//!  0.1,adam,0,0.702
//!  0.1,adam,1,                             no score: a run that failed, counted and not averaged away
//!
//!  bytes --sheet--> header and lines --columns--> what each column means --grid--> candidates and replicates
//!        --runs--> what each run came to
//! ```
//!
//! Columns are guessed only where a single one can be meant. Every mistake has its line, its column and what would be right.
//! Knows neither files nor what is computed of the runs.

mod columns;
mod direction;
mod error;
mod grid;
mod runs;
mod sheet;
mod state;
#[cfg(test)]
mod tests;
mod wide;

pub use columns::{Columns, Retries};
pub use direction::Direction;
pub use error::{ImportError, listed};

use super::{Candidate, Observation, Observations, ReplicatesAre};
use columns::Places;
use grid::Grid;
use runs::Runs;
use sheet::Sheet;

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The scores, one metric each. `ratio` is not known; greater is better.
    pub metrics: Vec<Observations>,
    /// Names of the columns that make a replicate.
    pub replicate: String,
    /// What a reader should know of how the file was read, a sentence each.
    pub notes: Vec<String>,
}

/// Reads a long CSV: a header, then one line per run, or one per case of a run.
///
/// # Errors
/// If it is not a valid CSV, a column is missing or has several candidates, a score is not a number, or a run appears twice.
pub fn read(bytes: &[u8], columns: &Columns) -> Result<Imported, ImportError> {
    let mut sheet = Sheet::read(bytes)?;
    for (column, value) in &columns.filter {
        sheet.keep_where(column, value)?;
    }
    let (sheet, of_wide) = wide::long(sheet);
    let mut places = Places::find(&sheet, columns)?;
    let mut grid = Grid::of(&sheet, &places)?;
    if columns.candidate.is_empty() && grid.is_of_single_runs(&sheet) && places.pass_over_what_tools_note(&sheet) {
        grid = Grid::of(&sheet, &places)?;
    }
    grid.check(&sheet, &places)?;
    let runs = Runs::of(&sheet, &places, &grid, columns.retries)?;
    let metric = |score: &usize| {
        let observed = runs.observations(&sheet, &places, *score, &grid)?;
        let blank = vec![Observation::Missing; grid.replicates.len()];
        let candidate = |values: &Vec<_>| Candidate { values: values.clone(), observations: blank.clone() };
        let mut candidates: Vec<_> = grid.candidates.iter().map(candidate).collect();
        for (run, observation) in runs.runs.iter().zip(observed) {
            candidates[run.candidate].observations[run.replicate] = observation;
        }
        Ok(Observations {
            metric: sheet.header[*score].clone(),
            higher_is_better: true,
            axes: places.candidate.iter().map(|place| sheet.header[*place].clone()).collect(),
            candidates,
            baselines: Vec::new(),
            replicates: grid.replicates(&places),
            replicates_are: if places.splits.is_empty() { ReplicatesAre::Seeds } else { ReplicatesAre::Splits },
            range: None,
            ratio: None,
            clusters: Vec::new(),
            pool: (!runs.cases.is_empty()).then_some(runs.cases.len()),
            decided: None,
        })
    };
    let mut notes: Vec<String> = of_wide.into_iter().chain(runs.notes(&sheet, &places)).collect();
    let unused = places.passed_over.iter().map(|place| sheet.header[*place].clone());
    let passed_over: Vec<String> = sheet.passed_over.iter().cloned().chain(unused).collect();
    if !passed_over.is_empty() {
        notes.push(format!("passed over: {}", listed(&passed_over)));
    }
    let replicate: Vec<&str> = places.replicate().map(|place| sheet.header[place].as_str()).collect();
    Ok(Imported {
        metrics: places.scores.iter().map(metric).collect::<Result<_, _>>()?,
        replicate: replicate.join(","),
        notes,
    })
}
