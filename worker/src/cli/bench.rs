//! `worker bench`: how long a step and an evaluation take on this machine.

use super::choice;
use super::table::table;
use crate::bench::{Bench, Measured, Settings, arithmetic, median};
use crate::host;
use crate::new_file::NewFile;
use crate::ops::{InstructionSet, MissingInstructionSet};
use crate::train::TrainError;
use crate::train::device::{self, DeviceError};
use clap::value_parser;
use proto::spec::{Architecture, Convolution, Model, Precision};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Time training steps and evaluations, on made-up images
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Network
    #[arg(long, default_value_t = Architecture::UNet2, value_parser = choice(Architecture::ALL, Architecture::name))]
    architecture: Architecture,
    /// Height and width of the images, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 256, value_parser = value_parser!(u32).range(1..=4096))]
    image_size: u32,
    /// Images per batch
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..=4096))]
    batch_size: u32,
    /// Channels of the first block
    #[arg(long, value_name = "N", default_value_t = 64,
        value_parser = value_parser!(u32).range(1..=i64::from(Model::MAX_WIDTH)))]
    width: u32,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
    /// Floating-point format of the computation
    #[arg(long, default_value_t = Precision::F32, value_parser = choice(Precision::ALL, Precision::name))]
    precision: Precision,
    /// Algorithm for 3x3 convolutions on the CPU
    #[arg(long, default_value_t = Convolution::Auto, value_parser = choice(Convolution::ALL, Convolution::name))]
    convolution: Convolution,
    /// Instruction set on the CPU
    #[arg(long, default_value_t = InstructionSet::Auto, value_parser = choice(InstructionSet::ALL, InstructionSet::name))]
    vectors: InstructionSet,
    /// CPU threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Number of timed steps and of timed evaluations; two untimed ones of each come first
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..=1_000_000))]
    steps: u32,
    /// Write the initial weights to this file, so that another program can start from them
    #[arg(long, value_name = "FILE.safetensors")]
    initial: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Why nothing was timed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The instruction set cannot be used.
    #[error(transparent)]
    Vectors(#[from] MissingInstructionSet),
    /// The network cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The threads cannot be started.
    #[error("cannot start the threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The initial weights cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Initial {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The result cannot be printed.
    #[error("cannot write the result: {0}")]
    Write(#[from] io::Error),
}

impl BenchError {
    /// Whether the user can put it right.
    #[must_use]
    pub fn is_users(&self) -> bool {
        match self {
            Self::Device(_) | Self::Vectors(_) | Self::Initial { .. } => true,
            Self::Train(error) => !matches!(error, TrainError::Tensor(_)),
            Self::Threads(_) | Self::Write(_) => false,
        }
    }
}

/// What is printed; `tests/reference/bench_torch.py` prints the same.
#[derive(Debug, Serialize)]
struct Report {
    by: &'static str,
    architecture: Architecture,
    image_size: u32,
    batch_size: u32,
    width: u32,
    device: String,
    precision: Precision,
    convolution: Convolution,
    vectors: &'static str,
    threads: usize,
    steps: u32,
    /// Median, milliseconds.
    step_ms: f64,
    /// Median, milliseconds.
    evaluate_ms: f64,
    step_images_per_second: f64,
    evaluate_images_per_second: f64,
    /// 10^9 operations a second, counted by the definition of convolutions.
    step_gflops: f64,
    evaluate_gflops: f64,
    /// The same of executed operations, if they are known.
    step_executed_gflops: Option<f64>,
    evaluate_executed_gflops: Option<f64>,
    /// What the process had used at most before it made the network.
    start_memory_mib: Option<f64>,
    peak_memory_mib: Option<f64>,
    first_loss: f64,
    last_loss: f64,
    weights: String,
    /// cuDNN's algorithms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plans: Vec<String>,
    step_times_ms: Vec<f64>,
    evaluate_times_ms: Vec<f64>,
}

/// Takes the steps and prints what they took.
///
/// # Errors
/// If the device cannot be used, the network does not fit, or a file cannot be written.
pub fn run(args: Args) -> Result<(), BenchError> {
    args.vectors.limit()?;
    let device = device::device(&args.device)?;
    let start_memory_mib = host::peak_mib();
    let settings = Settings {
        architecture: args.architecture,
        image_size: args.image_size,
        batch_size: args.batch_size,
        width: args.width,
        precision: args.precision,
        convolution: args.convolution,
        steps: args.steps as usize,
    };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0) as usize).build()?;
    let measured = threads.install(|| -> Result<_, BenchError> {
        let mut bench = Bench::new(&settings, &device)?;
        if let Some(path) = &args.initial {
            write_initial(&bench, path).map_err(|source| BenchError::Initial { path: path.clone(), source })?;
        }
        Ok(bench.run().map_err(TrainError::from)?)
    })?;
    let (step, evaluation) = (arithmetic::step(&settings, &device), arithmetic::evaluation(&settings, &device));
    let Measured { step_ms: step_times_ms, evaluate_ms: evaluate_times_ms, .. } = measured;
    let (step_ms, evaluate_ms) = (median(&step_times_ms), median(&evaluate_times_ms));
    let images = |ms: f64| 1e3 * f64::from(args.batch_size) / ms;
    let gflops = |flop: u64, ms: f64| flop as f64 / ms / 1e6;
    let report = Report {
        by: "worker",
        architecture: args.architecture,
        image_size: args.image_size,
        batch_size: args.batch_size,
        width: args.width,
        device: device::describe(&device),
        precision: args.precision,
        convolution: args.convolution,
        vectors: args.vectors.name(),
        threads: threads.current_num_threads(),
        steps: args.steps,
        step_ms,
        evaluate_ms,
        step_images_per_second: images(step_ms),
        evaluate_images_per_second: images(evaluate_ms),
        step_gflops: gflops(step.direct, step_ms),
        evaluate_gflops: gflops(evaluation.direct, evaluate_ms),
        step_executed_gflops: step.executed.map(|flop| gflops(flop, step_ms)),
        evaluate_executed_gflops: evaluation.executed.map(|flop| gflops(flop, evaluate_ms)),
        start_memory_mib,
        peak_memory_mib: host::peak_mib(),
        first_loss: measured.first_loss,
        last_loss: measured.last_loss,
        weights: format!("blake3:{}", measured.weights),
        plans: device::software(&device)
            .into_iter()
            .chain(device::plans(&device).iter().map(ToString::to_string))
            .collect(),
        step_times_ms,
        evaluate_times_ms,
    };
    let text = if args.json { serde_json::to_string(&report).map_err(io::Error::from)? } else { text(&report) };
    Ok(writeln!(io::stdout(), "{text}")?)
}

fn write_initial(bench: &Bench, path: &Path) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(&bench.network().encode().map_err(io::Error::other)?)?;
    file.keep()
}

/// For people.
fn text(report: &Report) -> String {
    let Report { architecture, image_size, batch_size, width, device, precision, convolution, threads, .. } = report;
    let fixed = |value: f64| format!("{value:.1}");
    let known = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), fixed);
    let row = |name: &str, ms: f64, images: f64, gflops: f64, executed: Option<f64>| {
        [name.to_owned(), format!("{ms:.2}"), fixed(images), fixed(gflops), known(executed)]
    };
    let Report { step_ms, step_images_per_second, step_gflops, step_executed_gflops, .. } = *report;
    let Report { evaluate_ms, evaluate_images_per_second, evaluate_gflops, evaluate_executed_gflops, .. } = *report;
    let rows = [
        row("training step", step_ms, step_images_per_second, step_gflops, step_executed_gflops),
        row("evaluation", evaluate_ms, evaluate_images_per_second, evaluate_gflops, evaluate_executed_gflops),
    ];
    let table = table(["", "median, ms", "images/s", "GFLOP/s", "executed GFLOP/s"], rows, 1..);
    format!(
        "{architecture}, width {width}, {image_size} px, batches of {batch_size}, {precision}, {convolution} convolution\n\
         {device}, threads: {threads}\n\n{table}\n\n\
         peak memory {} MiB, loss {:.6} -> {:.6}\nweights {}",
        known(report.peak_memory_mib),
        report.first_loss,
        report.last_loss,
        report.weights,
    )
}
