//! The three passes of a convolution as calls of cuDNN, and the deterministic algorithms for each.
//!
//! A pass computes one of input `x` `[n, h, w, inputs]`, weight `[outputs, size, size, inputs]` and output `y` from the other two.

use super::descriptors::{After, Described};
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use std::ffi::{c_int, c_void};
use std::fmt;

use sys::cudnnConvolutionBwdDataAlgo_t as DataAlgorithm;
use sys::cudnnConvolutionBwdFilterAlgo_t as FilterAlgorithm;
use sys::cudnnConvolutionFwdAlgo_t as ForwardAlgorithm;

type CudnnResult<T> = Result<T, CudnnError>;

/// Which of input, weight and output is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    /// The output.
    Forward,
    /// The input's gradient; also the transposed convolution.
    BackwardData,
    /// The weight's gradient.
    BackwardFilter,
}

/// How cuDNN computes a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Forward(ForwardAlgorithm),
    BackwardData(DataAlgorithm),
    BackwardFilter(FilterAlgorithm),
}

/// Where input, weight and output (or their gradients) lie; the pass writes one of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands {
    pub(super) x: u64,
    pub(super) weight: u64,
    pub(super) y: u64,
}

/// Scratch memory of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workspace {
    pub(super) address: u64,
    pub(super) bytes: usize,
}

impl Pass {
    /// Named algorithms, best first: PyTorch's choice where it must be deterministic, then one without tensor cores.
    fn named(self) -> [Algorithm; 2] {
        match self {
            Self::Forward => [
                ForwardAlgorithm::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
                ForwardAlgorithm::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
            ]
            .map(Algorithm::Forward),
            Self::BackwardData => [
                DataAlgorithm::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
                DataAlgorithm::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED,
            ]
            .map(Algorithm::BackwardData),
            Self::BackwardFilter => [
                FilterAlgorithm::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
                FilterAlgorithm::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
            ]
            .map(Algorithm::BackwardFilter),
        }
    }

    /// The candidate number `index`: the named ones, then the deterministic ones among those that cuDNN suggests.
    ///
    /// cuDNN is asked only when the named ones are refused. It answers by rule, not by time, so the bits do not change from run to run.
    ///
    /// # Errors
    /// If cuDNN has no suggestions to give.
    pub(super) fn candidate(
        self,
        index: usize,
        handle: sys::cudnnHandle_t,
        described: &Described,
    ) -> CudnnResult<Option<Algorithm>> {
        let named = self.named();
        if index < named.len() {
            return Ok(Some(named[index]));
        }
        let suggested = self.suggested(handle, described)?.into_iter();
        Ok(suggested.filter(|algorithm| !named.contains(algorithm)).nth(index - named.len()))
    }

    /// The deterministic algorithms that cuDNN suggests for the shape, best first.
    fn suggested(self, handle: sys::cudnnHandle_t, described: &Described) -> CudnnResult<Vec<Algorithm>> {
        const MAX_SUGGESTIONS: usize = 16;
        /// Calls the function with room for suggestions, and keeps what is supported and deterministic.
        macro_rules! ask {
            ($function:ident, $performance:ty, $wrap:expr, $($operand:expr),+) => {{
                let mut found = [const { std::mem::MaybeUninit::<$performance>::uninit() }; MAX_SUGGESTIONS];
                let (room, mut count): (c_int, c_int) = (MAX_SUGGESTIONS as c_int, 0);
                // SAFETY: handle and descriptors are alive, and there is room for as many suggestions as are asked for.
                unsafe { result::$function(handle, $($operand),+, room, &raw mut count, found.as_mut_ptr().cast())? };
                let count = usize::try_from(count).unwrap_or(0).min(MAX_SUGGESTIONS);
                // SAFETY: cuDNN wrote the first `count`.
                let found = found[..count].iter().map(|suggestion| unsafe { suggestion.assume_init_ref() });
                let fits = |status, determinism| {
                    status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS
                        && determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC
                };
                found.filter(|it| fits(it.status, it.determinism)).map(|it| $wrap(it.algo)).collect()
            }};
        }
        let Described { x, y, weight, kind, .. } = described;
        let suggested: Vec<Algorithm> = match self {
            Self::Forward => ask!(
                get_convolution_forward_algorithm,
                sys::cudnnConvolutionFwdAlgoPerf_t,
                Algorithm::Forward,
                x.0,
                weight.0,
                kind.0,
                y.0
            ),
            Self::BackwardData => ask!(
                get_convolution_backward_data_algorithm,
                sys::cudnnConvolutionBwdDataAlgoPerf_t,
                Algorithm::BackwardData,
                weight.0,
                y.0,
                kind.0,
                x.0
            ),
            Self::BackwardFilter => ask!(
                get_convolution_backward_filter_algorithm,
                sys::cudnnConvolutionBwdFilterAlgoPerf_t,
                Algorithm::BackwardFilter,
                x.0,
                y.0,
                kind.0,
                weight.0
            ),
        };
        // an algorithm may be listed once per kind of arithmetic; the descriptor says which is used
        let is_first = |index: &usize| !suggested[..*index].contains(&suggested[*index]);
        Ok((0..suggested.len()).filter(is_first).map(|index| suggested[index]).collect())
    }
}

impl Algorithm {
    /// The bytes of scratch memory that it needs.
    ///
    /// # Errors
    /// If cuDNN refuses the algorithm for this convolution.
    pub(super) fn workspace(self, handle: sys::cudnnHandle_t, described: &Described) -> CudnnResult<usize> {
        let Described { x, y, weight, kind, .. } = described;
        // SAFETY: handle and descriptors are alive.
        unsafe {
            match self {
                Self::Forward(algorithm) => {
                    result::get_convolution_forward_workspace_size(handle, x.0, weight.0, kind.0, y.0, algorithm)
                }
                Self::BackwardData(algorithm) => {
                    result::get_convolution_backward_data_workspace_size(handle, weight.0, y.0, kind.0, x.0, algorithm)
                }
                Self::BackwardFilter(algorithm) => result::get_convolution_backward_filter_workspace_size(
                    handle, x.0, y.0, kind.0, weight.0, algorithm,
                ),
            }
        }
    }

    /// Starts the pass.
    ///
    /// # Safety
    /// The operands are as `described` says, and the workspace is as large as it says.
    pub(super) unsafe fn run(
        self,
        handle: sys::cudnnHandle_t,
        described: &Described,
        operands: Operands,
        workspace: Workspace,
    ) -> CudnnResult<()> {
        let Described { x: x_map, y: y_map, weight: filter, kind, .. } = described;
        let (Operands { x, weight, y }, scratch) = (operands, at_mut(workspace.address));
        let bytes = workspace.bytes;
        // SAFETY: as the caller promises.
        unsafe {
            match self {
                Self::Forward(algorithm) => result::convolution_forward(
                    handle,
                    ONE,
                    x_map.0,
                    at(x),
                    filter.0,
                    at(weight),
                    kind.0,
                    algorithm,
                    scratch,
                    bytes,
                    ZERO,
                    y_map.0,
                    at_mut(y),
                ),
                Self::BackwardData(algorithm) => result::convolution_backward_data(
                    handle,
                    ONE,
                    filter.0,
                    at(weight),
                    y_map.0,
                    at(y),
                    kind.0,
                    algorithm,
                    scratch,
                    bytes,
                    ZERO,
                    x_map.0,
                    at_mut(x),
                ),
                Self::BackwardFilter(algorithm) => result::convolution_backward_filter(
                    handle,
                    ONE,
                    x_map.0,
                    at(x),
                    y_map.0,
                    at(y),
                    kind.0,
                    algorithm,
                    scratch,
                    bytes,
                    ZERO,
                    filter.0,
                    at_mut(weight),
                ),
            }
        }
    }

    /// Starts the forward pass with a bias, one number per channel, and what follows it, in one call.
    ///
    /// # Errors
    /// If cuDNN refuses, as it does for any other pass.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    pub(super) unsafe fn run_with_bias(
        self,
        handle: sys::cudnnHandle_t,
        described: &Described,
        operands: Operands,
        (bias, after): (u64, &After),
        workspace: Workspace,
    ) -> CudnnResult<()> {
        let Self::Forward(algorithm) = self else {
            return Err(CudnnError(sys::cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED));
        };
        let Described { x: x_map, y: y_map, bias: bias_map, weight: filter, kind } = described;
        let (Operands { x, weight, y }, scratch) = (operands, at_mut(workspace.address));
        // SAFETY: as the caller promises. `z` has the factor 0; it may be the output.
        unsafe {
            result::convolution_bias_activation_forward(
                handle,
                ONE,
                x_map.0,
                at(x),
                filter.0,
                at(weight),
                kind.0,
                algorithm,
                scratch,
                workspace.bytes,
                ZERO,
                y_map.0,
                at(y),
                bias_map.0,
                at(bias),
                after.0,
                y_map.0,
                at_mut(y),
            )
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(algorithm) => write!(f, "{algorithm:?}"),
            Self::BackwardData(algorithm) => write!(f, "{algorithm:?}"),
            Self::BackwardFilter(algorithm) => write!(f, "{algorithm:?}"),
        }
    }
}

const ONE: *const c_void = (&raw const FACTORS[1]).cast();
const ZERO: *const c_void = (&raw const FACTORS[0]).cast();
static FACTORS: [f32; 2] = [0.0, 1.0];

fn at(address: u64) -> *const c_void {
    address as *const c_void
}

fn at_mut(address: u64) -> *mut c_void {
    address as *mut c_void
}
