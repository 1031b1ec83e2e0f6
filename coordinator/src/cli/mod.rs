//! The command line.
//!
//! ```text
//!  commands    one file per subcommand
//!  beside it   what several of them share: where to look, how to start a coordinator and its workers, progress, output, errors
//! ```

pub mod ask;
pub mod asked;
pub mod client;
pub mod commands;
pub mod confirm;
pub mod error;
mod full_screen;
mod hooks;
mod http;
mod interrupt;
mod json;
pub mod local;
pub mod offline;
pub mod output;
mod pace;
pub mod page;
mod pilot;
pub mod progress;
mod protection;
pub mod server;
pub mod shape;
pub mod sweep_file;
pub mod which;
mod working;

pub use error::{CliError, exit};
