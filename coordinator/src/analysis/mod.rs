//! Scores -> how large the differences are -> what may be said of them. Pure: knows neither the store, the wire, nor a table.
//!
//! ```text
//!  results of a sweep --from_results--+--> Observations --comparison--> Analysis --+--versus_best--> the best, against each other one
//!  CSV of any tool ------from_csv-----+                                            +--answer-------> sentences
//! ```

pub mod answer;
pub mod comparison;
pub mod foresight;
pub mod observations;
pub mod versus_best;
