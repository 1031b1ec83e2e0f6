//! What can be wrong with a data set, said so that its owner can mend it. The reason below (the system's, the decoder's) is
//! the error's source.

use proto::cases::CaseListError;
use proto::data::MaskRule;
use std::fmt;
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
    /// There is nothing to be segmented.
    #[error("`{}` holds no image; name a folder of .png, .jpg, .jpeg, .bmp, .tif, .tiff or .gif files", path.display())]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// The folder of images or of masks is not there.
    #[error("`{}` is not a folder; name the folder of {key} with `{key}: NAME` under `dataset`{}", path.display(), present(folders))]
    NoInnerFolder {
        /// The missing folder.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// The folders that are there.
        folders: Vec<String>,
    },
    /// Images and masks lie in one folder, and nothing tells them apart.
    #[error(
        "`{}` holds images and masks; say how the masks are named, such as `mask_suffix: _mask` under `dataset`",
        path.display()
    )]
    OneFolder {
        /// The folder.
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
    /// A case whose image or mask is there, in a format that is not read.
    #[error("case `{case}`: `{}` is in a format that is not read; save it as PNG or TIFF", path.display())]
    Unread {
        /// The case.
        case: String,
        /// The file.
        path: PathBuf,
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
    /// A kind of picture that the decoder does not know, in a format that it knows.
    #[error("`{}` is of a kind that is not read; save it as an ordinary PNG", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        source: image::ImageError,
    },
    /// An image of numbers of which nobody knows which one is white.
    #[error("`{}` has {found} for samples; {remedy}", path.display())]
    Numbers {
        /// The file.
        path: PathBuf,
        /// What was found in it.
        found: String,
        /// What helps.
        remedy: &'static str,
    },
    /// More pixels than allowed, or none.
    #[error(
        "`{}` has {width} x {height} pixels; allowed are 1 to {} million pixels in all",
        path.display(),
        most / 1_000_000
    )]
    Extent {
        /// The file.
        path: PathBuf,
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// Maximum number of pixels.
        most: u64,
    },
    /// The mask belongs to another image.
    #[error(
        "case `{case}`: the image has {} x {} pixels, its mask {} x {}; they must be equal{}",
        image.0,
        image.1,
        mask.0,
        mask.1,
        if *is_turned { " (one of them is turned by its EXIF orientation: save both upright)" } else { "" }
    )]
    Sizes {
        /// The case.
        case: String,
        /// Width and height of the image.
        image: (u32, u32),
        /// Width and height of the mask.
        mask: (u32, u32),
        /// Whether they are equal but for one's EXIF orientation.
        is_turned: bool,
    },
    /// The mask does not say what is lesion.
    #[error("mask `{}` {found}; {remedy}", path.display())]
    Mask {
        /// The mask.
        path: PathBuf,
        /// What was found in it.
        found: String,
        /// What helps.
        remedy: String,
    },
    /// Masks that each have two levels, but not the same.
    #[error(
        "the masks differ in their levels: {found}; say which values are lesion, such as `mask: {{lesion: [{values}]}}`"
    )]
    Levels {
        /// The levels, and the masks that have them.
        found: String,
        /// The values that may be lesion.
        values: String,
    },
    /// No mask has a lesion, at the size to which the data set is resized.
    #[error("no lesion in any of {cases} masks, at {size} x {size} pixels{}", by(rule))]
    NoLesion {
        /// Number of masks.
        cases: usize,
        /// Height and width of the resized masks.
        size: u32,
        /// How they are read.
        rule: MaskRule,
    },
    /// Every mask is lesion everywhere.
    #[error("all of {cases} masks are lesion everywhere, at {size} x {size} pixels{}", by(rule))]
    NoBackground {
        /// Number of masks.
        cases: usize,
        /// Height and width of the resized masks.
        size: u32,
        /// How they are read.
        rule: MaskRule,
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
    /// Several mistakes.
    #[error("{}", several(.0))]
    Several(Vec<DataError>),
}

/// Maximum number of mistakes that are shown.
const MAX_SHOWN: usize = 10;
/// Between two mistakes.
const SEPARATOR: &str = "\n  ";

impl DataError {
    /// One error of at least one mistake.
    pub(super) fn of(mut mistakes: Vec<Self>) -> Self {
        if mistakes.len() == 1 { mistakes.remove(0) } else { Self::Several(mistakes) }
    }

    /// The error and its reasons in one line.
    #[must_use]
    pub fn line(&self) -> String {
        proto::error_chain::line(self).replace(SEPARATOR, "; ")
    }

    /// The mistake, and what helps if that is worth saying only once.
    fn parts(&self) -> (String, Option<&str>) {
        match self {
            Self::Mask { path, found, remedy } => (format!("mask `{}` {found}", path.display()), Some(remedy)),
            other => (proto::error_chain::line(other), None),
        }
    }
}

/// A line for each of the first mistakes, and what helps.
fn several(mistakes: &[DataError]) -> String {
    let (mut lines, mut remedies) = (vec![format!("{} mistakes", mistakes.len())], Vec::new());
    for mistake in mistakes.iter().take(MAX_SHOWN) {
        let (line, remedy) = mistake.parts();
        lines.push(line);
        remedies.extend(remedy);
    }
    if mistakes.len() > MAX_SHOWN {
        lines.push(format!("and {} more", mistakes.len() - MAX_SHOWN));
    }
    lines.extend(remedies.first().map(|remedy| format!("help: {remedy}")));
    lines.join(SEPARATOR)
}

/// The folders that are there, as the end of a sentence.
fn present(folders: &[String]) -> String {
    if folders.is_empty() {
        return String::new();
    }
    let named: Vec<_> = folders.iter().take(MAX_SHOWN).map(|folder| format!("`{folder}`")).collect();
    format!("; there are {}", named.join(", "))
}

/// The rule by which masks are read, as the end of a sentence.
fn by(rule: &MaskRule) -> impl fmt::Display {
    if rule.is_default() { String::new() } else { format!(", read by {rule}") }
}
