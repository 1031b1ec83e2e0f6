//! `worker prepare`: decodes and resizes a data set once, so that jobs start at once. Prints the file, the content hash that
//! workers will report, and what the data set holds.

use crate::data::{CacheError, CaseSet, DataError, MAX_IMAGE_SIZE, Source, cache, default_cache_dir, summary};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};
use proto::data::{Dataset, Format, Inventory, MaskRule, Summary, Synthetic, is_inner_folder, is_part_of_a_name};
use proto::ids::ContentHash;
use proto::spec::DEFAULT_IMAGE_SIZE;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Check a data set, and write its resized images into one file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  worker prepare --format ph2 --data /data/PH2Dataset --image-size 256
  worker prepare --format folder --data FOLDER --masks labels --mask-suffix _mask")]
pub struct Args {
    #[command(flatten)]
    images: Images,
    /// File to write [default: in the cache folder, where `worker` looks]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_IMAGE_SIZE)))]
    pub(super) image_size: u32,
    /// Number of cases of a synthetic data set
    #[arg(long, value_name = "N", required_if_eq("format", "synthetic"), conflicts_with = "data",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(Synthetic::MAX_CASES)))]
    cases: Option<u32>,
    /// Seed of a synthetic data set
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    description: Description,
}

/// What a sweep file says of a data set in folders, under the same names.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As in the sweep file")]
struct Description {
    /// Folder of images, below that of the data set [default: images]
    #[arg(long, value_name = "NAME", value_parser = inner_folder)]
    images: Option<String>,
    /// Folder of masks, below that of the data set [default: masks]
    #[arg(long, value_name = "NAME", value_parser = inner_folder)]
    masks: Option<String>,
    /// What an image's name has before the case's name
    #[arg(long, value_name = "TEXT", value_parser = part_of_a_name, allow_hyphen_values = true)]
    image_prefix: Option<String>,
    /// What an image's name has after the case's name [default: what all images have]
    #[arg(long, value_name = "TEXT", value_parser = part_of_a_name, allow_hyphen_values = true)]
    image_suffix: Option<String>,
    /// What a mask's name has before the case's name
    #[arg(long, value_name = "TEXT", value_parser = part_of_a_name, allow_hyphen_values = true)]
    mask_prefix: Option<String>,
    /// What a mask's name has after the case's name [default: what all masks have]
    #[arg(long, value_name = "TEXT", value_parser = part_of_a_name, allow_hyphen_values = true)]
    mask_suffix: Option<String>,
    /// What is lesion: lesion=VALUE,VALUE | threshold=VALUE | channel=alpha [default: the brighter of two levels]
    #[arg(long, value_name = "RULE", conflicts_with = "cases")]
    mask: Option<MaskRule>,
    /// Exchange lesion and background
    #[arg(long, conflicts_with = "cases")]
    invert: bool,
}

fn inner_folder(text: &str) -> Result<String, &'static str> {
    if is_inner_folder(text) { Ok(text.to_owned()) } else { Err("name a folder below that of the data set, or `.`") }
}

fn part_of_a_name(text: &str) -> Result<String, &'static str> {
    if is_part_of_a_name(text) {
        Ok(text.to_owned())
    } else {
        Err("give a part of a file's name, such as _segmentation")
    }
}

impl Images {
    pub(super) fn dataset(&self) -> Dataset {
        let Description { images, masks, mask, invert, .. } = &self.description;
        Dataset {
            synthetic: self.cases.map(|cases| Synthetic { cases, seed: self.seed }),
            images: images.clone(),
            masks: masks.clone(),
            image_prefix: self.description.image_prefix.clone(),
            image_suffix: self.description.image_suffix.clone(),
            mask_prefix: self.description.mask_prefix.clone(),
            mask_suffix: self.description.mask_suffix.clone(),
            mask: mask.clone().unwrap_or_default(),
            invert: *invert,
            ..Dataset::new(self.format.name(), self.format)
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

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Prepared<'a> {
    path: &'a Path,
    content: ContentHash,
    summary: &'a Summary,
    /// Ids of the cases, sorted.
    cases: &'a [String],
}

/// Runs the subcommand.
///
/// # Errors
/// If the data set cannot be used or the file cannot be written.
pub fn run(args: Args) -> Result<(), PrepareError> {
    let Args { images, out, json } = args;
    let source = Source::open(&images.dataset(), images.data.as_deref())?;
    let inventory = &source.inventory;
    let path = out.unwrap_or_else(|| default_cache_dir().join(cache::file_name(inventory, images.image_size)));
    let (set, kept) = fetch(&source, images.image_size, &path)?;
    kept?;
    let Inventory { content, cases, .. } = inventory;
    let prepared = Prepared { path: &path, content: *content, summary: &summary(&source, &set), cases };
    if json {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &prepared).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    print(&prepared)
}

/// The images and masks, from the file or decoded into it, with a bar meanwhile; and whether the file could be written.
pub(super) fn fetch(
    source: &Source,
    image_size: u32,
    file: &Path,
) -> Result<(CaseSet, Result<(), CacheError>), DataError> {
    let progress = progress(source.inventory.cases.len());
    let fetched = cache::fetch(file, &source.inventory, image_size, || source.decode(image_size, &|| progress.inc(1)));
    progress.finish_and_clear();
    fetched
}

/// For people: facts go to the standard output, warnings to the standard error.
fn print(prepared: &Prepared<'_>) -> Result<(), PrepareError> {
    let Prepared { path, content, summary, .. } = prepared;
    let mut out = io::stdout().lock();
    writeln!(out, "path: {}\ncontent: {content}\ncases: {}", path.display(), summary.cases)?;
    for fact in summary.facts() {
        writeln!(out, "{fact}")?;
    }
    for warning in summary.warnings() {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    Ok(())
}

/// The formats by their names.
pub(super) fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .try_map(|name| Format::ALL.into_iter().find(|format| format.name() == name).ok_or("no such format"))
}

/// A bar on the standard error, if that is a terminal.
pub(super) fn progress(cases: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos}/{len} cases {wide_bar} {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(cases as u64).with_style(style)
}
