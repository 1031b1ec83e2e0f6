//! Rows -> statistics -> tables. Pure: knows neither the store nor the wire.
//!
//! ```text
//!  rows --tables, stats--> Table --export--> text
//!  rows --> Observations --comparison, stats--> Analysis: which candidate is better, by how much, and whether that is real
//! ```

pub mod comparison;
pub mod export;
pub mod observations;
pub mod rows;
pub mod stats;
pub mod table;
pub mod tables;
