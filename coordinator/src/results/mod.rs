//! The results of a sweep, read once: every table, the statistics and the report are views of them.
//!
//! ```text
//!  store --read.rs--> SweepResults --+--analysis--> Observations --> Analysis
//!                                    +--tables----> jobs, cases, looks
//!                                    +--report----> one page
//! ```
//!
//! The types are plain data: only `read.rs` and `job_file.rs` know the store and the scheduler's state.

mod job_file;
mod read;
mod types;

pub use job_file::{JobFileError, job_file};
pub use read::{ResultsError, dataset, examples, measurements, none_yet, read, state};
pub use types::{BaselineRow, Example, JobRow, MeasurementRow, RowState, ScoredResult, SweepHead, SweepResults};
