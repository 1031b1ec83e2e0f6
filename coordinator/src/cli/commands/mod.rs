//! The subcommands, one file each: its arguments, and `run`.

pub mod analyze;
pub mod cancel;
pub mod certs;
pub mod delete;
pub mod export;
pub mod extend;
pub mod job;
pub mod jobs;
pub mod log;
pub mod page;
pub mod plan;
pub mod report;
pub mod retry;
pub mod run;
pub mod serve;
pub mod status;
pub mod store;
pub mod submit;
pub mod tables;
pub mod watch;
pub mod weights;
