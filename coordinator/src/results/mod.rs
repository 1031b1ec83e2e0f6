//! The results of a sweep, read once: every table, the statistics and the report are views of them.
//!
//! ```text
//!  store --read.rs--> SweepResults --+--analysis--> Observations --> Analysis
//!                                    +--tables----> jobs, cases, looks
//!                                    +--report----> one page
//! ```
//!
//! The types are plain data: only `read.rs`, `job_file.rs` and `job_log.rs` know the store and the scheduler's state.

mod job_file;
mod job_log;
mod read;
pub mod timeline;
mod types;

pub use job_file::{JobError, job_file};
pub use job_log::{Failure, JobEvent, JobHistory, failures, job, job_history};
pub use read::{NoSweep, ResultsError, dataset, epochs, examples, measurements, none_yet, read, state};
pub use types::{
    BaselineRow, Example, JobRow, MeasurementRow, RowState, ScoredResult, SplitsAre, SweepHead, SweepResults,
};
