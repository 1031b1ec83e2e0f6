//! The kinds of convolutions that networks have, and how large their results are.

use candle_core::{Result, bail};

/// A kernel's size with the border and the stride that come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// 3x3, with a border of 1.
    K3,
    /// 1x1.
    K1,
    /// 2x2, with stride 2.
    K2Stride2,
}

impl Kernel {
    /// The kind of a weight of that shape.
    ///
    /// # Errors
    /// If there is no such kind.
    pub fn of(weight: &[usize]) -> Result<Self> {
        match weight {
            [_, _, 3, 3] => Ok(Self::K3),
            [_, _, 1, 1] => Ok(Self::K1),
            [_, _, 2, 2] => Ok(Self::K2Stride2),
            _ => bail!("a kernel of shape {weight:?}: expected 3x3, 2x2 or 1x1"),
        }
    }

    /// Height and width of the result for an input of that height and width.
    ///
    /// # Errors
    /// If a size is to be halved and is odd.
    pub fn output(self, height: usize, width: usize) -> Result<(usize, usize)> {
        match self {
            Self::K2Stride2 if !height.is_multiple_of(2) || !width.is_multiple_of(2) => {
                bail!("cannot halve {height} x {width}: expected even sizes")
            }
            Self::K2Stride2 => Ok((height / 2, width / 2)),
            Self::K3 | Self::K1 => Ok((height, width)),
        }
    }

    /// Height of the kernel, and its width.
    #[must_use]
    pub fn side(self) -> usize {
        match self {
            Self::K3 => 3,
            Self::K1 => 1,
            Self::K2Stride2 => 2,
        }
    }

    /// Pixels from one place of the kernel to the next.
    #[must_use]
    pub fn stride(self) -> usize {
        match self {
            Self::K3 | Self::K1 => 1,
            Self::K2Stride2 => 2,
        }
    }
}
