//! Rows -> statistics -> tables and words. Pure: knows neither the store nor the wire.
//!
//! ```text
//!  rows of a sweep --observe--+--> Observations --comparison, stats--> Analysis --standing--+--tables--> Table --export--> text
//!  CSV of a tool --import-----+                                                             +--words---> sentences
//!  rows of a sweep --tables--> Table: jobs, cases, measurements
//!  marks --racing--> Look --tables--> Table
//! ```

pub mod comparison;
pub mod export;
pub mod import;
pub mod observations;
pub mod observe;
pub mod racing;
pub mod report;
pub mod rows;
pub mod standing;
pub mod stats;
pub mod table;
pub mod tables;
pub mod text;
pub mod words;
