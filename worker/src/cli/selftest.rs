//! `worker selftest`: does this machine compute what it should?

use super::choice;
use super::table::table;
use crate::ops::{NoVectors, Vectors};
use crate::selftest;
use crate::train::device::{self, DeviceError};
use std::io::{self, Write};

/// Check every operation and gradient on a device against plain loops
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to check: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// Instruction set on the CPU
    #[arg(long, default_value_t = Vectors::Auto, value_parser = choice(Vectors::ALL, Vectors::name))]
    vectors: Vectors,
}

/// Why a device did not pass.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The instruction set cannot be used.
    #[error(transparent)]
    Vectors(#[from] NoVectors),
    /// An operation cannot be run.
    #[error("an operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// Results are wrong.
    #[error("{failed} of {count} checks failed: do not train on {device}")]
    Mismatch {
        /// How many.
        failed: usize,
        /// Of how many.
        count: usize,
        /// The device in words.
        device: String,
    },
    /// The result cannot be printed.
    #[error("cannot write the result: {0}")]
    Write(#[from] io::Error),
}

/// Runs all checks and prints them.
///
/// # Errors
/// If a result is wrong, an operation cannot be run, or the device cannot be used.
pub fn run(args: Args) -> Result<(), SelfTestError> {
    args.vectors.limit()?;
    let device = device::device(&args.device)?;
    let rows = selftest::run(&device)?;
    let device = device::describe(&device);
    let cells = rows.iter().map(|row| {
        let (error, limit) = (format!("{:.1e}", row.error), format!("{:.0e}", row.limit));
        let verdict = if row.is_ok() { "ok" } else { "WRONG" };
        [row.operation.clone(), row.part.to_owned(), row.algorithm.to_owned(), error, limit, verdict.to_owned()]
    });
    let table = table(["operation", "part", "algorithm", "error", "limit", ""], cells, 3..);
    let (count, failed) = (rows.len(), rows.iter().filter(|row| !row.is_ok()).count());
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{device}\n\n{table}\n")?;
    if failed > 0 {
        return Err(SelfTestError::Mismatch { failed, count, device });
    }
    Ok(writeln!(stdout, "all {count} checks passed")?)
}
