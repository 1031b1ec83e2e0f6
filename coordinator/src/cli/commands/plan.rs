//! `coordinator plan FILE`: what a sweep file comes to, before anything runs.

use crate::analysis::comparison::Options;
use crate::analysis::comparison::{Design, Detectable};
use crate::analysis::foresight::sentences;
use crate::analysis::observations::{DEFAULT_RATIO, ratio};
use crate::cli::pace::{Pace, Time};
use crate::cli::pilot::{Pilot, pilot};
use crate::cli::sweep_file::{self, PlanError};
use crate::cli::{CliError, local, output};
use crate::plan::{Candidate, Objective, Plan, Rule, Stopping, resolved};
use crate::tables;
use crate::tables::export::{self, Format as TableFormat};
use crate::tables::table::{Cell, Column, Kind, Table};
use crate::text::{flop, measured, plural, seeds};
use proto::cost;
use proto::data::{Dataset, Format as DatasetFormat, Summary};
use proto::data_folder::name_and_path;
use proto::sizes::Size;
use proto::spec::{Convolution, JobSpec, Precision, Scheme, Seeds, Stratify, Subset};
use serde::Serialize;
use std::collections::BTreeSet;
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
    /// Add a table: which differences other numbers of splits tell apart
    #[arg(long, conflicts_with = "resolved")]
    pub power: bool,
    /// Standard deviation, over splits, of the difference of two candidates: then differences are in units of the score
    #[arg(long, value_name = "SD", value_parser = sd, conflicts_with_all = ["pilot", "resolved"])]
    pub sd: Option<f64>,
    /// An older sweep, or a CSV as `analyze` reads it, to take that standard deviation from
    #[arg(long, value_name = "STORE|FILE.csv", conflicts_with = "resolved")]
    pub pilot: Option<PathBuf>,
    /// Say how long it takes, by past jobs in this store
    #[arg(long, value_name = "STORE", conflicts_with = "resolved")]
    pub store: Option<PathBuf>,
    /// Say how long it takes, by the output of `worker bench --json`
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["store", "resolved"])]
    pub bench: Option<PathBuf>,
    /// Number of workers for that
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub workers: u32,
    /// The sweep of the pilot's store [default: the one submitted last]
    #[arg(long, value_name = "SWEEP", default_value = "", hide_default_value = true, requires = "pilot")]
    pub pilot_sweep: String,
    /// Folder of the data set: a worker looks at it, and the plan says what it holds
    #[arg(long, value_name = "NAME=PATH", value_parser = name_and_path, conflicts_with = "resolved")]
    pub data: Vec<(String, PathBuf)>,
}

/// The standard deviation of differences, and where it is from.
struct Spread {
    sd: f64,
    from: String,
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

/// Looks at the data set, if a folder was given.
///
/// # Errors
/// If there is no plan, or the data set is not usable.
pub async fn look(args: &Args) -> Result<Option<Summary>, CliError> {
    if args.data.is_empty() {
        return Ok(None);
    }
    let (plan, _) = sweep_file::load(&args.file)?;
    local::inspect(&args.data, &plan).await.map(|found| Some(found.summary))
}

/// Runs the subcommand; `data` is what the data set holds, if that is known.
///
/// # Errors
/// If there is no plan, the pilot cannot be read, or there is nowhere to write the plan.
pub fn run(args: Args, data: Option<&Summary>, out: &mut dyn Write) -> Result<(), CliError> {
    let (plan, text) = sweep_file::load(&args.file)?;
    if args.resolved {
        let resolved = resolved(&args.file.display().to_string(), &text).map_err(PlanError::from)?;
        return output::quietly(out.write_all(resolved.as_bytes()));
    }
    let spread = spread(&args)?;
    let time = time(&args, &plan)?;
    output::quietly(match args.format {
        Format::Table => write_table(&plan, data, spread.as_ref(), time.as_ref(), args.power, out),
        Format::Json => write_json(&plan, data, spread.as_ref(), time.as_ref(), out),
    })
}

/// How long it takes, if somebody says by what pace.
fn time(args: &Args, plan: &Plan) -> Result<Option<Time>, CliError> {
    let pace = match (&args.store, &args.bench) {
        (Some(store), _) => Pace::of_store(store)?,
        (None, Some(bench)) => Pace::of_bench(bench)?,
        (None, None) => return Ok(None),
    };
    Ok(Some(pace.time(plan, args.workers)))
}

/// How much differences vary, if that is known.
fn spread(args: &Args) -> Result<Option<Spread>, CliError> {
    let Some(path) = &args.pilot else {
        return Ok(args.sd.map(|sd| Spread { sd, from: "given".to_owned() }));
    };
    let Pilot { metric, sd } = pilot(path, &args.pilot_sweep)?;
    Ok(Some(Spread { sd, from: format!("typical of {metric} in {}", path.display()) }))
}

fn write_table(
    plan: &Plan,
    data: Option<&Summary>,
    spread: Option<&Spread>,
    time: Option<&Time>,
    with_power: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let candidates = plan.candidates.len();
    let [jobs, rows, columns] = [(plan.jobs(), "job"), (candidates, "candidate"), (plan.replicates.len(), "replicate")]
        .map(|(count, word)| plural(count as u64, word));
    writeln!(out, "{}: {jobs} = {rows} x {columns}\n", plan.sweep)?;
    for (name, value) in protocol(plan) {
        writeln!(out, "{name:<12}{value}")?;
    }
    write_data(plan, data, out)?;
    writeln!(out)?;
    out.write_all(&export::render(&grid(plan), TableFormat::Table)?)?;
    if candidates > MAX_LISTED {
        writeln!(out, "... and {} more", candidates - MAX_LISTED)?;
    }
    writeln!(out, "\narithmetic of all jobs: {}", flop(total_flop(plan)))?;
    if let Some(time) = time {
        writeln!(out, "time: {}", time.sentence())?;
    }
    let design = design(plan, data);
    let sentences = sentences(&design, spread.map(|spread| spread.sd));
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nleast true difference told apart four times in five")?;
    sentences.iter().try_for_each(|sentence| writeln!(out, "  {sentence}"))?;
    let told = design.with(design.splits);
    if with_power || spread.is_some() || told.this_pool.or(told.new_data).is_some() {
        let known = spread.map_or_else(String::new, |Spread { sd, from }| format!(" = {} ({from})", measured(*sd)));
        writeln!(out, "  sd{known}: standard deviation of the difference of two candidates, over splits")?;
    }
    if with_power {
        writeln!(out)?;
        out.write_all(&export::render(&tables::foresight(&design), TableFormat::Table)?)?;
    }
    Ok(())
}

/// What the data set holds, if that is known.
fn write_data(plan: &Plan, data: Option<&Summary>, out: &mut dyn Write) -> io::Result<()> {
    let Some(summary) = data.filter(|_| plan.dataset.format != DatasetFormat::Synthetic) else { return Ok(()) };
    writeln!(out, "{:<12}{}", "cases", summary.cases)?;
    for fact in summary.facts() {
        let (topic, sentence) = fact.split_once(": ").unwrap_or(("", &fact));
        writeln!(out, "{topic:<12}{sentence}")?;
    }
    summary.warnings().iter().try_for_each(|warning| writeln!(out, "warning: {warning}"))
}

/// What decides how small a difference the sweep tells apart.
fn design(plan: &Plan, data: Option<&Summary>) -> Design {
    let splits: BTreeSet<u64> = plan.replicates.iter().map(|seeds| seeds.split_seed).collect();
    let split = plan.drawn();
    let reported = match plan.objective.reported(&split) {
        Subset::Test => split.test,
        Subset::Train | Subset::Validation => split.validation,
    };
    // of a folder at which nobody has looked the number of cases is not known; sizes that depend on it are those of 1,000 cases
    let cases = data.map(|data| data.cases).or(plan.dataset.synthetic.map(|synthetic| synthetic.cases));
    let pool = match (split.scheme, &plan.sizes) {
        (Scheme::Rotation, _) => Some(split.total() as usize),
        (_, Some(_)) => Some(1000),
        (_, None) => cases.map(|cases| cases as usize),
    };
    let ratio = ratio(reported, split.train, pool);
    let Options { alpha, power, .. } = Options::default();
    let candidates = plan.candidates.len();
    Design {
        splits: splits.len(),
        pairs: candidates * candidates.saturating_sub(1) / 2,
        ratio: ratio.unwrap_or(DEFAULT_RATIO),
        alpha,
        power,
    }
}

/// How replicates are divided.
fn subsets(plan: &Plan) -> String {
    let (split, lists) = (plan.drawn(), &plan.dataset.lists);
    let [train, validation, test] = match &plan.sizes {
        Some(sizes) => [sizes.train, sizes.validation, sizes.test],
        None => [split.train, split.validation, split.test].map(Size::Cases),
    };
    let text = match split.scheme {
        Scheme::File => format!("{} listed splits", lists.partitions.len()),
        Scheme::KFold => {
            format!("{} folds, one of which is tested, {validation} validation, the rest train", split.folds)
        }
        _ if lists.fixed_test.is_some() => format!("{train} train, {validation} validation, fixed test cases, random"),
        scheme => format!("{train} train, {validation} validation, {test} test, {scheme}"),
    };
    let by = if split.stratify == Stratify::None { String::new() } else { format!(", by {}", split.stratify) };
    text + &by + if lists.groups.is_some() { ", groups together" } else { "" }
}

/// A standard deviation.
fn sd(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|sd: &f64| sd.is_finite() && *sd > 0.0);
    number.ok_or_else(|| "give a number above 0, in units of the score".to_owned())
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
        ("split", subsets(plan)),
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
    /// How long they take, if a pace was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a Time>,
    dataset: &'a Dataset,
    /// What the data set holds, if a folder was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Summary>,
    objective: &'a Objective,
    axes: &'a [String],
    candidates: Vec<CandidateCost<'a>>,
    replicates: &'a [Seeds],
    power: PowerOfPlan,
}

/// What the sweep will tell apart.
#[derive(Serialize)]
struct PowerOfPlan {
    alpha: f64,
    power: f64,
    /// Test cases by the other cases of the pool, or by training cases.
    ratio: f64,
    /// Standard deviation of a pair's differences, in units of the score, if it is known.
    sd: Option<f64>,
    /// In standard deviations, by number of splits, that of the plan among them.
    told_apart: Vec<Detectable>,
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

fn write_json(
    plan: &Plan,
    data: Option<&Summary>,
    spread: Option<&Spread>,
    time: Option<&Time>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let design = design(plan, data);
    let document = Document {
        schema: "splitsweep.plan/1",
        sweep: &plan.sweep,
        jobs: plan.jobs(),
        flop: total_flop(plan),
        time,
        dataset: &plan.dataset,
        data,
        objective: &plan.objective,
        axes: &plan.axes,
        candidates: plan.candidates.iter().map(CandidateCost::of).collect(),
        replicates: &plan.replicates,
        power: PowerOfPlan {
            alpha: design.alpha,
            power: design.power,
            ratio: design.ratio,
            sd: spread.map(|spread| spread.sd),
            told_apart: design.table(),
        },
    };
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}
