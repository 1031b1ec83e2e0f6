//! The samples of a mask's file -> which pixels are lesion. Nothing is taken for lesion that the file or its owner does not call so.
//!
//! ```text
//!  picture --channels--> grey values or colours, alpha --levels--> one level, two levels (edges may be soft), or neither
//!                                                                      |                                        '--> refused
//!  MaskRule: what the owner says instead ---------------------------> Mask
//!  the levels of all masks of a set --agreement--> what a mask of a single level means
//! ```

mod agreement;
mod channels;
mod levels;
mod problem;

pub(super) use agreement::{agree, bright_values, describe};
pub(super) use problem::MaskProblem;

use channels::{Channels, Gray, Samples};
use image::DynamicImage;
use levels::Judgement;
use problem::found;
use proto::data::{MaskRule, MaskValue};

/// Which pixels of a picture are lesion.
#[derive(Debug)]
pub(super) struct Mask {
    /// Pixels per row.
    pub(super) width: u32,
    /// Rows.
    pub(super) height: u32,
    /// 1 where the lesion is, else 0: `[height, width]`. A mask of a single level that is not black is 1 everywhere.
    pub(super) pixels: Vec<u8>,
    /// The levels in the file, if the file itself says what is lesion.
    pub(super) levels: Option<Levels>,
}

/// The levels of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Levels {
    /// The darkest.
    pub(super) low: MaskValue,
    /// The brightest; the same in a mask of a single level.
    pub(super) high: MaskValue,
    /// The largest value that the file could hold.
    pub(super) white: u16,
}

impl Levels {
    /// Whether the whole mask has one value.
    pub(super) fn is_single(&self) -> bool {
        self.low == self.high
    }
}

/// Reads a mask.
///
/// # Errors
/// If the samples do not say what is lesion, or the rule does not fit them.
pub(super) fn read(picture: DynamicImage, rule: &MaskRule) -> Result<Mask, MaskProblem> {
    let Channels { color, alpha, width, height } = Channels::of(picture);
    let (pixels, levels) = match rule {
        MaskRule::Levels => by_levels(color, alpha.filter(Gray::varies), width)?,
        MaskRule::Lesion(values) => (color.one_of(values), None),
        MaskRule::Threshold(least) => (color.at_least(*least), None),
        MaskRule::Alpha => two_levels(Samples::Gray(alpha.ok_or(MaskProblem::NoAlpha)?), width)?,
    };
    Ok(Mask { width, height, pixels, levels })
}

/// Pixels of a mask, 0 or 1, and its levels.
type Read = (Vec<u8>, Option<Levels>);

/// Reads what a file says by itself. `alpha` is given only if it says something.
fn by_levels(color: Samples, alpha: Option<Gray>, width: u32) -> Result<Read, MaskProblem> {
    let Some(alpha) = alpha.map(Samples::Gray) else { return two_levels(color, width) };
    let (of_color, of_alpha) = (found(&color), found(&alpha));
    let (pixels, levels) = two_levels(color, width)?;
    if let Some(Levels { low: color, .. }) = levels.filter(Levels::is_single) {
        return Err(MaskProblem::OnlyAlpha { color, alpha: of_alpha });
    }
    let same = two_levels(alpha, width).is_ok_and(|(other, _)| is_nearly_equal(&pixels, &other));
    if same { Ok((pixels, levels)) } else { Err(MaskProblem::ColorAndAlpha { color: of_color, alpha: of_alpha }) }
}

/// Whether two masks differ in at most one pixel of 200: the edges of one may be soft.
fn is_nearly_equal(one: &[u8], other: &[u8]) -> bool {
    let different = one.iter().zip(other).filter(|(one, other)| one != other).count();
    200 * different <= one.len()
}

fn two_levels(samples: Samples, width: u32) -> Result<Read, MaskProblem> {
    match &samples {
        Samples::Gray(gray) => {
            let white = gray.white();
            let (low, high, least) = match levels::judge(gray, width) {
                Judgement::Single(value) => (value, value, 1),
                Judgement::Two { low, high, least } => (low, high, least),
                Judgement::Neither => return Err(MaskProblem::Values(found(&samples))),
            };
            let levels = Levels { low: MaskValue::Gray(low), high: MaskValue::Gray(high), white };
            Ok((samples.at_least(least), Some(levels)))
        }
        Samples::Color(pixels) => {
            let white = u8::MAX.into();
            let (low, high) = match levels::two_values(pixels) {
                Some((one, other)) if one == other => (MaskValue::Color(one), one),
                Some(([0, 0, 0], color) | (color, [0, 0, 0])) => (MaskValue::Gray(0), color),
                // what is not black and one colour has to be named
                _ => return Err(MaskProblem::Values(found(&samples))),
            };
            let levels = Levels { low, high: MaskValue::Color(high), white };
            Ok((samples.one_of(&[MaskValue::Color(high)]), Some(levels)))
        }
    }
}
