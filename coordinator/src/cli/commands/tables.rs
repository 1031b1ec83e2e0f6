//! `coordinator tables`: the results of a sweep.

use crate::analyst::{Question, Written};
use crate::cli::client::{Found, Source};
use crate::cli::shape::{ShapeArgs, metric, say_what_is_left_out};
use crate::cli::which::AnySweep;
use crate::cli::{CliError, ask, output};
use crate::results::RowState;
use crate::tables::export::Format;
use crate::tables::table::Frame;
use crate::tables::{Shape, TableKind};
use proto::spec::Metric;
use std::path::PathBuf;

/// Print the results of a sweep
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  coordinator tables    the candidates, the best first
  coordinator tables lesions    those of another sweep than the last
  coordinator tables --rows pairs
  coordinator tables --rows jobs --format csv --out jobs.csv
  coordinator tables --metrics iou,dice --format latex")]
pub struct Args {
    /// Which sweep.
    #[command(flatten)]
    pub sweep: AnySweep,
    /// Which table: what its rows are
    #[arg(long, value_enum, default_value_t)]
    pub rows: TableKind,
    /// Show the results by this metric; by several: `candidates` with all of them side by side, other tables once each [default: that of
    /// the sweep's objective]
    #[arg(long, visible_alias = "metrics", value_name = "METRIC,...", value_delimiter = ',', value_parser = metric)]
    pub metric: Vec<Metric>,
    /// Format of the table
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which part of it.
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// With `--format latex`: the caption of a float around the table, in LaTeX
    #[arg(long, value_name = "LATEX")]
    pub caption: Option<String>,
    /// With `--format latex`: the label of a float around the table
    #[arg(long, value_name = "KEY")]
    pub label: Option<String>,
    /// File to write [default: the standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where to look.
    #[command(flatten)]
    pub source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, or its rows cannot be read or written.
pub async fn run(args: Args) -> Result<(), CliError> {
    print(args, None).await.map(drop)
}

/// Prints a table; of the jobs only those in that state. Who was asked can be asked for more.
pub(super) async fn print(args: Args, state: Option<RowState>) -> Result<Found, CliError> {
    output::accepts(args.out.as_deref(), args.format)?;
    if args.format != Format::Latex && (args.caption.is_some() || args.label.is_some()) {
        return Err(CliError::Usage("--caption and --label are for --format latex".to_owned()));
    }
    let (question, source, out) = args.question(state)?;
    let mut found = source.find().await?;
    let Written { text, left_out } = ask::table(&mut found, question).await?;
    output::write(out.as_deref(), &text)?;
    say_what_is_left_out(&left_out);
    Ok(found)
}

impl Args {
    /// What is asked, where, and where the answer goes.
    fn question(self, state: Option<RowState>) -> Result<(Question, Source, Option<PathBuf>), CliError> {
        let Self { sweep, rows, metric: metrics, format, shape, caption, label, out, source } = self;
        if let Some((place, twice)) =
            metrics.iter().enumerate().find(|(place, metric)| metrics[..*place].contains(metric))
        {
            return Err(CliError::Usage(format!("--metric: `{twice}` is named twice, at position {}", place + 1)));
        }
        let shape = shape.shape(out.is_some());
        let shape = Shape { frame: Frame { caption, label, ..shape.frame }, ..shape };
        Ok((Question { sweep: sweep.name(), rows, metrics, state, format, shape }, source, out))
    }
}
