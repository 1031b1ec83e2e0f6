//! The coordinator: expands a sweep file into jobs, leases them to workers, keeps their results, makes tables of them.
//!
//! ```text
//!  cli        the command line; one file per subcommand
//!  plan       YAML -> grid -> jobs                                  pure
//!  stats      statistics of lists of numbers                        pure
//!  race       which candidates of a race go on                      pure
//!  scheduler  decides who runs what: decide, apply                  pure
//!  identity   certificates, tokens and their files
//!  store      SQLite: the journal and the result tables             the only writer of the disk
//!  driver     owns scheduler and store; decide -> append -> apply -> reply
//!  serve      tonic services; the only users of wire types here, but for the clients in cli
//!  results    store -> the results of a sweep
//!  analysis   results -> how large differences are -> sentences     pure
//!  tables     results, analysis -> tables -> text                   pure
//!  report     results, analysis -> one page                         pure
//!  text       numbers and plurals for people                        pure
//!  clock      the time of the day
//!  telemetry  what the coordinator counts -> the text of /metrics
//!  outlook    how sweeps and workers stand, in words                pure
//!  analyst    store -> the table that somebody asks for
//!  page       status, analyst -> the live page, for browsers on this machine
//!  screen     news, keys -> the full screen of a terminal            pure
//!  publish    store -> the files of a report
//!  interchange  the files that other programs read: a bundle, TensorBoard, MLflow, W&B    pure
//!  weights    store -> the weights that jobs have kept
//!  salvage    damaged store -> what is sound of it
//!  merge      several stores -> one
//!  rebuild    what both make: a new store of facts and results
//! ```

#![forbid(unsafe_code)]

pub mod analysis;
pub mod analyst;
pub mod cli;
mod clock;
pub mod driver;
pub mod identity;
pub mod interchange;
pub mod merge;
pub mod outlook;
pub mod page;
pub mod plan;
pub mod publish;
pub mod race;
mod rebuild;
pub mod report;
pub mod results;
pub mod salvage;
pub mod scheduler;
pub mod screen;
pub mod serve;
pub mod stats;
pub mod store;
pub mod tables;
pub mod telemetry;
pub mod text;
pub mod weights;
