//! Folders and files -> cases -> splits. Knows no jobs, no tensors and no network.
//!
//! ```text
//!  Dataset, folder
//!    | ph2, folder      which files are the cases          synthetic  makes cases instead
//!    v
//!  Source  = Inventory (ids, content hash) + where each case comes from
//!    | decode, mask     files -> Case, of any size
//!    | resize           Case -> image_size x image_size    cache      keeps the result in a file
//!    v
//!  CaseSet = Inventory + images + masks (pixels)           summary    what it holds, for its owner
//!  images               pictures without masks, to be segmented
//!    | split            indices of the cases, their areas and groups -> train, validation, test
//! ```

pub mod bmp;
pub(crate) mod cache;
mod decode;
mod error;
mod files;
mod folder;
mod images;
mod mask;
mod naming;
mod numbers;
pub mod ph2;
#[expect(unsafe_code, reason = "a file is mapped into memory")]
mod pixels;
mod resize;
mod source;
pub mod split;
mod summary;
pub mod synthetic;
mod tiff;

pub use cache::{CacheError, default_cache_dir};
pub use decode::MAX_PIXELS;
pub use error::DataError;
pub use images::{images, picture, shrunk};
pub use pixels::Pixels;
pub use source::Source;
pub use summary::summary;

use proto::data::{Dataset, Format, Inventory, Summary};
use proto::ids::ContentHash;
use std::collections::BTreeMap;
use std::path::Path;

/// Maximum height and width to resize to, pixels.
pub const MAX_IMAGE_SIZE: u32 = 4096;

/// One image with its mask, as large as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue, 0 to 255: `[height, width, 3]`.
    pub image: Vec<u8>,
    /// 1 where the lesion is, else 0: `[height, width]`.
    pub mask: Vec<u8>,
}

/// The cases of a data set at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseSet {
    /// What the data set holds; `inventory.cases[i]` is the id of case `i`.
    pub inventory: Inventory,
    /// Height and width of the images, pixels.
    pub image_size: u32,
    /// Red, green and blue, 0 to 255: `[cases, 3, image_size, image_size]`.
    pub images: Pixels,
    /// 1 where the lesion is, else 0: `[cases, image_size, image_size]`.
    pub masks: Pixels,
    /// The splits that the sweep file lists.
    pub partitions: Partitions,
}

impl CaseSet {
    /// Cases of which the sweep file says nothing.
    #[must_use]
    pub fn new(inventory: Inventory, image_size: u32, images: Vec<u8>, masks: Vec<u8>) -> Self {
        Self { inventory, image_size, images: images.into(), masks: masks.into(), partitions: Partitions::new() }
    }

    /// The mask of a case, `[image_size, image_size]`.
    #[must_use]
    pub fn mask(&self, case: u32) -> &[u8] {
        let pixels = self.image_size as usize * self.image_size as usize;
        &self.masks[case as usize * pixels..][..pixels]
    }

    /// Red, green and blue of a case, `[3, image_size, image_size]`.
    #[must_use]
    pub fn image(&self, case: u32) -> &[u8] {
        let values = 3 * self.image_size as usize * self.image_size as usize;
        &self.images[case as usize * values..][..values]
    }

    /// The share of foreground in the masks of some cases; 0 of none.
    #[must_use]
    pub fn foreground(&self, cases: &[u32]) -> f64 {
        let area: u64 = cases.iter().flat_map(|case| self.mask(*case)).map(|pixel| u64::from(*pixel)).sum();
        let pixels = u64::from(self.image_size).pow(2) * cases.len() as u64;
        area as f64 / pixels.max(1) as f64
    }

    /// Pixels of each case's lesion.
    #[must_use]
    pub fn areas(&self) -> Vec<u32> {
        let area = |case| self.mask(case).iter().map(|&pixel| u32::from(pixel)).sum();
        (0..self.inventory.cases.len() as u32).map(area).collect()
    }
}

/// Train, validation and test by the hash of their lists: indices of cases.
pub type Partitions = BTreeMap<ContentHash, [Vec<u32>; 3]>;

/// Finds the cases of a data set and hashes their content, without decoding them.
///
/// The folder is `root`, else the data set's own.
///
/// # Errors
/// If no folder is known, it cannot be read, an image or a mask is missing, or the sweep file's lists do not fit the cases.
pub fn inventory(dataset: &Dataset, root: Option<&Path>) -> Result<Inventory, DataError> {
    let found = Source::open(dataset, root)?.inventory;
    dataset.lists.partitions_on(&found.cases).map_err(DataError::Lists)?;
    dataset.lists.on(found).map_err(DataError::Lists)
}

/// Loads a data set at one size: from the cache folder if it holds this content at this size, else from the images, and
/// leaves the result there. A cache that cannot be used costs time, but is no error. The log says what the data set holds.
///
/// # Errors
/// As [`inventory`], and as [`Source::decode`].
pub fn load(
    dataset: &Dataset,
    root: Option<&Path>,
    image_size: u32,
    cache_dir: Option<&Path>,
) -> Result<CaseSet, DataError> {
    let mut set = pictures(dataset, root, image_size, cache_dir)?;
    set.partitions = dataset.lists.partitions_on(&set.inventory.cases).map_err(DataError::Lists)?;
    set.inventory = dataset.lists.on(set.inventory).map_err(DataError::Lists)?;
    Ok(set)
}

/// The images and masks, which are the same whatever the sweep file says of single cases.
fn pictures(
    dataset: &Dataset,
    root: Option<&Path>,
    image_size: u32,
    cache_dir: Option<&Path>,
) -> Result<CaseSet, DataError> {
    let source = Source::open(dataset, root)?;
    let mut is_new = false;
    let mut decode = || {
        is_new = true;
        source.decode(image_size, &|| ())
    };
    let set = match cache_dir {
        None => decode()?,
        Some(dir) => {
            let file = dir.join(cache::file_name(&source.inventory, image_size));
            let (set, kept) = cache::fetch(&file, &source.inventory, image_size, decode)?;
            if let Err(error) = kept {
                tracing::warn!(reason = %error.source, "{error}");
            }
            set
        }
    };
    if dataset.format != Format::Synthetic {
        tell(&dataset.name, &summary(&source, &set), is_new);
    }
    Ok(set)
}

/// Logs what a data set holds. Who finds the images prepared was warned before.
fn tell(dataset: &str, summary: &Summary, is_new: bool) {
    for fact in summary.facts() {
        tracing::info!(dataset, "{fact}");
    }
    for warning in summary.warnings() {
        if is_new { tracing::warn!(dataset, "{warning}") } else { tracing::info!(dataset, "{warning}") }
    }
}
