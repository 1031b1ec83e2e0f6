//! `coordinator report`: a sweep's results as one page, with its figures and tables as files.

use super::client::DEFAULT_STORE;
use super::{CliError, output};
use crate::analysis::report::{Material, report};
use crate::store::Reader;
use std::path::{Path, PathBuf};

/// The page's name; a folder that has it is a report's folder.
const PAGE: &str = "report.html";

/// Write the report of a sweep: one page that works offline, its figures (SVG) and its tables (CSV)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to write; one that holds a report is written anew
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The sweep [default: the one submitted last]
    #[arg(long, default_value = "", hide_default_value = true)]
    sweep: String,
    /// Store to read
    #[arg(long, value_name = "FILE", default_value = DEFAULT_STORE)]
    store: PathBuf,
}
