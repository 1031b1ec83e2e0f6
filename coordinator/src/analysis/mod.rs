//! Rows -> statistics -> tables. Pure: knows neither the store nor the wire.
//!
//! ```text
//!  rows --tables, stats--> Table --export--> text
//!  marks --racing--> Look --looks--> Table
//! ```

pub mod export;
pub mod looks;
pub mod racing;
pub mod rows;
pub mod stats;
pub mod table;
pub mod tables;
