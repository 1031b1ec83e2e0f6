//! The command line: one file a subcommand, and what they share.

pub mod analyze;
pub mod cancel;
pub mod certs;
pub mod client;
pub mod error;
pub mod job;
pub mod jobs;
pub mod local;
pub mod output;
pub mod plan;
pub mod progress;
mod protection;
pub mod report;
pub mod run;
pub mod serve;
pub mod server;
pub mod status;
pub mod store;
pub mod submit;
pub mod tables;
pub mod watch;

pub use error::{CliError, exit};
