//! cuDNN's convolutions on channels-last maps, as planned calls. Nothing but this and `descriptors` knows cuDNN.
//!
//! All three passes are described by the same convolution: input `x` `[n, h, w, inputs]`, weight `[outputs, size, size, inputs]`,
//! output `y`.
//!
//! Algorithms are named, deterministic ones, so that the bits do not depend on a search by time.

use super::descriptors::{After, Convolution, Described, after};
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use candle_core::{Result, bail};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use sys::cudnnConvolutionBwdDataAlgo_t as DataAlgorithm;
use sys::cudnnConvolutionBwdFilterAlgo_t as FilterAlgorithm;
use sys::cudnnConvolutionFwdAlgo_t as ForwardAlgorithm;

/// Deterministic algorithms, best first; the first that cuDNN takes for a shape is used.
const FORWARD: [ForwardAlgorithm; 2] = [
    ForwardAlgorithm::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
    ForwardAlgorithm::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
];
const BACKWARD_DATA: [DataAlgorithm; 2] = [
    DataAlgorithm::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
    DataAlgorithm::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED,
];
const BACKWARD_FILTER: [FilterAlgorithm; 2] = [
    FilterAlgorithm::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
    FilterAlgorithm::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
];

/// What is computed from the other two of input, weight and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Pass {
    Forward,
    BackwardData,
    BackwardFilter,
}

#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Forward(ForwardAlgorithm),
    BackwardData(DataAlgorithm),
    BackwardFilter(FilterAlgorithm),
}

/// What follows a forward pass in the same call: a bias and perhaps ReLU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epilogue {
    /// One number a channel, of the maps' type.
    pub(super) bias: u64,
    pub(super) relu: bool,
}

/// How a pass of a convolution is run.
struct Plan {
    described: Described,
    algorithm: Algorithm,
    /// Bytes of scratch memory.
    workspace: usize,
    /// Whether bias and ReLU are part of the call; not if cuDNN refused.
    fused: bool,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            Algorithm::Forward(algorithm) => write!(f, "{algorithm:?}")?,
            Algorithm::BackwardData(algorithm) => write!(f, "{algorithm:?}")?,
            Algorithm::BackwardFilter(algorithm) => write!(f, "{algorithm:?}")?,
        }
        write!(f, ", {} bytes of workspace{}", self.workspace, if self.fused { "" } else { ", bias apart" })
    }
}

/// The library's handle, the plans made so far and their scratch memory.
pub(super) struct Cudnn {
    handle: sys::cudnnHandle_t,
    stream: Arc<CudaStream>,
    plans: HashMap<(Convolution, Pass), Plan>,
    workspace: Option<CudaSlice<u8>>,
    identity: After,
    relu: After,
}

// SAFETY: handle and descriptors may be used by any thread, one at a time, as `&mut self` ensures.
unsafe impl Send for Cudnn {}

impl Cudnn {
    /// Opens cuDNN on the device's stream.
    pub(super) fn new(device: &CudaDevice) -> Result<Self> {
        let stream = device.cuda_stream();
        stream.context().bind_to_thread()?;
        let handle = result::create_handle()?;
        // SAFETY: the handle was just made, and the stream is kept beside it.
        unsafe { result::set_stream(handle, stream.cu_stream().cast())? };
        Ok(Self { handle, stream, plans: HashMap::new(), workspace: None, identity: after(false)?, relu: after(true)? })
    }

    /// The plans made so far, one a line, sorted.
    pub(super) fn describe(&self) -> String {
        let line =
            |(&(convolution, pass), plan): (&(Convolution, Pass), &Plan)| format!("{convolution}, {pass:?}: {plan}");
        let mut lines: Vec<_> = self.plans.iter().map(line).collect();
        lines.sort_unstable();
        format!("cuDNN {}\n{}", result::get_version(), lines.join("\n"))
    }

    /// `y` of `x` and `weight`. Returns whether the epilogue was part of it; if not, it is the caller's to do.
    ///
    /// # Safety
    /// The addresses are those of maps, weights and a bias as `convolution` describes them.
    pub(super) unsafe fn forward(
        &mut self,
        convolution: &Convolution,
        [x, weight, y]: [u64; 3],
        epilogue: Option<Epilogue>,
    ) -> Result<bool> {
        let (identity, rectified) = (self.identity.0, self.relu.0);
        let Call { handle, plan, workspace } = self.call(convolution, Pass::Forward)?;
        let Algorithm::Forward(algorithm) = plan.algorithm else { bail!("a plan of another pass") };
        let Described { x: x_map, y: y_map, bias: bias_map, weight: filter, kind } = &plan.described;
        if let Some(Epilogue { bias, relu }) = epilogue.filter(|_| plan.fused) {
            let after = if relu { rectified } else { identity };
            // SAFETY: as the caller promises. `z` has the factor 0; it may be the output.
            let done = unsafe {
                result::convolution_bias_activation_forward(
                    handle,
                    ONE,
                    x_map.0,
                    at(x),
                    filter.0,
                    at(weight),
                    kind.0,
                    algorithm,
                    workspace,
                    plan.workspace,
                    ZERO,
                    y_map.0,
                    at(y),
                    bias_map.0,
                    at(bias),
                    after,
                    y_map.0,
                    at_mut(y),
                )
            };
            match done {
                Ok(()) => return Ok(true),
                Err(error) if refused(error) => plan.fused = false,
                Err(error) => return Err(error.into()),
            }
        }
        // SAFETY: as the caller promises.
        unsafe {
            result::convolution_forward(
                handle,
                ONE,
                x_map.0,
                at(x),
                filter.0,
                at(weight),
                kind.0,
                algorithm,
                workspace,
                plan.workspace,
                ZERO,
                y_map.0,
                at_mut(y),
            )?;
        }
        Ok(false)
    }

    /// The gradient `dx` of `weight` and `dy`; also the transposed convolution of `dy`.
    ///
    /// # Safety
    /// As [`forward`](Self::forward).
    pub(super) unsafe fn backward_data(&mut self, convolution: &Convolution, [weight, dy, dx]: [u64; 3]) -> Result<()> {
        let Call { handle, plan, workspace } = self.call(convolution, Pass::BackwardData)?;
        let Algorithm::BackwardData(algorithm) = plan.algorithm else { bail!("a plan of another pass") };
        let Described { x, y, weight: filter, kind, .. } = &plan.described;
        // SAFETY: as the caller promises.
        unsafe {
            result::convolution_backward_data(
                handle,
                ONE,
                filter.0,
                at(weight),
                y.0,
                at(dy),
                kind.0,
                algorithm,
                workspace,
                plan.workspace,
                ZERO,
                x.0,
                at_mut(dx),
            )?;
        }
        Ok(())
    }

    /// The gradient `dw`, packed as the weight, of `x` and `dy`.
    ///
    /// # Safety
    /// As [`forward`](Self::forward).
    pub(super) unsafe fn backward_filter(&mut self, convolution: &Convolution, [x, dy, dw]: [u64; 3]) -> Result<()> {
        let Call { handle, plan, workspace } = self.call(convolution, Pass::BackwardFilter)?;
        let Algorithm::BackwardFilter(algorithm) = plan.algorithm else { bail!("a plan of another pass") };
        let Described { x: x_map, y, weight, kind, .. } = &plan.described;
        // SAFETY: as the caller promises.
        unsafe {
            result::convolution_backward_filter(
                handle,
                ONE,
                x_map.0,
                at(x),
                y.0,
                at(dy),
                kind.0,
                algorithm,
                workspace,
                plan.workspace,
                ZERO,
                weight.0,
                at_mut(dw),
            )?;
        }
        Ok(())
    }

    /// The plan of a pass, made at its first call, with enough scratch memory.
    fn call(&mut self, convolution: &Convolution, pass: Pass) -> Result<Call<'_>> {
        self.stream.context().bind_to_thread()?;
        let plan = match self.plans.entry((*convolution, pass)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(plan(self.handle, convolution, pass)?),
        };
        if self.workspace.as_ref().map_or(0, CudaSlice::num_bytes) < plan.workspace {
            // the old one is freed in the order of the stream, after its last use
            self.workspace = None;
            // SAFETY: nobody reads it before cuDNN wrote it.
            self.workspace = Some(unsafe { self.stream.alloc(plan.workspace)? });
        }
        let workspace = self.workspace.as_ref().map_or(0, |workspace| workspace.device_ptr(&self.stream).0);
        Ok(Call { handle: self.handle, plan, workspace: at_mut(workspace) })
    }
}

/// A planned call.
struct Call<'a> {
    handle: sys::cudnnHandle_t,
    plan: &'a mut Plan,
    workspace: *mut c_void,
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

/// Whether cuDNN cannot do this at all, rather than that it failed (statuses of cuDNN 9: 2xxx bad parameter, 3xxx not supported).
fn refused(error: CudnnError) -> bool {
    (2000..4000).contains(&(error.0 as u32))
}

fn plan(handle: sys::cudnnHandle_t, convolution: &Convolution, pass: Pass) -> Result<Plan> {
    let described = Described::new(convolution)?;
    let Described { x, y, weight, kind, .. } = &described;
    // SAFETY: handle and descriptors are alive.
    let found = unsafe {
        match pass {
            Pass::Forward => first(FORWARD, Algorithm::Forward, |algorithm| {
                result::get_convolution_forward_workspace_size(handle, x.0, weight.0, kind.0, y.0, algorithm)
            }),
            Pass::BackwardData => first(BACKWARD_DATA, Algorithm::BackwardData, |algorithm| {
                result::get_convolution_backward_data_workspace_size(handle, weight.0, y.0, kind.0, x.0, algorithm)
            }),
            Pass::BackwardFilter => first(BACKWARD_FILTER, Algorithm::BackwardFilter, |algorithm| {
                result::get_convolution_backward_filter_workspace_size(handle, x.0, y.0, kind.0, weight.0, algorithm)
            }),
        }
    };
    match found {
        Ok((algorithm, workspace)) => Ok(Plan { described, algorithm, workspace, fused: true }),
        Err(error) => bail!("cuDNN has no deterministic algorithm for {pass:?} of {convolution}: {error}"),
    }
}

/// The first algorithm that has a workspace, with its size in bytes; else why the last one has not.
fn first<A: Copy, const N: usize>(
    candidates: [A; N],
    wrap: impl Fn(A) -> Algorithm,
    workspace: impl Fn(A) -> std::result::Result<usize, CudnnError>,
) -> std::result::Result<(Algorithm, usize), CudnnError> {
    let mut reason = CudnnError(sys::cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED);
    for candidate in candidates {
        match workspace(candidate) {
            Ok(bytes) => return Ok((wrap(candidate), bytes)),
            Err(error) => reason = error,
        }
    }
    Err(reason)
}
