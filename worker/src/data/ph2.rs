//! The layout of the PH2 database, as distributed:
//!
//! ```text
//!  ROOT / PH2Dataset / PH2 Dataset images / IMD002 / IMD002_Dermoscopic_Image / IMD002.bmp
//!                                                  / IMD002_lesion            / IMD002_lesion.bmp
//! ```
//!
//! ROOT may also be one of the two folders below it. Knows no pixels.

use super::DataError;
use super::files::{CaseFiles, entries};
use std::path::{Path, PathBuf};

/// The folder that holds a folder a case.
pub const IMAGES: &str = "PH2 Dataset images";

const LAYOUT: &str = "`PH2 Dataset images/IMD002/IMD002_Dermoscopic_Image/IMD002.bmp` and \
                      `PH2 Dataset images/IMD002/IMD002_lesion/IMD002_lesion.bmp`";

/// Where the image of case `id` lies in the folder of all cases.
#[must_use]
pub fn image_path(images: &Path, id: &str) -> PathBuf {
    images.join(id).join(format!("{id}_Dermoscopic_Image")).join(format!("{id}.bmp"))
}

/// Where the mask of case `id` lies in the folder of all cases.
#[must_use]
pub fn mask_path(images: &Path, id: &str) -> PathBuf {
    images.join(id).join(format!("{id}_lesion")).join(format!("{id}_lesion.bmp"))
}

/// The cases below `root`, by id.
///
/// Every folder beside a case's is taken for a case too, so that none is lost in silence.
pub(super) fn find(root: &Path) -> Result<Vec<CaseFiles>, DataError> {
    let images = [root.join("PH2Dataset").join(IMAGES), root.join(IMAGES)]
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| root.to_owned());
    let cases: Vec<_> = entries(&images)?
        .into_iter()
        .filter(|(_, path)| path.is_dir())
        .map(|(id, _)| CaseFiles { image: image_path(&images, &id), mask: mask_path(&images, &id), id })
        .collect();
    if !cases.iter().any(|case| case.image.is_file() || case.mask.is_file()) {
        return Err(DataError::NoCases { path: root.to_owned(), layout: LAYOUT });
    }
    let mut mistakes = Vec::new();
    for CaseFiles { id, image, mask } in &cases {
        if !image.is_file() {
            mistakes.push(DataError::NoImage { case: id.clone(), expected: image.clone() });
        } else if !mask.is_file() {
            mistakes.push(DataError::NoMask { case: id.clone(), expected: mask.clone() });
        }
    }
    if mistakes.is_empty() { Ok(cases) } else { Err(DataError::of(mistakes)) }
}
