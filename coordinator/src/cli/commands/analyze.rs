//! `coordinator analyze`: the analysis of results that another tool made.

use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observations::from_csv::{self, Columns, Imported};
use crate::analysis::observations::{Candidate, Observations};
use crate::cli::{CliError, output};
use crate::tables::export::{Format, document, render};
use crate::tables::table::{Cell, Table};
use crate::tables::{self, About, Analysed};
use std::path::PathBuf;

/// Maximum number of candidates that a message lists.
const MAX_LISTED: usize = 12;

/// Analyse the results of another tool: a CSV with one line per run
///
/// The file has a header, columns that tell candidates apart, a column with the replicate (the split or the seed) and a column with the
/// score. A line without a score is a failed run: it is counted, but not part of the mean.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Column with the score [default: the only one that is named `score`, `value`, `metric` or the like]
    #[arg(long, value_name = "COLUMN")]
    pub score: Option<String>,
    /// Column with the replicate [default: the only one that is named `replicate`, `split`, `seed` or the like]
    #[arg(long, value_name = "COLUMN")]
    pub replicate: Option<String>,
    /// Columns that tell candidates apart [default: all others]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub candidate: Vec<String>,
    /// Number of test cases per training case, such as 0.5 or 50/100 [default: 0.5, with a warning]
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub ratio: Option<Ratio>,
    /// Lower scores are better
    #[arg(long)]
    pub minimize: bool,
    /// Number of cases that the splits are drawn from: makes the interval for new data narrower where a third subset takes part
    #[arg(long, value_name = "CASES", value_parser = clap::value_parser!(u32).range(2..), requires = "ratio")]
    pub pool: Option<u32>,
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
    let analysed = analysed(args)?;
    let bytes = match args.rows {
        _ if args.json => document(&analysed),
        Some(rows) => render(&rows.table(&analysed), args.format),
        None => all(&analysed, args.format),
    };
    output::write(args.out.as_deref(), &bytes.map_err(CliError::Output)?)
}

/// Reads the file and analyses what it says.
///
/// # Errors
/// If it cannot be read, or is not a table of results.
pub fn analysed(args: &Args) -> Result<Analysed, CliError> {
    let failed = |source| CliError::File { action: "read", path: args.file.clone(), source };
    let bytes = std::fs::read(&args.file).map_err(failed)?;
    let columns =
        Columns { score: args.score.clone(), replicate: args.replicate.clone(), candidate: args.candidate.clone() };
    let imported =
        from_csv::read(&bytes, &columns).map_err(|source| CliError::Import { path: args.file.clone(), source })?;
    let about = about(args, &imported);
    let ratio = args.ratio.map(|ratio| pooled(ratio, args.pool)).transpose()?;
    let observations = imported.observations(args.minimize, ratio);
    let options = Options {
        rope: args.rope,
        ratio,
        against: args.against.as_deref().map(|name| reference(&observations, name)).transpose()?,
        margin: args.margin,
        failed_score: args.failed_score,
        ..Options::default()
    };
    let analysis = Analysis::of(&observations, &options);
    Ok(Analysed { about, observations, analysis })
}

fn about(args: &Args, imported: &Imported) -> About {
    let name = args.file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let direction = if args.minimize { "less is better" } else { "more is better" };
    About {
        scores: format!("{}, {direction}", imported.score),
        head: vec![
            ("file", name.as_str().into()),
            ("metric", imported.score.as_str().into()),
            ("better", if args.minimize { "less" } else { "more" }.into()),
            ("replicate", imported.replicate.as_str().into()),
            ("replicates", Cell::from(imported.replicates.len())),
        ],
        name,
        simulated: false,
    }
}

/// The tables one after the other; where a format holds a single one, that of the candidates.
fn all(analysed: &Analysed, format: Format) -> std::io::Result<Vec<u8>> {
    let mut tables = tables::all(analysed);
    if matches!(format, Format::Csv | Format::Json | Format::Parquet) {
        tables.truncate(1);
    }
    // the answer stands once, at the end
    let answer = std::mem::take(&mut tables[0].answer);
    tables.iter_mut().for_each(|table| table.answer.clear());
    if let Some(last) = tables.last_mut() {
        last.answer = answer;
    }
    let written: Vec<_> = tables.iter().map(|table| render(table, format)).collect::<Result<_, _>>()?;
    Ok(written.join(&b'\n'))
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

/// The ratio of the correction: test cases by the other cases of the pool, where the pool is known.
fn pooled(ratio: Ratio, pool: Option<u32>) -> Result<f64, CliError> {
    let Some(pool) = pool.map(f64::from) else { return Ok(ratio.value) };
    let others = ratio.test.map(|test| (test, pool - test)).filter(|(_, others)| *others > 0.0);
    others.map(|(test, others)| test / others).ok_or_else(|| {
        let problem = "--pool needs --ratio with both numbers, such as 50/100, and more cases than are tested";
        CliError::Usage(problem.to_owned())
    })
}

/// The candidate of that name.
fn reference(observations: &Observations, name: &str) -> Result<usize, CliError> {
    let labels = || observations.candidates.iter().map(Candidate::label);
    labels().position(|label| label == name).ok_or_else(|| {
        let names = labels().take(MAX_LISTED).collect::<Vec<_>>().join(", ");
        CliError::Usage(format!("--against: no candidate is named `{name}`; there are: {names}"))
    })
}

fn difference(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|difference: &f64| difference.is_finite() && *difference >= 0.0);
    number.ok_or_else(|| "give a number that is not negative, in units of the score".to_owned())
}

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|score: &f64| score.is_finite()).ok_or_else(|| "give a number".to_owned())
}
