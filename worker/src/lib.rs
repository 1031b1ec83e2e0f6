//! The worker: leases jobs from a coordinator and trains them.
//!
//! ```text
//!  cli       one file a subcommand
//!  agent     registers, synchronises, reports            async; knows leases, not tensors
//!    | pipe
//!  trainer   the child process: a job in, results out    knows tensors, not leases
//!    train   fit, evaluate, verdict                      from here on no gRPC, jobs, leases or async
//!    bench   steps and evaluations, timed
//!    selftest  operations against plain loops
//!      models, losses, metrics, optimizers
//!        ops feature maps, forward and backward
//!    data    folders and files -> cases -> splits
//!  memory    the allocator
//!  seed      named random streams
//!  new_file  files that appear whole
//! ```

pub mod agent;
pub mod bench;
pub mod cli;
pub mod data;
pub mod losses;
pub mod memory;
pub mod metrics;
pub mod models;
mod new_file;
pub mod ops;
pub mod optimizers;
pub mod seed;
pub mod selftest;
pub mod train;
pub mod trainer;
