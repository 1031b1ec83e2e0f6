//! The tabs: each makes its list, and the details of a row, of what the screen knows.

pub(super) mod cells;
pub(super) mod failures;
pub(super) mod jobs;
pub(super) mod messages;
pub(super) mod results;
pub(super) mod workers;

use super::Sheet;
use super::list::Listing;
use super::messages::Message;
use crate::outlook;
use proto::status::{Status, SweepStatus};

/// All that is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The sweep that is asked for; the one submitted last if empty.
    pub(super) sweep: String,
    pub(super) status: Option<Status>,
    pub(super) candidates: Sheet,
    pub(super) jobs: Sheet,
    pub(super) failed: Sheet,
    /// Whether the tables are there, or why not.
    pub(super) tables: Option<Result<(), String>>,
    /// The oldest first; each has a number that it keeps, from the number of those that are forgotten on.
    pub(super) messages: Vec<Message>,
    /// How many messages were there before these.
    pub(super) forgotten: usize,
}

impl Known {
    /// The sweep that is shown.
    pub(super) fn sweep(&self) -> Option<&SweepStatus> {
        outlook::find(self.status.as_ref()?, &self.sweep)
    }

    /// What an empty list of results says.
    fn no_rows(&self, none: &str) -> String {
        match &self.tables {
            None => "The tables are being made.".to_owned(),
            Some(Err(why)) => format!("No tables: {why}"),
            Some(Ok(())) => none.to_owned(),
        }
    }
}

/// A tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Results,
    Cells,
    Jobs,
    Workers,
    Failures,
    Messages,
}

impl Tab {
    pub(super) const ALL: [Self; 6] =
        [Self::Results, Self::Cells, Self::Jobs, Self::Workers, Self::Failures, Self::Messages];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Results => "Results",
            Self::Cells => "Cells",
            Self::Jobs => "Jobs",
            Self::Workers => "Workers",
            Self::Failures => "Failures",
            Self::Messages => "Messages",
        }
    }

    /// Its list.
    pub(super) fn listing(self, known: &Known) -> Listing {
        match self {
            Self::Results => results::listing(known),
            Self::Cells => cells::listing(known),
            Self::Jobs => jobs::listing(known),
            Self::Workers => workers::listing(known),
            Self::Failures => failures::listing(known),
            Self::Messages => messages::listing(known),
        }
    }

    /// The details of the row of that key, line by line.
    pub(super) fn details(self, known: &Known, key: &str) -> Vec<String> {
        match self {
            Self::Results | Self::Cells => results::details(known, key),
            Self::Jobs | Self::Failures => jobs::details(known, key),
            Self::Workers => workers::details(known, key),
            Self::Messages => messages::details(known, key),
        }
    }

    /// Whether its rows are jobs, which have logs.
    pub(super) fn lists_jobs(self) -> bool {
        matches!(self, Self::Jobs | Self::Failures)
    }
}
