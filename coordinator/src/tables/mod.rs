//! Rows and Analysis -> tables.
//!
//! ```text
//!  candidates    a row a candidate, then a row a baseline: scores, intervals, failures
//!  pairs         a row a pair of candidates, then of a candidate and a baseline: difference, tests, finding
//!  ranks         a row a candidate: ranks over the splits
//!  effects       a row a term of the analysis of variance, and a level of an axis
//!  variance      a row a component of variance
//!  detectable    a row a number of splits: what they can tell apart
//!  jobs          a row a job: seeds, state, scores of both subsets
//!  cases         a row a case of a job's subset: counts of pixels
//!  measurements  a row an epoch of an attempt
//!  looks         a row a candidate that was left at a look: what was decided, on what evidence
//! ```
//!
//! Columns are only ever added, at the end.

mod candidates;
mod detectable;
mod effects;
pub mod export;
mod jobs;
mod looks;
mod pairs;
mod ranks;
pub mod table;
mod variance;

pub use candidates::candidates;
pub use detectable::detectable;
pub use effects::effects;
pub use jobs::{cases, jobs, measurements};
pub use looks::looks;
pub use pairs::pairs;
pub use ranks::ranks;
pub use variance::variance;

use crate::analysis::comparison::Analysis;
use crate::analysis::observations::Observations;
use crate::plan::{AxisValue, Objective};
use crate::results::SweepHead;
use proto::spec::Trainer;
use table::{Cell, Column, Kind, Show, Table};

/// A sweep, or a file of another tool, with what its scores come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysed {
    /// What it is.
    pub about: About,
    /// Its scores.
    pub observations: Observations,
    /// What they come to.
    pub analysis: Analysis,
}

impl Analysed {
    /// Every table of the analysis, in the order in which they are read.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        [candidates, pairs, ranks, effects, variance, detectable].iter().map(|table| table(self)).collect()
    }
}

/// What stands above a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct About {
    /// Name of the sweep or of the file.
    pub name: String,
    /// Whether the numbers are made up.
    pub simulated: bool,
    /// What the scores are, in words.
    pub scores: String,
    /// Facts for programs.
    pub head: Vec<(&'static str, Cell)>,
}

impl About {
    /// What stands above the tables of a sweep.
    #[must_use]
    pub fn sweep(head: &SweepHead) -> Self {
        Self {
            name: head.sweep.clone(),
            simulated: head.trainer == Trainer::Simulated,
            scores: String::new(),
            head: vec![
                ("sweep", head.sweep.as_str().into()),
                ("trainer", head.trainer.name().into()),
                ("data", head.content.map_or(Cell::Empty, |content| Cell::Text(content.to_string()))),
            ],
        }
    }

    /// What stands above the tables of a sweep's analysis.
    #[must_use]
    pub fn analysis(head: &SweepHead) -> Self {
        let Objective { metric, epoch, .. } = head.objective;
        let subset = head.objective.reported(&head.split);
        let mut about = Self::sweep(head);
        about.scores = format!("{metric} of the {subset} subset, {epoch} epoch");
        about.head.extend([
            ("metric", Cell::from(metric.name())),
            ("subset", Cell::from(subset.name())),
            ("epoch", Cell::from(epoch.name())),
        ]);
        about
    }

    /// A table with this above it.
    fn table(&self, rows_name: &'static str, columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Table {
        let simulated = if self.simulated { " (simulated: the numbers are made up)" } else { "" };
        let separator = if self.scores.is_empty() { "" } else { ": " };
        let title = format!("{rows_name} of {}{simulated}{separator}{}", self.name, self.scores);
        Table { rows_name, title, head: self.head.clone(), columns, rows, ..Table::default() }
    }
}

/// A column, and how its cells are read off a line.
struct Field<L> {
    column: Column,
    cell: fn(&L) -> Cell,
}

impl<L> Field<L> {
    fn exact(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Exact, cell)
    }

    fn measured(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Measured, cell)
    }

    fn seconds(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Seconds, cell)
    }

    fn text(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Text, cell)
    }

    fn new(name: impl Into<String>, kind: Kind, cell: fn(&L) -> Cell) -> Self {
        Self { column: Column::new(name, kind), cell }
    }

    /// A column that only programs get.
    fn hidden(self) -> Self {
        self.shown(Show::Nothing)
    }

    fn shown(self, show: Show) -> Self {
        Self { column: self.column.shown(show), ..self }
    }
}

/// The columns of the fields, and the cells of each line.
fn laid_out<L>(fields: Vec<Field<L>>, lines: &[L]) -> (Vec<Column>, Vec<Vec<Cell>>) {
    let rows = lines.iter().map(|line| fields.iter().map(|field| (field.cell)(line)).collect()).collect();
    (fields.into_iter().map(|field| field.column).collect(), rows)
}

fn axis_columns(axes: &[String], candidates: &[Vec<Option<AxisValue>>]) -> Vec<Column> {
    let kind = |axis: usize| Kind::of(candidates.iter().find_map(|values| values.get(axis)?.as_ref()));
    axes.iter().enumerate().map(|(index, axis)| Column::new(axis, kind(index))).collect()
}

fn axis_cells(axes: usize, values: Option<&Vec<Option<AxisValue>>>) -> Vec<Cell> {
    (0..axes).map(|axis| values.and_then(|values| values.get(axis)?.as_ref()).into()).collect()
}

fn exact(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, Kind::Exact)).collect()
}

fn measured(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, Kind::Measured)).collect()
}

fn text(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, Kind::Text)).collect()
}
