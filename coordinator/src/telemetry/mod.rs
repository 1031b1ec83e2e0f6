//! What the coordinator counts while it runs, and all its numbers in the text that Prometheus reads (OpenMetrics).
//!
//! ```text
//!  driver, serve --count--> Telemetry --\
//!                                        > exposition --> GET /metrics
//!  driver --publishes--> Status --------/
//!  driver --what jobs did--> Traces --> a collector of OpenTelemetry, if one is named
//! ```
//!
//! Nobody who reads metrics asks the driver. To count takes an atomic, or a lock that a reader holds for no longer than it takes to write a
//! histogram. No label grows with candidates, jobs, replicates or messages; sweeps and workers are limited in number.

mod exposition;
mod meters;
mod traces;

pub use exposition::{MAX_SWEEPS, Standing, exposition};
pub use meters::{SweepMeter, Telemetry};
pub use traces::{EndedAttempt, Epoch, Told, Traces, TracesError};

#[cfg(test)]
mod tests;
