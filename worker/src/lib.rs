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
//!    augment   training images, changed at random
//!    postprocess  predicted masks, cleaned up; distance to the nearest pixel of a set
//!    data    folders and files -> cases -> splits
//!  predict   weights and images -> segmentations
//!  weights   a network's weights as a file; tensor_file  tensors and what they are, sealed
//!  memory    the allocator; host  memory of this host and this process; nvml  what GPUs say of themselves
//!  seed      named random streams
//!  new_file  files that appear whole
//! ```

#![deny(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]

// the tests of CUDA share a module with those of the package
#[cfg(all(test, feature = "cudnn"))]
extern crate self as worker;

pub mod agent;
pub mod augment;
pub mod bench;
pub mod cli;
pub mod data;
mod distance;
pub mod host;
pub mod losses;
#[expect(unsafe_code, reason = "the allocator takes its options in C")]
pub mod memory;
pub mod metrics;
pub mod models;
mod new_file;
pub mod nvml;
#[expect(unsafe_code, reason = "kernels handle registers, memory that was not written yet, and CUDA")]
pub mod ops;
pub mod optimizers;
pub mod postprocess;
pub mod predict;
pub mod seed;
pub mod selftest;
pub mod tensor_file;
pub mod train;
pub mod trainer;
pub mod weights;
