//! The coordinator: expands a sweep file into jobs, leases them to workers, keeps their results, makes tables of them.
//!
//! ```text
//!  cli        one file a subcommand
//!  plan       YAML -> grid -> jobs                                  pure
//!  scheduler  decides who runs what: decide, apply                  pure
//!  identity   certificates, tokens and their files
//!  store      SQLite: the journal and the result tables             the only writer of the disk
//!  driver     owns scheduler and store; decide -> append -> apply -> reply
//!  serve      tonic services; the only users of wire types here, but for the clients in cli
//!  analysis   rows -> statistics -> tables                          pure
//!  query      store -> rows
//!  salvage    damaged store -> what is sound of it
//! ```

pub mod analysis;
pub mod cli;
pub mod driver;
pub mod identity;
pub mod plan;
pub mod query;
pub mod race;
pub mod report;
pub mod results;
pub mod salvage;
pub mod scheduler;
pub mod serve;
pub mod stats;
pub mod store;
pub mod tables;
pub mod text;
