//! `coordinator plan FILE`: what a sweep file comes to, before anything runs.
//!
//! ```text
//!  file, folder, pilot, pace --mod--> Outlook --for_people--> sentences and a table
//!                                             --for_programs--> JSON
//! ```

mod for_people;
mod for_programs;

use crate::analysis::comparison::{Design, Options};
use crate::analysis::observations::{DEFAULT_RATIO, ratio};
use crate::cli::local::{self, Inspected};
use crate::cli::pace::{Pace, Time};
use crate::cli::pilot::{Pilot, pilot};
use crate::cli::sweep_file::{self, PlanError};
use crate::cli::{CliError, output};
use crate::plan::{Plan, resolved};
use proto::cost;
use proto::data::Inventory;
use proto::data_folder::name_and_path;
use proto::ids::ContentHash;
use proto::spec::{Scheme, Split, Subset};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

/// Show the candidates of a sweep file, the number of jobs and the arithmetic that they take; train nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  coordinator plan sweep.yaml
  coordinator plan sweep.yaml --data mine=FOLDER    look at the data set too
  coordinator plan sweep.yaml --resolved    the file with every default filled in")]
pub struct Args {
    /// The sweep file (YAML).
    pub file: PathBuf,
    /// Format of the plan
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The same as --format json: docs/json.md describes it
    #[arg(long, conflicts_with_all = ["format", "resolved"])]
    pub json: bool,
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

/// How the plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: all candidates and all seeds.
    Json,
}

/// The standard deviation of differences, and where it is from.
struct Spread {
    sd: f64,
    from: String,
}

/// What is known of a sweep before it runs.
struct Outlook<'a> {
    /// With the sizes that its subsets have, if they are known.
    plan: &'a Plan,
    /// What the data set holds, if a folder was given.
    data: Option<&'a Inspected>,
    spread: Option<Spread>,
    time: Option<Time>,
    design: Design,
    /// Floating-point operations of all jobs.
    flop: f64,
    /// Whether the sizes of the subsets are those of 1,000 cases, as nobody knows how many there are.
    is_nominal: bool,
}

/// Looks at the data set, if a folder was given.
///
/// # Errors
/// If there is no plan, or the data set is not usable.
pub async fn look(args: &Args) -> Result<Option<Inspected>, CliError> {
    if args.data.is_empty() {
        return Ok(None);
    }
    let (plan, _) = sweep_file::load(&args.file)?;
    local::inspect(&args.data, &plan).await.map(Some)
}

/// Runs the subcommand; `data` is what the data set holds, if that is known.
///
/// # Errors
/// If there is no plan, the pilot cannot be read, or there is nowhere to write the plan.
pub fn run(args: Args, data: Option<&Inspected>, out: &mut dyn Write) -> Result<(), CliError> {
    let (mut plan, text) = sweep_file::load(&args.file)?;
    if args.resolved {
        let resolved = resolved(&args.file.display().to_string(), &text).map_err(PlanError::from)?;
        return output::quietly(out.write_all(resolved.as_bytes()));
    }
    let known = data.map(|data| data.split).or_else(|| made(&plan));
    if let Some(split) = known {
        plan.candidates.iter_mut().for_each(|candidate| candidate.template.split = split);
    }
    let outlook = Outlook {
        plan: &plan,
        data,
        spread: spread(&args)?,
        time: time(&args, &plan)?,
        design: design(&plan, data),
        flop: total_flop(&plan),
        is_nominal: known.is_none() && plan.sizes.is_some(),
    };
    output::quietly(match args.format {
        Format::Table if !args.json => for_people::write(&outlook, args.power, out),
        Format::Table | Format::Json => for_programs::write(&outlook, out),
    })
}

/// The first split of images that the workers make.
fn made(plan: &Plan) -> Option<Split> {
    let data = Inventory::new(ContentHash(0), plan.dataset.synthetic?.ids());
    plan.split(0, &plan.dataset.lists.on(data).ok()?).ok()
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

/// What decides how small a difference the sweep tells apart.
fn design(plan: &Plan, data: Option<&Inspected>) -> Design {
    let splits: BTreeSet<u64> = plan.replicates.iter().map(|seeds| seeds.split_seed).collect();
    let split = plan.drawn();
    let reported = match plan.objective.reported(&split) {
        Subset::Test => split.test,
        Subset::Train | Subset::Validation => split.validation,
    };
    // of a folder at which nobody has looked the number of cases is not known; sizes that depend on it are those of 1,000 cases
    let cases = data.map(|data| data.summary.cases).or(plan.dataset.synthetic.map(|synthetic| synthetic.cases));
    let pool = match (split.scheme, cases) {
        (Scheme::Rotation, _) => Some(split.total() as usize),
        (_, None) => plan.sizes.map(|_| 1000),
        (_, Some(cases)) => Some(cases as usize),
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

fn total_flop(plan: &Plan) -> f64 {
    let replicate: f64 = plan.candidates.iter().map(|candidate| cost::job_flop(&candidate.template)).sum();
    replicate * plan.replicates.len() as f64
}

/// A standard deviation.
fn sd(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|sd: &f64| sd.is_finite() && *sd > 0.0);
    number.ok_or_else(|| "give a number above 0, in units of the score".to_owned())
}
