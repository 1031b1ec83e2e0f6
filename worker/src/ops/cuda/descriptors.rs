//! Convolutions as cuDNN describes them. Sizes are stated in the order n, c, h, w whatever the layout; `CUDNN_TENSOR_NHWC` says how
//! they lie. A filter's are k, c, h, w; it lies as k, h, w, c.

use crate::ops::Precision;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::{DType, Result, bail};
use std::ffi::c_int;
use std::fmt;

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
        super::operand::dtype(self.precision)
    }

    fn data_type(&self) -> sys::cudnnDataType_t {
        match self.precision {
            Precision::F32 | Precision::Tf32 => sys::cudnnDataType_t::CUDNN_DATA_FLOAT,
            Precision::F64 => sys::cudnnDataType_t::CUDNN_DATA_DOUBLE,
            Precision::Bf16 => sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16,
        }
    }

    /// The arithmetic that may be used. For f32 the default is TF32 where there is any; "allow conversion" would allow f16 too.
    fn math_type(&self) -> sys::cudnnMathType_t {
        match self.precision {
            Precision::F32 | Precision::F64 => sys::cudnnMathType_t::CUDNN_FMA_MATH,
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
        pub(super) struct $name(pub(super) sys::$raw);

        impl $name {
            fn new() -> std::result::Result<Self, CudnnError> {
                result::$create().map(Self)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: `new` created it, and nothing else has it. An error would leak it, no more.
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
pub(super) struct Described {
    pub(super) x: Map,
    pub(super) y: Map,
    /// One number per channel of `y`.
    pub(super) bias: Map,
    pub(super) weight: Filter,
    pub(super) kind: Kind,
}

impl Described {
    pub(super) fn new(convolution: &Convolution) -> Result<Self> {
        let Convolution { inputs, outputs, size, .. } = *convolution;
        let data_type = convolution.data_type();
        let (weight, kind) = (Filter::new()?, Kind::new()?);
        let [border, stride] = ints([convolution.border(), convolution.stride()])?;
        let shape = ints([outputs, inputs, size, size])?;
        // SAFETY: the descriptors were just made.
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

/// ReLU or nothing. cuDNN fuses ReLU only if not-a-number may become 0. So the loss may not show that a training diverged;
/// `Network::is_finite` does, once per epoch.
pub(super) fn after(relu: bool) -> Result<After> {
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
