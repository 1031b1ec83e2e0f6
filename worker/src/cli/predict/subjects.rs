//! The images that are to be segmented, and their masks if there are any.

use super::PredictError;
use crate::cli::prepare::formats;
use crate::data::split::{Pool, assign};
use crate::data::{self, CaseSet, Source, default_cache_dir};
use crate::predict::Ensemble;
use image::RgbImage;
use proto::data::{Dataset, Format, MaskRule};
use proto::spec::Subset;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the images and the masks are.
#[derive(Debug, clap::Args)]
pub(super) struct Images {
    /// Folder of images; with --format ph2 that of the data set
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Folder of masks with the names of the images: the predictions are scored against them
    #[arg(long, value_name = "DIR")]
    masks: Option<PathBuf>,
    /// Layout of a data set with masks, if it is not one folder of each
    #[arg(long, value_parser = formats(), conflicts_with = "masks")]
    format: Option<Format>,
    /// What of a mask is lesion: lesion=VALUE,VALUE | threshold=VALUE | channel=alpha [default: the brighter of two levels]
    #[arg(long, value_name = "RULE")]
    mask: Option<MaskRule>,
    /// Only the cases that each of the weights' jobs had in this subset: test, validation or train
    #[arg(long, value_name = "SUBSET", value_parser = subset)]
    subset: Option<Subset>,
}

fn subset(name: &str) -> Result<Subset, &'static str> {
    Subset::from_name(name).ok_or("expected test, validation or train")
}

/// An image that is to be segmented.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) id: String,
    /// As large as it is.
    pub(super) image: RgbImage,
    /// `[3, image_size, image_size]`
    pub(super) input: Vec<u8>,
    /// The mask, `[image_size, image_size]`, 1 where the lesion is.
    pub(super) truth: Option<Vec<u8>>,
}

/// The images, in the order of their names.
#[derive(Debug)]
pub(super) struct Subjects {
    /// Name, file and, of a data set with masks, index of the case.
    files: Vec<(String, PathBuf, Option<u32>)>,
    cases: Option<CaseSet>,
    image_size: u32,
}

impl Subjects {
    /// Finds the images.
    ///
    /// # Errors
    /// If they cannot be read, or are not those of the jobs whose subset is asked for.
    pub(super) fn find(images: &Images, ensemble: &Ensemble) -> Result<Self, PredictError> {
        let image_size = ensemble.image_size();
        let Some((dataset, root)) = images.dataset() else {
            if images.subset.is_some() {
                return Err(PredictError::Subset(
                    "the job's split needs its masks, too: give --masks or --format".to_owned(),
                ));
            }
            let files = data::images(&images.images)?.into_iter().map(|(id, path)| (id, path, None)).collect();
            return Ok(Self { files, cases: None, image_size });
        };
        let paths = Source::open(&dataset, Some(root))?.images();
        let cases = data::load(&dataset, Some(root), image_size, Some(&default_cache_dir()))?;
        let wanted = images.subset.map(|subset| common(subset, &cases, ensemble)).transpose()?;
        let all = cases.inventory.cases.iter().zip(0..);
        let wanted = all.filter(|(_, index)| wanted.as_ref().is_none_or(|wanted| wanted.contains(index)));
        let file = |(id, index): (&String, u32)| Some((id.clone(), paths.get(id)?.clone(), Some(index)));
        let files = wanted.filter_map(file).collect();
        Ok(Self { files, cases: Some(cases), image_size })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn have_masks(&self) -> bool {
        self.cases.is_some()
    }

    /// Reads an image.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn get(&self, index: usize) -> Result<Subject, PredictError> {
        let (id, path, case) = &self.files[index];
        let image = data::picture(path)?;
        let (input, truth) = match (&self.cases, case) {
            (Some(cases), Some(case)) => (cases.image(*case).to_vec(), Some(cases.mask(*case).to_vec())),
            _ => (data::shrunk(path, &image, self.image_size)?, None),
        };
        Ok(Subject { id: id.clone(), image, input, truth })
    }
}

impl Images {
    /// The data set, if there are masks, and its folder.
    fn dataset(&self) -> Option<(Dataset, &Path)> {
        let text =
            |path: &Path| Some(std::path::absolute(path).unwrap_or(path.to_owned()).to_string_lossy().into_owned());
        let mask = self.mask.clone().unwrap_or_default();
        let dataset = match (&self.masks, self.format) {
            (None, None) => return None,
            (None, Some(format)) => Dataset { mask, ..Dataset::new("images", format) },
            (Some(masks), _) => Dataset {
                images: text(&self.images),
                masks: text(masks),
                mask,
                ..Dataset::new("images", Format::Folder)
            },
        };
        Some((dataset, &self.images))
    }
}

/// The cases that every job of the ensemble had in a subset. No member has seen those of `test`.
fn common(subset: Subset, cases: &CaseSet, ensemble: &Ensemble) -> Result<BTreeSet<u32>, PredictError> {
    let mut common: Option<BTreeSet<u32>> = None;
    for job in ensemble.jobs() {
        let (found, expected) = (cases.inventory.content, job.data.content);
        if found != expected {
            let (job, found, expected) = (job.id().short(), found.short(), expected.short());
            return Err(PredictError::Subset(format!(
                "job {job} was trained on data set content {expected}, but these images and masks are {found}"
            )));
        }
        let subsets = assign(&job.split, &Pool::of(cases), job.seeds.split_seed);
        let subsets = subsets.map_err(|error| PredictError::Subset(error.to_string()))?;
        let of_job: BTreeSet<u32> = match subset {
            Subset::Train => subsets.train,
            Subset::Validation => subsets.validation,
            Subset::Test => subsets.test,
        }
        .into_iter()
        .collect();
        common = Some(common.map_or_else(|| of_job.clone(), |common| common.intersection(&of_job).copied().collect()));
    }
    match common {
        Some(common) if !common.is_empty() => Ok(common),
        _ => Err(PredictError::Subset(format!("no case is in the subset {} of every job", subset.name()))),
    }
}
