//! cuDNN's convolutions on channels-last maps, as planned calls. The only place that knows cuDNN.
//!
//! All three passes are described by the same convolution: input `x` `[n, h, w, inputs]`, weight `[outputs, size, size, inputs]`,
//! output `y`. Descriptors state sizes in the order n, c, h, w whatever the layout; `CUDNN_TENSOR_NHWC` says how they lie.
//!
//! Algorithms are named, deterministic ones, so that the bits do not depend on a search by time.

use super::Precision;
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use candle_core::{DType, Result, bail};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{c_int, c_void};
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

/// A convolution; channels are as many as the maps have in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Convolution {
    pub(super) images: usize,
    /// Size of the input.
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Height and width of the kernel: 3 with a border of 1, 1, or 2 with stride 2.
    pub(super) size: usize,
    pub(super) precision: Precision,
}

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

impl Convolution {
    fn border(&self) -> usize {
        usize::from(self.size == 3)
    }

    fn stride(&self) -> usize {
        if self.size == 2 { 2 } else { 1 }
    }

    /// `[n, h, w, c]` of the output.
    pub(super) fn output(&self) -> [usize; 4] {
        [self.images, self.height / self.stride(), self.width / self.stride(), self.outputs]
    }

    /// `[n, h, w, c]` of the input.
    pub(super) fn input(&self) -> [usize; 4] {
        [self.images, self.height, self.width, self.inputs]
    }

    /// The type of the maps and of the packed weights.
    pub(super) fn dtype(&self) -> DType {
        match self.precision {
            Precision::F32 | Precision::Tf32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        }
    }

    fn data_type(&self) -> sys::cudnnDataType_t {
        match self.precision {
            Precision::F32 | Precision::Tf32 => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
            Precision::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
        }
    }

    /// The arithmetic that may be used. For f32 the default is TF32 where there is any; "allow conversion" would allow f16 too.
    fn math_type(&self) -> sys::cudnnMathType_t {
        match self.precision {
            Precision::F32 => sys::cudnnMathType_t::CUDNN_FMA_MATH,
            Precision::Tf32 => sys::cudnnMathType_t::CUDNN_DEFAULT_MATH,
            Precision::Bf16 => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
        }
    }
}

impl fmt::Display for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, height, width, inputs, outputs, size, precision } = self;
        write!(f, "{images} x {height} x {width} x {inputs} -> {outputs}, {size}x{size}, {precision:?}")
    }
}

/// A descriptor of cuDNN's that is destroyed when dropped.
macro_rules! descriptor {
    ($name:ident, $raw:ident, $create:ident, $destroy:ident) => {
        struct $name(sys::$raw);

        impl $name {
            fn new() -> std::result::Result<Self, CudnnError> {
                result::$create().map(Self)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: it was created by `new`, and nobody else has it. An error would leak it, no more.
                let _ = unsafe { sys::$destroy(self.0) };
            }
        }
    };
}

descriptor!(Map, cudnnTensorDescriptor_t, create_tensor_descriptor, cudnnDestroyTensorDescriptor);
descriptor!(Filter, cudnnFilterDescriptor_t, create_filter_descriptor, cudnnDestroyFilterDescriptor);
descriptor!(Kind, cudnnConvolutionDescriptor_t, create_convolution_descriptor, cudnnDestroyConvolutionDescriptor);
descriptor!(After, cudnnActivationDescriptor_t, create_activation_descriptor, cudnnDestroyActivationDescriptor);

impl Map {
    /// A map `[n, h, w, c]`.
    fn of([n, h, w, c]: [usize; 4], data_type: sys::cudnnDataType_t) -> Result<Self> {
        let map = Self::new()?;
        let format = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        // SAFETY: the descriptor was just made.
        unsafe { result::set_tensor4d_descriptor(map.0, format, data_type, ints([n, c, h, w])?)? };
        Ok(map)
    }
}

/// A convolution as cuDNN sees it.
struct Described {
    x: Map,
    y: Map,
    /// One number a channel of `y`.
    bias: Map,
    weight: Filter,
    kind: Kind,
}

impl Described {
    fn new(convolution: &Convolution) -> Result<Self> {
        let Convolution { inputs, outputs, size, .. } = *convolution;
        let data_type = convolution.data_type();
        let (weight, kind) = (Filter::new()?, Kind::new()?);
        let [border, stride] = ints([convolution.border(), convolution.stride()])?;
        let shape = ints([outputs, inputs, size, size])?;
        // SAFETY: the descriptors were just made. The filter's sizes are stated as k, c, h, w, too; it lies as k, h, w, c.
        unsafe {
            let format = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
            result::set_filter4d_descriptor(weight.0, data_type, format, shape)?;
            let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
            let sums = sys::cudnnDataType_t::CUDNN_DATA_FLOAT;
            result::set_convolution2d_descriptor(kind.0, border, border, stride, stride, 1, 1, mode, sums)?;
            result::set_convolution_math_type(kind.0, convolution.math_type())?;
        }
        Ok(Self {
            x: Map::of(convolution.input(), data_type)?,
            y: Map::of(convolution.output(), data_type)?,
            bias: Map::of([1, 1, 1, outputs], data_type)?,
            weight,
            kind,
        })
    }
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

fn ints<const N: usize>(sizes: [usize; N]) -> Result<[c_int; N]> {
    let mut ints = [0; N];
    for (int, size) in ints.iter_mut().zip(sizes) {
        match c_int::try_from(size) {
            Ok(size) => *int = size,
            Err(_) => bail!("a size of {size} is too large for cuDNN"),
        }
    }
    Ok(ints)
}

/// Whether cuDNN cannot do this at all, rather than that it failed (statuses of cuDNN 9: 2xxx bad parameter, 3xxx not supported).
fn refused(error: CudnnError) -> bool {
    (2000..4000).contains(&(error.0 as u32))
}

/// ReLU or nothing. cuDNN fuses ReLU only if it need not keep not-a-number; the last convolution of a network has none, so a
/// diverged training shows all the same.
fn after(relu: bool) -> Result<After> {
    let mode = match relu {
        true => sys::cudnnActivationMode_t::CUDNN_ACTIVATION_RELU,
        false => sys::cudnnActivationMode_t::CUDNN_ACTIVATION_IDENTITY,
    };
    let after = After::new()?;
    let nan = sys::cudnnNanPropagation_t::CUDNN_NOT_PROPAGATE_NAN;
    // SAFETY: the descriptor was just made. ReLU has no ceiling.
    unsafe { result::set_activation_descriptor(after.0, mode, nan, f64::MAX)? };
    Ok(after)
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
