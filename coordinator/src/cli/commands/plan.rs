//! `coordinator plan FILE`: what a sweep file comes to, before anything runs.

use crate::cli::sweep_file::{self, PlanError};
use crate::plan::{Candidate, Objective, Plan, Rule, Stopping, resolved};
use crate::tables::export::{self, Format as TableFormat};
use crate::tables::table::{Cell, Column, Kind, Table};
use crate::text::{flop, plural, seeds};
use proto::cost;
use proto::data::Dataset;
use proto::spec::{Convolution, JobSpec, Precision, Seeds, Stratify};
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Maximum number of seeds that are listed for people.
const MAX_SEEDS: usize = 12;
/// Maximum number of candidates that are listed for people.
const MAX_LISTED: usize = 50;

/// Show the candidates of a sweep file, the number of jobs and the arithmetic that they take; train nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep file (YAML).
    pub file: PathBuf,
    /// Format of the plan
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

/// Runs the subcommand.
///
/// # Errors
/// If there is no plan, or nowhere to write it.
pub fn run(args: Args, out: &mut dyn Write) -> Result<(), PlanError> {
    let (plan, text) = sweep_file::load(&args.file)?;
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
        .map(|(count, word)| plural(count as u64, word));
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
        ("replicates", seeds(&plan.replicates, MAX_SEEDS)),
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
    candidates: Vec<CandidateCost<'a>>,
    replicates: &'a [Seeds],
}

/// A candidate, and what a job of it costs.
#[derive(Serialize)]
struct CandidateCost<'a> {
    values: Vec<Cell>,
    parameters: u64,
    forward_flop_per_image: u64,
    flop_per_job: f64,
    template: &'a JobSpec,
}

impl<'a> CandidateCost<'a> {
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
        candidates: plan.candidates.iter().map(CandidateCost::of).collect(),
        replicates: &plan.replicates,
    };
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}
