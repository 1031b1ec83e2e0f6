//! `coordinator plan FILE`: what a sweep file comes to, before anything runs.

use crate::analysis::export::{self, Format as TableFormat};
use crate::analysis::table::{Cell, Column, Kind, Table};
use crate::analysis::text::{counted, replicates};
use crate::plan::{Candidate, Objective, Plan, Rule, Stopping, parse, resolved};
use proto::cost;
use proto::data::Dataset;
use proto::file::{FileKind, LoadError, Mistakes, load as load_text};
use proto::spec::{Convolution, JobSpec, Precision, Seeds, Stratify};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Maximum number of seeds that are listed for people.
const MAX_SEEDS: usize = 12;
/// Maximum number of candidates that are listed for people.
const MAX_LISTED: usize = 50;

/// Show the jobs of a sweep file, their parameters and their arithmetic; run nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep file (YAML).
    pub file: PathBuf,
    /// How the plan is shown.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Print the sweep file with every default filled in instead
    #[arg(long, conflicts_with = "format")]
    pub resolved: bool,
}

/// How the plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: all candidates and all seeds.
    Json,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read, or is not text.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file is not a valid sweep file.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// The plan could not be written.
    #[error("the plan cannot be written")]
    Write(#[source] io::Error),
}

impl PlanError {
    /// The exit code: 2 for what the user can put right, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Load(_) | Self::Mistakes(_) => 2,
            Self::Write(_) => 1,
        }
    }
}

/// Reads and expands a sweep file; returns the plan and the file's text.
///
/// # Errors
/// If the file cannot be read, or is not a valid sweep file.
pub fn load(path: &Path) -> Result<(Plan, String), PlanError> {
    let text = load_text(path, FileKind::Sweep)?;
    let plan = parse(&path.display().to_string(), &text)?;
    Ok((plan, text))
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no plan, or nowhere to write it.
pub fn run(args: Args, out: &mut dyn Write) -> Result<(), PlanError> {
    let (plan, text) = load(&args.file)?;
    let written = match args.format {
        _ if args.resolved => out.write_all(resolved(&args.file.display().to_string(), &text)?.as_bytes()),
        Format::Table => write_table(&plan, out),
        Format::Json => write_json(&plan, out),
    };
    match written {
        // the reader wants to see no more
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(PlanError::Write),
    }
}

fn write_table(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let candidates = plan.candidates.len();
    let [jobs, rows, columns] = [(plan.jobs(), "job"), (candidates, "candidate"), (plan.replicates.len(), "replicate")]
        .map(|(count, word)| counted(count as u64, word));
    writeln!(out, "{}: {jobs} = {rows} x {columns}\n", plan.sweep)?;
    for (name, value) in protocol(plan) {
        writeln!(out, "{name:<12}{value}")?;
    }
    writeln!(out)?;
    out.write_all(&export::render(&grid(plan), TableFormat::Table)?)?;
    if candidates > MAX_LISTED {
        writeln!(out, "... and {} more", candidates - MAX_LISTED)?;
    }
    writeln!(out, "\narithmetic of all jobs: {}", flop(total_flop(plan)))
}

/// What the candidates have in common.
fn protocol(plan: &Plan) -> Vec<(&'static str, String)> {
    let Some(job) = plan.candidates.first().map(|candidate| &candidate.template) else { return Vec::new() };
    let JobSpec { split, training, .. } = job;
    let images = match &plan.dataset.synthetic {
        Some(synthetic) => format!("{} synthetic cases", synthetic.cases),
        None => plan.dataset.format.name().to_owned(),
    };
    let side = job.data.image_size;
    // what varies stands in the grid
    let fixed = |axis: &str, text: String| (!plan.axes.iter().any(|name| name == axis)).then_some(text);
    let training = [
        fixed("training.epochs", format!("{} epochs", training.epochs)),
        fixed("training.batch_size", format!("batches of {}", training.batch_size)),
        fixed("training.optimizer", training.optimizer.to_string()),
        fixed("training.initialization", format!("{} initialization", training.initialization)),
        fixed("model.width", format!("width {}", job.model.width)),
        // the usual ways to compute go without saying
        fixed("training.convolution", format!("{} convolution", training.convolution))
            .filter(|_| training.convolution != Convolution::default()),
        fixed("training.precision", training.precision.to_string())
            .filter(|_| training.precision != Precision::default()),
    ];
    let training: Vec<_> = training.into_iter().flatten().collect();
    let objective = &plan.objective;
    let mut lines = vec![
        ("data set", format!("{} ({images}), {side} x {side} pixels", plan.dataset.name)),
        (
            "split",
            format!(
                "{} train, {} validation, {} test, {}{}",
                split.train,
                split.validation,
                split.test,
                split.scheme,
                if split.stratify == Stratify::None { String::new() } else { format!(", by {}", split.stratify) }
            ),
        ),
        ("training", training.join(", ")),
        (
            "objective",
            format!("{} of the {} subset, {} epoch", objective.metric, objective.reported(split), objective.epoch),
        ),
        ("replicates", replicates(&plan.replicates, MAX_SEEDS)),
    ];
    let artifacts = &plan.artifacts;
    if artifacts.examples > 0 && artifacts.replicates > 0 {
        let jobs = match artifacts.replicates {
            1 => "each candidate's first job".to_owned(),
            replicates => format!("each of a candidate's first {replicates} jobs"),
        };
        lines.push(("pictures", format!("{} of {jobs}", artifacts.examples)));
    }
    lines.extend(plan.stopping.as_ref().map(stopping));
    lines
}

/// When candidates are looked at, and what stops them.
fn stopping(stopping: &Stopping) -> (&'static str, String) {
    let looks = &stopping.looks;
    let listed = looks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match stopping.rule {
        Rule::Race { alpha } => ("race", format!("looks after {listed} replicates, alpha {alpha}")),
        Rule::Until { half_width } => ("until", format!("half width {half_width}, looks after {listed} replicates")),
    }
}

/// The first candidates, with what a job of each costs.
fn grid(plan: &Plan) -> Table {
    let axis = |(index, name): (usize, &String)| {
        let value = plan.candidates.iter().find_map(|candidate| candidate.values[index].as_ref());
        Column::new(name, Kind::of(value))
    };
    let mut columns: Vec<_> = plan.axes.iter().enumerate().map(axis).collect();
    columns.extend([
        Column::new("parameters", Kind::Exact),
        Column::new("per image", Kind::Exact),
        Column::new("per job", Kind::Exact),
    ]);
    let rows = plan.candidates.iter().take(MAX_LISTED).map(|candidate| {
        let job = &candidate.template;
        let mut row: Vec<_> = candidate.values.iter().map(|value| Cell::from(value.as_ref())).collect();
        let forward = cost::forward_flop(job.architecture, job.model.width, job.data.image_size);
        row.push(cost::parameters(job.architecture, job.model.width).into());
        row.extend([Cell::Text(flop(forward as f64)), Cell::Text(flop(cost::job_flop(job)))]);
        row
    });
    let rows = rows.collect();
    Table { rows_name: "candidates", title: "candidates".to_owned(), columns, rows, ..Table::default() }
}

fn total_flop(plan: &Plan) -> f64 {
    let replicate: f64 = plan.candidates.iter().map(|candidate| cost::job_flop(&candidate.template)).sum();
    replicate * plan.replicates.len() as f64
}

/// A number of operations with a unit.
fn flop(number: f64) -> String {
    let units = [("EFLOP", 1e18), ("PFLOP", 1e15), ("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6)];
    let (unit, size) = units.into_iter().find(|(_, size)| number >= *size).unwrap_or(("FLOP", 1.0));
    format!("{:.1} {unit}", number / size)
}

/// The plan for programs.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    sweep: &'a str,
    jobs: usize,
    /// Floating-point operations of all jobs.
    flop: f64,
    dataset: &'a Dataset,
    objective: &'a Objective,
    axes: &'a [String],
    candidates: Vec<Row<'a>>,
    replicates: &'a [Seeds],
}

/// A candidate, and what a job of it costs.
#[derive(Serialize)]
struct Row<'a> {
    values: Vec<Cell>,
    parameters: u64,
    forward_flop_per_image: u64,
    flop_per_job: f64,
    template: &'a JobSpec,
}

impl<'a> Row<'a> {
    fn of(candidate: &'a Candidate) -> Self {
        let job = &candidate.template;
        Self {
            values: candidate.values.iter().map(|value| Cell::from(value.as_ref())).collect(),
            parameters: cost::parameters(job.architecture, job.model.width),
            forward_flop_per_image: cost::forward_flop(job.architecture, job.model.width, job.data.image_size),
            flop_per_job: cost::job_flop(job),
            template: job,
        }
    }
}

fn write_json(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: "splitsweep.plan/1",
        sweep: &plan.sweep,
        jobs: plan.jobs(),
        flop: total_flop(plan),
        dataset: &plan.dataset,
        objective: &plan.objective,
        axes: &plan.axes,
        candidates: plan.candidates.iter().map(Row::of).collect(),
        replicates: &plan.replicates,
    };
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}
