//! `worker predict`: segments images with weights that a sweep has kept.
//!
//! ```text
//!  images [and masks] --data--> Task per image --Ensemble--> margins --draw--> pictures
//!                                                              '--count--> metrics.csv, mean scores
//! ```

mod subjects;

use super::prepare::progress;
use super::table::table;
use crate::data::DataError;
use crate::predict::{Ensemble, EnsembleError, count, draw, mask, mean};
use crate::weights::{Weights, WeightsError};
use image::ImageError;
use proto::measure::{CaseCounts, Scores};
use proto::spec::Metric;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use subjects::{Images, Subject, Subjects};

/// Segment images with weights that a sweep has kept: masks, probabilities and overlays as PNG, as large as the images
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  worker predict --weights weights/*.safetensors --images new/ --out predicted/
  worker predict --weights weights/*.safetensors --images new/ --masks truth/ --out predicted/    and scores")]
pub struct Args {
    /// Weights, as `coordinator weights` writes them; several are an ensemble, whose members are averaged
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    weights: Vec<PathBuf>,
    #[command(flatten)]
    images: Images,
    /// Folder for the pictures; what it has of the same names is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: String,
}

/// Why nothing was predicted.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A file of weights cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not one of weights.
    #[error("{}: {source}; take a file that coordinator weights or worker train --save wrote", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WeightsError,
    },
    /// The weights cannot be used together.
    #[error("--weights: {0}")]
    Ensemble(#[from] EnsembleError),
    /// The images cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The images are not those of the job.
    #[error("--subset: {0}")]
    Subset(String),
    /// A picture or the table cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ImageError,
    },
    /// A tensor operation failed.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The standard output cannot be written.
    #[error("cannot write to the standard output")]
    Output(#[from] io::Error),
}

impl PredictError {
    /// Whether the user can put it right.
    #[must_use]
    pub fn is_users(&self) -> bool {
        !matches!(self, Self::Tensor(_) | Self::Output(_))
    }
}

/// Runs the subcommand.
///
/// # Errors
/// If the weights, the images or the device cannot be used, or a file cannot be written.
pub fn run(args: Args) -> Result<(), PredictError> {
    let Args { weights, images, out, device } = args;
    let weights = weights.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let ensemble = Ensemble::new(weights, &device)?;
    let subjects = Subjects::find(&images, &ensemble)?;
    let (side, postprocess) = (ensemble.image_size(), ensemble.postprocess());
    let mut cases = Vec::new();
    let progress = progress(subjects.len());
    for index in 0..subjects.len() {
        let subject = subjects.get(index)?;
        let margins = ensemble.margins(&subject.input)?;
        let failed = |source| DataError::Resize { case: subject.id.clone(), source };
        let drawn = draw::draw(&subject.image, &margins, side, postprocess).map_err(failed)?;
        save(&out, &subject, &drawn)?;
        if let Some(truth) = &subject.truth {
            let counts = count(&mask(&mean(&margins), postprocess, side), truth);
            cases.push((subject.id.clone(), CaseCounts { case: index as u32, counts }));
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    if subjects.have_masks() {
        write_table(&out.join("metrics.csv"), &cases)?;
        print_scores(&cases)?;
    }
    Ok(writeln!(io::stdout().lock(), "{} images: {}", subjects.len(), out.display())?)
}

fn read(path: &Path) -> Result<Weights, PredictError> {
    let bytes = fs::read(path).map_err(|source| PredictError::Read { path: path.to_owned(), source })?;
    Weights::decode(bytes).map_err(|source| PredictError::Weights { path: path.to_owned(), source })
}

/// Writes the pictures of an image.
fn save(out: &Path, subject: &Subject, drawn: &draw::Pictures) -> Result<(), PredictError> {
    let place = |folder: &str| -> Result<PathBuf, PredictError> {
        let folder = out.join(folder);
        let failed = |source: io::Error| PredictError::Write { path: folder.clone(), source: source.into() };
        fs::create_dir_all(&folder).map_err(failed)?;
        Ok(folder.join(format!("{}.png", subject.id)))
    };
    let written =
        |path: PathBuf, result: Result<(), ImageError>| result.map_err(|source| PredictError::Write { path, source });
    for (folder, picture) in [("masks", &drawn.mask), ("probabilities", &drawn.probabilities)] {
        let path = place(folder)?;
        written(path.clone(), picture.save(path))?;
    }
    if let Some(picture) = &drawn.disagreement {
        let path = place("disagreement")?;
        written(path.clone(), picture.save(path))?;
    }
    let path = place("overlays")?;
    written(path.clone(), drawn.overlay.save(path))
}

/// One line per case: its pixels and its scores.
fn write_table(path: &Path, cases: &[(String, CaseCounts)]) -> Result<(), PredictError> {
    let mut text = "case,tp,fp,fn,tn,iou,thresholded_iou,dice\n".to_owned();
    for (id, CaseCounts { counts, .. }) in cases {
        let (iou, thresholded, dice) = (counts.iou(), counts.thresholded_iou(), counts.dice());
        let quoted = if id.contains([',', '"']) { format!("\"{}\"", id.replace('"', "\"\"")) } else { id.clone() };
        // writing to a text cannot fail
        let _ = writeln!(
            text,
            "{quoted},{},{},{},{},{iou},{thresholded},{dice}",
            counts.tp, counts.fp, counts.fn_, counts.tn
        );
    }
    fs::write(path, text).map_err(|source| PredictError::Write { path: path.to_owned(), source: source.into() })
}

/// The mean scores over the cases.
fn print_scores(cases: &[(String, CaseCounts)]) -> Result<(), PredictError> {
    let counts: Vec<_> = cases.iter().map(|(_, counts)| *counts).collect();
    let scores = Scores::of(f64::NAN, &counts);
    let shown = Metric::ALL.iter().filter_map(|metric| Some((metric.name(), scores.get(*metric)?)));
    let rows = shown.map(|(name, score)| [name.to_owned(), format!("{score:.4}")]);
    Ok(writeln!(io::stdout().lock(), "{}", table(["metric", "mean"], rows, 1..))?)
}
