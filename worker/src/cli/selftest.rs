//! `worker selftest`: does this machine compute what it should?

use super::choice;
use super::table::table as table_of;
use crate::ops::{InstructionSet, MissingInstructionSet, Planned};
use crate::selftest::{self, Size};
use crate::train::device::{self, DeviceError};
use clap::value_parser;
use std::io::{self, Write};

/// Check every operation and gradient of a device against simple loops on the CPU
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to check: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// Instruction set on the CPU
    #[arg(long, default_value_t = InstructionSet::Auto, value_parser = choice(InstructionSet::ALL, InstructionSet::name))]
    vectors: InstructionSet,
    /// Also check with images, networks and batches of the size of a real training, given by the options below
    #[arg(long)]
    full: bool,
    /// With `--full`: height and width of the images; an odd number is raised by one
    #[arg(long, value_name = "PIXELS", default_value_t = 256, requires = "full", value_parser = value_parser!(u32).range(2..=4096))]
    image_size: u32,
    /// With `--full`: channels of the first block
    #[arg(long, value_name = "CHANNELS", default_value_t = 64, requires = "full", value_parser = value_parser!(u32).range(1..=1024))]
    width: u32,
    /// With `--full`: images per batch
    #[arg(long, value_name = "IMAGES", default_value_t = 10, requires = "full", value_parser = value_parser!(u32).range(1..=1024))]
    batch_size: u32,
}

/// Why a device did not pass.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The instruction set cannot be used.
    #[error(transparent)]
    Vectors(#[from] MissingInstructionSet),
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
    let size = Size {
        image_size: args.image_size.next_multiple_of(2) as usize,
        width: args.width as usize,
        batch_size: args.batch_size as usize,
    };
    let rows = selftest::run(&device, args.full.then_some(size))?;
    let plans = device::plans(&device);
    let refused: Vec<_> = plans.into_iter().filter(|plan| !plan.refused.is_empty()).collect();
    let device = [Some(device::describe(&device)), device::software(&device)];
    let device = device.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let cells = rows.iter().map(|row| {
        let (error, limit) = (format!("{:.1e}", row.error), format!("{:.0e}", row.limit));
        let verdict = if row.is_ok() { "ok" } else { "WRONG" };
        [row.operation.clone(), row.part.to_owned(), row.algorithm.to_owned(), error, limit, verdict.to_owned()]
    });
    let table = table_of(["operation", "part", "algorithm", "error", "limit", ""], cells, 3..);
    let (count, failed) = (rows.len(), rows.iter().filter(|row| !row.is_ok()).count());
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{device}\n\n{table}\n")?;
    if !refused.is_empty() {
        let cells = refused.into_iter().map(|plan| {
            let Planned { convolution, pass, algorithm, refused, .. } = plan;
            [convolution, pass, algorithm, refused.join(", ")]
        });
        let table = table_of(["convolution", "pass", "algorithm", "cuDNN refused"], cells, 4..);
        writeln!(stdout, "{table}\n")?;
    }
    if failed > 0 {
        return Err(SelfTestError::Mismatch { failed, count, device });
    }
    Ok(writeln!(stdout, "all {count} checks passed")?)
}
