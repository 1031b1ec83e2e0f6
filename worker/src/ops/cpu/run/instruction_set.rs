//! Which instruction set the kernels are compiled for: the best of this processor, or a smaller one, to measure or check that.

use pulp::{Arch, Simd, WithSimd};
use std::sync::OnceLock;

/// The instruction set of the whole process.
static LIMIT: OnceLock<Arch> = OnceLock::new();

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// The best that this processor has.
    Auto,
    /// AVX-512: 16 floats at once.
    Avx512,
    /// AVX2: 8 floats at once.
    Avx2,
    /// Any processor of this architecture.
    Portable,
}

/// An instruction set that this processor lacks.
#[derive(Debug, thiserror::Error)]
#[error("this processor has no {}: choose portable or auto", .0.name())]
pub struct MissingInstructionSet(InstructionSet);

impl InstructionSet {
    /// Every choice, the fastest first.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::Avx512, Self::Avx2, Self::Portable];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Limits this process to the instruction set, once and before anything is computed.
    ///
    /// # Errors
    /// If the processor does not have it.
    pub fn limit(self) -> Result<(), MissingInstructionSet> {
        let arch = match self {
            Self::Auto => Some(Arch::new()),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().map(Arch::V4),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().map(Arch::V3),
            Self::Portable => Some(Arch::Scalar),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => None,
        };
        LIMIT.get_or_init(|| arch.unwrap_or_default());
        arch.map(|_| ()).ok_or(MissingInstructionSet(self))
    }
}

impl std::fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What [`dispatch`] compiles for every instruction set, with everything that is inlined into it.
///
/// Not [`WithSimd`], which closures have too: it calls them by value, through a function that is not inlined if it is large, and is
/// then compiled for the smallest instruction set.
pub(crate) trait Vectorized {
    /// Runs it; must be `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S);
}

/// Runs `kernel`, compiled for the instruction set of this process.
#[inline]
pub(crate) fn dispatch(kernel: impl Vectorized) {
    struct Kernel<K>(K);

    impl<K: Vectorized> WithSimd for Kernel<K> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.run(simd);
        }
    }

    LIMIT.get_or_init(Arch::new).dispatch(Kernel(kernel));
}

/// Runs a loop that the compiler turns into vector instructions, compiled for the instruction set of this process. The closure must
/// be `#[inline(always)]`.
#[inline]
pub(crate) fn vectorize(run: impl FnMut()) {
    struct Loop<F>(F);

    impl<F: FnMut()> Vectorized for Loop<F> {
        #[inline(always)]
        fn run<S: Simd>(mut self, _: S) {
            (self.0)();
        }
    }

    dispatch(Loop(run));
}
