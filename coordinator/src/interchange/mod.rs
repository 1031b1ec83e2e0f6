//! The results of a sweep for other programs. Pure: bytes in, bytes out; the commands `export` read and write them.
//!
//! ```text
//!  bundle       the files of a report -> a zip to publish, with its README, hashes and RO-Crate metadata
//!  runs         the tables jobs, measurements -> runs, as other tools know them
//!  tensorboard  runs -> event files
//!  mlflow       runs -> what is logged to a server
//!  wandb        runs -> the CSV that W&B exports
//! ```

pub mod bundle;
pub mod mlflow;
pub mod runs;
pub mod tensorboard;
pub mod wandb;
