//! Rows -> statistics -> tables. Pure: knows neither the store nor the wire.
//!
//! ```text
//!  rows --tables, stats--> Table --export--> text
//! ```

pub mod export;
pub mod rows;
pub mod stats;
pub mod table;
pub mod tables;
