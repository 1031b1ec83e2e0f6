//! `coordinator analyze`: the analysis of results that another tool made.

use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observations::from_csv::{self, Columns, Direction, Retries};
use crate::analysis::observations::{Candidate, Observations};
use crate::analyst;
use crate::cli::shape::{ShapeArgs, needs_one_table, say_what_is_left_out};
use crate::cli::{CliError, output};
use crate::tables::export::{Format, document, documents};
use crate::tables::table::{Cell, Table};
use crate::tables::{self, About, Analysed};
use std::io::{Write, stderr};
use std::path::PathBuf;

/// Analyse the results of another tool: a CSV with one line per run
///
/// The file has a header, columns that tell candidates apart, a column with the replicate (the split or the seed) and a column with the
/// score. A line without a score is a failed run: it is counted, but not part of the mean. A run may have one line per test case, and a
/// column may say how it ended.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Column with the score, or one per metric [default: `score`, `value`, ..., if there is one such]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub score: Vec<String>,
    /// Column with the replicate, or several: a split and a seed [default: `replicate`, `split`, `fold`, ..., and `seed`, ...]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub replicate: Vec<String>,
    /// Column with the test case, where a run has one line per case [default: `case`, `image`, ..., if there is one such; `none`]
    #[arg(long, value_name = "COLUMN")]
    pub case: Option<String>,
    /// Column that says how a run ended, such as `finished` or `FAIL` [default: `state` or `status`, if there is one; `none`]
    #[arg(long, value_name = "COLUMN")]
    pub state: Option<String>,
    /// Columns that tell candidates apart [default: all others]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub candidate: Vec<String>,
    /// Read only the lines that have this value in this column; several: all of them
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = equation)]
    pub filter: Vec<(String, String)>,
    /// Which line counts where several of one run have finished
    #[arg(long, value_enum, default_value_t)]
    pub retries: Retries,
    /// Number of test cases per training case, such as 0.5 or 50/100 [default: 0.5, with a warning]
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub ratio: Option<Ratio>,
    /// Number of cases that the splits are drawn from: makes the interval for new data narrower where a third subset takes part
    #[arg(long, value_name = "CASES", value_parser = clap::value_parser!(u32).range(2..), requires = "ratio")]
    pub pool: Option<u32>,
    /// Lower scores are better; with names, those of these metrics
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', num_args = 0.., require_equals = true)]
    pub minimize: Option<Vec<String>>,
    /// Greater scores are better, though the metric is named like a loss
    #[arg(long, conflicts_with = "minimize")]
    pub maximize: bool,
    /// Level of tests; intervals have the confidence 1 - ALPHA
    #[arg(long, value_name = "ALPHA", default_value_t = Options::default().alpha, value_parser = alpha)]
    pub alpha: f64,
    /// Differences up to this size do not matter [default: a quarter of the standard deviation over splits]
    #[arg(long, value_name = "DIFFERENCE", value_parser = difference)]
    pub rope: Option<f64>,
    /// Compare all others with this candidate only: fewer comparisons than those of all pairs
    #[arg(long, value_name = "CANDIDATE")]
    pub against: Option<String>,
    /// Also say who is not worse than the reference by more than this
    #[arg(long, value_name = "DIFFERENCE", value_parser = difference, requires = "against")]
    pub margin: Option<f64>,
    /// The score that a failed run counts with [default: the worst of the two that are compared]
    #[arg(long, value_name = "SCORE", value_parser = finite, allow_negative_numbers = true)]
    pub failed_score: Option<f64>,
    /// Print one JSON object with all tables, for programs
    #[arg(long, conflicts_with_all = ["rows", "format"])]
    pub json: bool,
    /// Print this table only [default: all tables; in csv, json and parquet `candidates`]
    #[arg(long, value_enum)]
    pub rows: Option<AnalysisTable>,
    /// Format of the tables
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which part of the table.
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// File to write [default: the standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The tables of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AnalysisTable {
    /// The candidates, each over all its replicates
    Candidates,
    /// Every two candidates: their difference on the same replicates, and whether it is real
    Pairs,
    /// The candidates' ranks over the replicates
    Ranks,
    /// The columns that tell candidates apart: which of them matter
    Effects,
    /// Where the spread of the scores comes from
    Variance,
    /// How large a difference must be to be found, by the number of replicates
    Detectable,
}

impl AnalysisTable {
    fn table(self, analysed: &Analysed) -> Table {
        match self {
            Self::Candidates => tables::candidates(analysed),
            Self::Pairs => tables::pairs(analysed),
            Self::Ranks => tables::ranks(analysed),
            Self::Effects => tables::effects(analysed),
            Self::Variance => tables::variance(analysed),
            Self::Detectable => tables::detectable(analysed),
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
/// If the file cannot be read, or is not a table of results, or the output cannot be written.
pub fn run(args: &Args) -> Result<(), CliError> {
    output::accepts(args.out.as_deref(), args.format)?;
    needs_one_table(&args.shape, !args.json && (args.rows.is_some() || args.format.holds_one_table()))?;
    let metrics = analysed(args)?;
    if args.json {
        let bytes = if let [only] = &metrics[..] { document(only) } else { documents(&metrics) };
        return output::write(args.out.as_deref(), &bytes.map_err(CliError::Output)?);
    }
    let tables = match &metrics[..] {
        [only] => one_metric(args, only),
        several => several_metrics(args, several),
    };
    let written = analyst::write(tables, &args.shape.shape(args.out.is_some()), args.format)?;
    output::write(args.out.as_deref(), &written.text)?;
    say_what_is_left_out(&written.left_out);
    Ok(())
}

/// Reads the file and analyses what it says: of each metric by itself. Says on the standard error how the file was read.
///
/// # Errors
/// If it cannot be read, or is not a table of results.
pub fn analysed(args: &Args) -> Result<Vec<Analysed>, CliError> {
    let failed = |source| CliError::File { action: "read", path: args.file.clone(), source };
    let bytes = std::fs::read(&args.file).map_err(failed)?;
    let mistake = |source| CliError::Import { path: args.file.clone(), source };
    let imported = from_csv::read(&bytes, &args.columns()).map_err(mistake)?;
    let direction = args.direction();
    let names: Vec<&str> = imported.metrics.iter().map(|observations| observations.metric.as_str()).collect();
    direction.check(&names).map_err(mistake)?;
    for note in &imported.notes {
        // who has closed the standard error wants no note
        let _ = writeln!(stderr(), "{}: {note}", args.file.display());
    }
    let metrics = imported.metrics.into_iter().map(|mut observations| {
        observations.higher_is_better = direction.higher_is_better(&observations.metric).map_err(mistake)?;
        let pool = args.pool.map(|pool| pool as usize).or(observations.pool);
        observations.ratio = args.ratio.map(|ratio| pooled(ratio, pool, args.pool.is_some())).transpose()?;
        observations.pool = pool;
        let options = Options {
            alpha: args.alpha,
            rope: args.rope,
            failed_score: args.failed_score,
            against: args.against.as_deref().map(|name| reference(&observations, name)).transpose()?,
            margin: args.margin,
            ..Options::default()
        };
        let about = about(args, &observations, &imported.replicate);
        let analysis = Analysis::of(&observations, &options);
        Ok(Analysed { about, observations: observations.into(), analysis })
    });
    metrics.collect()
}

impl Args {
    fn columns(&self) -> Columns {
        Columns {
            score: self.score.clone(),
            replicate: self.replicate.clone(),
            case: self.case.clone(),
            state: self.state.clone(),
            candidate: self.candidate.clone(),
            filter: self.filter.clone(),
            retries: self.retries,
        }
    }

    fn direction(&self) -> Direction {
        match &self.minimize {
            None if self.maximize => Direction::Maximize,
            None => Direction::Unsaid,
            Some(names) if names.is_empty() => Direction::Minimize,
            Some(names) => Direction::MinimizeOnly(names.clone()),
        }
    }
}

fn about(args: &Args, observations: &Observations, replicate: &str) -> About {
    let name = args.file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (better, metric) = (if observations.higher_is_better { "more" } else { "less" }, &observations.metric);
    About {
        scores: format!("{metric}, {better} is better"),
        head: vec![
            ("file", name.as_str().into()),
            ("metric", metric.as_str().into()),
            ("better", better.into()),
            ("replicate", replicate.into()),
            ("replicates", Cell::from(observations.replicates.len())),
        ],
        name,
        simulated: false,
    }
}

fn one_metric(args: &Args, analysed: &Analysed) -> Vec<Table> {
    match args.rows {
        Some(rows) => vec![rows.table(analysed)],
        None => all(analysed, args.format),
    }
}

/// The candidates of all metrics side by side, then one metric after the other. Where a format holds a single table, it has a column
/// that names the metric.
fn several_metrics(args: &Args, metrics: &[Analysed]) -> Vec<Table> {
    if args.format.holds_one_table() {
        let rows = args.rows.unwrap_or(AnalysisTable::Candidates);
        return vec![tables::stacked(metrics, |analysed| rows.table(analysed))];
    }
    let overview = args.rows.is_none().then(|| tables::side_by_side(metrics));
    overview.into_iter().chain(metrics.iter().flat_map(|analysed| one_metric(args, analysed))).collect()
}

/// All tables; where a format holds a single one, that of the candidates.
fn all(analysed: &Analysed, format: Format) -> Vec<Table> {
    let mut tables = tables::all(analysed);
    if format.holds_one_table() {
        tables.truncate(1);
    }
    // the answer stands once, at the end
    let answer = std::mem::take(&mut tables[0].answer);
    tables.iter_mut().for_each(|table| table.answer.clear());
    if let Some(last) = tables.last_mut() {
        last.answer = answer;
    }
    tables
}

/// Test cases by training cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    value: f64,
    /// Number of test cases, where both numbers were given.
    test: Option<f64>,
}

/// A number, or two with a stroke between them.
fn ratio(text: &str) -> Result<Ratio, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let ratio = match text.split_once('/') {
        None => number(text).map(|value| Ratio { value, test: None }),
        Some((test, train)) => {
            let both = number(test).zip(number(train).filter(|train| *train > 0.0));
            both.map(|(test, train)| Ratio { value: test / train, test: Some(test) })
        }
    };
    ratio.ok_or_else(|| "give test cases by training cases, such as 0.5 or 50/100".to_owned())
}

/// The ratio of the correction: test cases by the other cases of the pool, where both are known.
fn pooled(ratio: Ratio, pool: Option<usize>, is_stated: bool) -> Result<f64, CliError> {
    let others =
        ratio.test.zip(pool).map(|(test, pool)| (test, pool as f64 - test)).filter(|(_, others)| *others > 0.0);
    match others {
        Some((test, others)) => Ok(test / others),
        None if is_stated => {
            let problem = "--pool needs --ratio with both numbers, such as 50/100, and more cases than are tested";
            Err(CliError::Usage(problem.to_owned()))
        }
        None => Ok(ratio.value),
    }
}

/// The candidate of that name.
fn reference(observations: &Observations, name: &str) -> Result<usize, CliError> {
    let labels: Vec<String> = observations.candidates.iter().map(Candidate::label).collect();
    labels.iter().position(|label| label == name).ok_or_else(|| {
        let there_are = from_csv::listed(&labels);
        CliError::Usage(format!("--against: no candidate is named `{name}`; there are: {there_are}"))
    })
}

/// A column and a value. The name of a column may have an equals sign in it, a value seldom has.
fn equation(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once('=').filter(|(column, _)| !column.is_empty());
    let parts = parts.map(|(column, value)| (column.trim().to_owned(), value.trim().to_owned()));
    parts.ok_or_else(|| "give COLUMN=VALUE, such as model=unet".to_owned())
}

fn difference(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|difference: &f64| difference.is_finite() && *difference >= 0.0);
    number.ok_or_else(|| "give a number that is not negative, in units of the score".to_owned())
}

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|score: &f64| score.is_finite()).ok_or_else(|| "give a number".to_owned())
}

fn alpha(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|alpha: &f64| *alpha > 0.0 && *alpha < 0.5);
    number.ok_or_else(|| "give a number between 0 and 0.5, such as 0.05".to_owned())
}
