//! Options of commands that print a table: which part of it, and how wide it may be.

use super::{CliError, output};
use crate::tables::Shape;
use crate::tables::table::Frame;
use proto::spec::Metric;
use std::io::{Write, stderr};

/// Which part of a table is printed.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "The table")]
pub struct ShapeArgs {
    /// Columns by name or title, in this order; `all` [default: the important ones, on a terminal as many as there is room for]
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Sort the rows by this column; `--sort=-COLUMN`: the greatest first [default: candidates by score, the best first]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Print this many rows only, from the first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub top: Option<u32>,
    /// Leave columns out until lines are no longer than this [default: the terminal's width]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(20..))]
    pub width: Option<u32>,
}

impl ShapeArgs {
    /// The part of a table that is wanted on the standard output, or in a file, which has no width of its own.
    #[must_use]
    pub fn shape(&self, is_file: bool) -> Shape {
        let terminal = || if is_file { None } else { output::width() };
        Shape {
            columns: self.columns.clone(),
            sort: self.sort.clone(),
            top: self.top.map(|top| top as usize),
            frame: Frame { width: self.width.map(|width| width as usize).or_else(terminal), ..Frame::default() },
        }
    }

    /// Whether columns or rows are chosen.
    #[must_use]
    pub fn chooses(&self) -> bool {
        !self.columns.is_empty() || self.sort.is_some() || self.top.is_some()
    }
}

/// Says which columns were left out for want of room.
pub fn say_what_is_left_out(titles: &[String]) {
    if !titles.is_empty() {
        // who has closed the standard error wants no note
        let _ = writeln!(stderr(), "left out for want of room: {}; --columns all shows all", titles.join(", "));
    }
}

/// A metric by its name.
///
/// # Errors
/// If there is none of that name; the message has those that there are.
pub fn metric(name: &str) -> Result<Metric, String> {
    Metric::from_name(name).ok_or_else(|| format!("give one of {}", Metric::NAMES.join(", ")))
}

/// Options that choose a part of a table need one table.
///
/// # Errors
/// If several are printed.
pub fn needs_one_table(shape: &ShapeArgs, prints_one: bool) -> Result<(), CliError> {
    if shape.chooses() && !prints_one {
        return Err(CliError::Usage(
            "--columns, --sort and --top choose from one table: name it with --rows".to_owned(),
        ));
    }
    Ok(())
}
