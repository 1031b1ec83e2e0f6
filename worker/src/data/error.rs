//! What can be wrong with a data set, said so that its owner can mend it. The reason below (the system's, the decoder's) is
//! the error's source.

use proto::cases::CaseListError;
use std::io;
use std::path::PathBuf;

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// What the sweep file says of single cases does not fit them.
    #[error(transparent)]
    Lists(CaseListError),
    /// Nobody said where it lies.
    #[error(
        "data set `{name}`: no folder is known; give the worker `--data {name}=PATH` or set `root` in the sweep file"
    )]
    NoRoot {
        /// The data set.
        name: String,
    },
    /// The sweep file does not say which images to make.
    #[error("data set `{name}`: format synthetic needs `synthetic: {{cases: 1 to {most}, seed: NUMBER}}`")]
    NoSynthetic {
        /// The data set.
        name: String,
        /// The largest number of cases.
        most: u32,
    },
    /// The folder does not exist or is none.
    #[error("`{}` is not a folder; check the path given for the data set", path.display())]
    NoFolder {
        /// The missing folder.
        path: PathBuf,
    },
    /// The folder holds no case of that format.
    #[error("`{}` holds no cases; expected {layout}", path.display())]
    NoCases {
        /// The folder.
        path: PathBuf,
        /// How cases should lie in it.
        layout: &'static str,
    },
    /// A case has no mask.
    #[error("case `{case}` has no mask; expected `{}`", expected.display())]
    NoMask {
        /// The case.
        case: String,
        /// Where its mask should lie.
        expected: PathBuf,
    },
    /// A case has no image.
    #[error("case `{case}` has no image; expected `{}`", expected.display())]
    NoImage {
        /// The case.
        case: String,
        /// Where its image should lie.
        expected: PathBuf,
    },
    /// Two files for the same picture.
    #[error("case `{case}` is there twice; remove `{}` or `{}`", first.display(), second.display())]
    Twice {
        /// The case.
        case: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A file name that cannot be a case's id.
    #[error("the name of `{}` is not UTF-8; rename it", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
    },
    /// The system would not read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is damaged or of another format.
    #[error("cannot decode `{}`; replace it by an intact copy", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        source: image::ImageError,
    },
    /// More pixels than allowed, or none.
    #[error("`{}` has {width} x {height} pixels; allowed are 1 x 1 to {most} x {most}", path.display())]
    Extent {
        /// The file.
        path: PathBuf,
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// The largest side allowed.
        most: u32,
    },
    /// The mask belongs to another image.
    #[error("case `{case}`: the image has {} x {} pixels, its mask {} x {}; they must be equal", image.0, image.1, mask.0, mask.1)]
    Sizes {
        /// The case.
        case: String,
        /// Width and height of the image.
        image: (u32, u32),
        /// Width and height of the mask.
        mask: (u32, u32),
    },
    /// The mask is not black and white.
    #[error("mask `{}` is nowhere brighter than {brightest} of 255, but not black; write lesions as 255", path.display())]
    FaintMask {
        /// The mask.
        path: PathBuf,
        /// Its largest value.
        brightest: u8,
    },
    /// The size asked for is out of range.
    #[error("image size {size}: allowed are 1 to {most}")]
    ImageSize {
        /// The size.
        size: u32,
        /// The largest allowed.
        most: u32,
    },
    /// The file changed between two readings.
    #[error("`{}` changed while the data set was read; try again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// An image could not be resized.
    #[error("case `{case}` cannot be resized")]
    Resize {
        /// The case.
        case: String,
        /// The resizer's reason.
        source: fast_image_resize::ResizeError,
    },
}
