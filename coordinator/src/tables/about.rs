//! What stands above a table, and the scores that it is made of.

use super::table::{Cell, Column, Table};
use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observations::{Observations, from_results};
use crate::plan::Objective;
use crate::results::{SweepHead, SweepResults};
use proto::spec::{EpochChoice, Trainer};
use std::sync::Arc;

/// A sweep, or a file of another tool, with what its scores come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysed {
    /// What it is.
    pub about: About,
    /// Its scores: of a million jobs they are large, and many share them.
    pub observations: Arc<Observations>,
    /// What they come to.
    pub analysis: Analysis,
}

impl Analysed {
    /// The results of a sweep, analysed.
    #[must_use]
    pub fn of(results: &SweepResults) -> Self {
        let observations = from_results::observations(results);
        let analysis = Analysis::of(&observations, &Options::default());
        Self { about: About::analysis(&results.head), observations: Arc::new(observations), analysis }
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
        let Objective { metric: objective, epoch, .. } = head.objective;
        let metric = head.metric;
        let subset = head.objective.reported(&head.split);
        let mut about = Self::sweep(head);
        about.scores = format!("{metric} of the {subset} subset, {}", Self::epochs(head));
        about.head.extend([
            ("metric", Cell::from(metric.name())),
            ("subset", Cell::from(subset.name())),
            ("epoch", Cell::from(epoch.name())),
            ("objective", Cell::from(objective.name())),
        ]);
        about
    }

    /// Which epoch's weights count, and by which metric it was chosen where another is shown.
    #[must_use]
    pub fn epochs(head: &SweepHead) -> String {
        let Objective { metric, epoch, .. } = head.objective;
        match epoch {
            _ if metric == head.metric => format!("{epoch} epoch"),
            // it is the last by every metric
            EpochChoice::Last => "last epoch, as by every metric".to_owned(),
            EpochChoice::Best => format!("epoch of the best validation {metric}"),
        }
    }

    /// A table with this above it.
    pub(super) fn table(&self, rows_name: &'static str, columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Table {
        let simulated = if self.simulated { " (simulated: the numbers are made up)" } else { "" };
        let separator = if self.scores.is_empty() { "" } else { ": " };
        let title = format!("{rows_name} of {}{simulated}{separator}{}", self.name, self.scores);
        Table { rows_name, title, head: self.head.clone(), columns, rows, ..Table::default() }
    }
}
