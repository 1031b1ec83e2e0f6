//! `worker prepare`: decodes and resizes a data set once, so that jobs start at once. Prints the file, the content hash that
//! workers will report, and the number of cases.

use crate::data::{CacheError, DataError, MAX_SIDE, Source, cache, default_cache_dir};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};
use proto::cases::CaseLists;
use proto::data::{Dataset, Format, Synthetic};
use proto::spec::DEFAULT_IMAGE_SIZE;
use std::io::{self, Write};
use std::path::PathBuf;

/// Check a data set, and write its resized images into one file
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    images: Images,
    /// File to write [default: in the cache folder, where `worker` looks]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A data set at a size.
#[derive(Debug, clap::Args)]
pub(super) struct Images {
    /// Folder of the data set
    #[arg(long, value_name = "PATH", required_if_eq_any = [("format", "ph2"), ("format", "folder")])]
    pub(super) data: Option<PathBuf>,
    /// Layout of the folder
    #[arg(long, value_parser = formats())]
    format: Format,
    /// Height and width to resize to, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = DEFAULT_IMAGE_SIZE,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SIDE)))]
    pub(super) image_size: u32,
    /// Number of cases of a synthetic data set
    #[arg(long, value_name = "N", required_if_eq("format", "synthetic"), conflicts_with = "data",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(Synthetic::MAX_CASES)))]
    cases: Option<u32>,
    /// Seed of a synthetic data set
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

impl Images {
    pub(super) fn dataset(&self) -> Dataset {
        Dataset {
            name: self.format.name().to_owned(),
            format: self.format,
            root: None,
            synthetic: self.cases.map(|cases| Synthetic { cases, seed: self.seed }),
            lists: CaseLists::default(),
        }
    }
}

/// Why a data set was not prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The data set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] CacheError),
    /// The standard output cannot be written.
    #[error("cannot write to the standard output")]
    Output(#[from] io::Error),
}

/// Runs the subcommand.
///
/// # Errors
/// If the data set cannot be used or the file cannot be written.
pub fn run(args: Args) -> Result<(), PrepareError> {
    let Args { images, out } = args;
    let source = Source::open(&images.dataset(), images.data.as_deref())?;
    let inventory = &source.inventory;
    let path = out.unwrap_or_else(|| default_cache_dir().join(cache::file_name(inventory, images.image_size)));
    let progress = progress(inventory.cases.len());
    let decode = || source.decode(images.image_size, &|| progress.inc(1));
    let (_, kept) = cache::fetch(&path, inventory, images.image_size, decode)?;
    progress.finish_and_clear();
    kept?;
    let mut out = io::stdout().lock();
    writeln!(out, "path: {}\ncontent: {}\ncases: {}", path.display(), inventory.content, inventory.cases.len())?;
    Ok(())
}

/// The formats by their names.
pub(crate) fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .try_map(|name| Format::ALL.into_iter().find(|format| format.name() == name).ok_or("no such format"))
}

/// A bar on the standard error, if that is a terminal.
pub(super) fn progress(cases: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{pos}/{len} cases {wide_bar}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(cases as u64).with_style(style)
}
