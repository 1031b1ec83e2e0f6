//! The software that computes on a CUDA device, as results and tables name it: versions, and the algorithms that cuDNN took.

use std::fmt;

/// The versions of the software that computes on a CUDA device.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    /// cuDNN's.
    pub(crate) cudnn: String,
    /// NVRTC's.
    pub(crate) nvrtc: String,
    /// The driver's; where the system does not tell it, that of the CUDA that the driver knows.
    pub(crate) driver: String,
}

/// How cuDNN computes a pass of a convolution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// The convolution: `images x height x width x inputs -> outputs, kernel, precision`.
    pub convolution: String,
    /// `Forward`, `BackwardData` or `BackwardFilter`.
    pub pass: String,
    /// cuDNN's name of the algorithm.
    pub algorithm: String,
    /// Bytes of scratch memory.
    pub workspace: usize,
    /// Whether bias and activation are a pass of their own.
    pub bias_apart: bool,
    /// The algorithms that cuDNN refused before, when, and its reasons.
    pub refused: Vec<String>,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { convolution, pass, algorithm, workspace, bias_apart, refused } = self;
        let apart = if *bias_apart { ", bias apart" } else { "" };
        write!(f, "{convolution}, {pass}: {algorithm}, {workspace} bytes of workspace{apart}")?;
        if refused.is_empty() { Ok(()) } else { write!(f, ", refused: {}", refused.join(", ")) }
    }
}
