//! What reaches the screen, and what it wishes in return.

use super::Sheet;
use proto::status::Status;

/// What the screen is told.
#[derive(Debug, Clone)]
pub enum News {
    /// Where everything stands.
    Status(Status),
    /// The tables of the sweep.
    Tables {
        /// The candidates, then the baselines.
        candidates: Sheet,
        /// The first jobs.
        jobs: Sheet,
        /// The first jobs that failed.
        failed: Sheet,
    },
    /// There are no tables, and why.
    NoTables(String),
    /// What happened to a job.
    Log {
        /// Its id.
        job: String,
        /// Lines for people.
        text: String,
    },
    /// News come from elsewhere from now on.
    Moved {
        /// When that was found: milliseconds since 1970, UTC.
        at_ms: u64,
        /// Where they come from, for people.
        source: String,
    },
    /// The coordinator is gone.
    Lost {
        /// Since when: milliseconds since 1970, UTC.
        at_ms: u64,
        /// Why.
        why: String,
    },
}

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Tab.
    Next,
    /// Tab with shift.
    Before,
    /// The arrow upwards.
    Up,
    /// The arrow downwards.
    Down,
    /// A page upwards.
    PageUp,
    /// A page downwards.
    PageDown,
    /// To the first row.
    Home,
    /// To the last row.
    End,
}

/// What the loop is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Nothing more than to draw.
    Nothing,
    /// Fetch the log of this job.
    Log(String),
    /// End.
    Quit,
}
