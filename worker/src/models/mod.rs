//! The networks of the reference protocol and others, layer for layer and under their names in PyTorch: a state dict saved here loads
//! there and the other way round.
//!
//! ```text
//!  parameters   variables by name, drawn from named streams: a backend of Candle's `VarBuilder`
//!  blocks       layers -> chains
//!  segnet, unet, unet2, nnunet, deeplab
//! ```
//!
//! Knows no loss, no data and no training.

mod blocks;
mod deeplab;
mod nnunet;
mod parameters;
mod segnet;
mod unet;
mod unet2;

use crate::ops::{self, Backend, Convolution, Forward, Gradients, Precision, Tape};
use blocks::Builder;
use candle_core::{DType, Device, Result, Tensor, Var, bail};
use parameters::Parameters;
use proto::spec::{Architecture, Initialization, Model, Norm};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The name of the number of forward passes in training, which PyTorch keeps beside the running statistics. Nothing here reads it.
const BATCHES: &str = "num_batches_tracked";

#[derive(Debug)]
enum Layers {
    SegNet(segnet::SegNet),
    UNet(unet::UNet),
    UNet2(unet2::UNet2),
    NnUNet(nnunet::NnUNet),
    DeepLab(Box<deeplab::DeepLab>),
}

/// A network: images `[n, 3, h, w]` in, logits `[n, 1, h, w]` out.
#[derive(Debug)]
pub struct Network {
    layers: Layers,
    parameters: Parameters,
    dtype: DType,
    backend: Box<dyn Backend>,
    batches: AtomicU64,
}

/// Builds a network for images of that height and width, with initial weights drawn from `init_seed`.
///
/// # Errors
/// If the network cannot have that norm, `device` has no kernels in this build, or allocation fails.
pub fn build(
    architecture: Architecture,
    model: Model,
    image_size: u32,
    initialization: Initialization,
    init_seed: u64,
    device: &Device,
    dtype: DType,
) -> Result<Network> {
    if model.norm == Norm::Instance && architecture == Architecture::DeepLabV3Plus {
        bail!("{architecture} cannot have instance norm: use batch or group norm");
    }
    let width = model.width as usize;
    let (layers, parameters) = Parameters::drawn(init_seed, dtype, device, |vars| {
        let residual = model.residual && matches!(architecture, Architecture::UNet | Architecture::UNet2);
        let builder = Builder { vars, initialization, norm: model.norm_of(architecture), residual };
        Ok(match architecture {
            Architecture::SegNet => Layers::SegNet(segnet::SegNet::new(&builder, width)?),
            Architecture::UNet => Layers::UNet(unet::UNet::new(&builder, width)?),
            Architecture::UNet2 => Layers::UNet2(unet2::UNet2::new(&builder, width)?),
            Architecture::NnUNet => Layers::NnUNet(nnunet::NnUNet::new(&builder, width, image_size)?),
            Architecture::DeepLabV3Plus => {
                Layers::DeepLab(Box::new(deeplab::DeepLab::new(&builder, width, image_size)?))
            }
        })
    })?;
    let backend = ops::backend(device, Convolution::Auto, Precision::F32)?;
    Ok(Network { layers, parameters, dtype, backend, batches: AtomicU64::new(0) })
}

impl Network {
    /// The same network, computed by `backend`.
    #[must_use]
    pub fn with_backend(mut self, backend: Box<dyn Backend>) -> Self {
        self.backend = backend;
        self
    }

    /// Logits, for evaluation.
    ///
    /// # Errors
    /// If height or width is not a multiple of the network's [granularity](Architecture::granularity).
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let outputs = self.layers(Forward::new(&*self.backend), images)?;
        outputs.first().map_or_else(|| bail!("a network without logits"), channels_first)
    }

    /// The mean of the logits of images and of their three mirror images, mirrored back.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_mirrored(&self, images: &Tensor) -> Result<Tensor> {
        let mirrors: [&[usize]; 3] = [&[3], &[2], &[2, 3]];
        let mut logits = self.forward(images)?;
        for axes in mirrors {
            logits = (logits + self.forward(&images.flip(axes)?)?.flip(axes)?)?;
        }
        logits / (1.0 + mirrors.len() as f64)
    }

    /// A training pass: batch norm uses the statistics of `images`, and the running ones follow.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn record(&self, images: &Tensor) -> Result<Recorded<'_>> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        let tape = Tape::default();
        let outputs = self.layers(Forward::recorded(&*self.backend, &tape), images)?;
        self.backend.blend(&tape.take_blends(), 1.0 - blocks::MOMENTUM)?;
        let logits = outputs.iter().map(channels_first).collect::<Result<_>>()?;
        Ok(Recorded { logits, outputs, tape, backend: &*self.backend })
    }

    /// The logits at full resolution, `[n, h, w, 1]`, and in training those at lower ones that are trained too.
    fn layers(&self, pass: Forward<'_>, images: &Tensor) -> Result<Vec<Tensor>> {
        let x = pass.enter(&images.to_dtype(self.dtype)?.permute((0, 2, 3, 1))?.contiguous()?)?;
        let outputs = match &self.layers {
            Layers::SegNet(network) => vec![network.forward(pass, &x)?],
            Layers::UNet(network) => vec![network.forward(pass, &x)?],
            Layers::UNet2(network) => vec![network.forward(pass, &x)?],
            Layers::NnUNet(network) => network.forward(pass, &x)?,
            Layers::DeepLab(network) => vec![network.forward(pass, &x)?],
        };
        outputs.iter().map(|output| pass.leave(output)).collect()
    }

    /// The type of the variables and the logits.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The trained variables by name.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, Var> {
        &self.parameters.trained
    }

    /// Number of trained parameters.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.parameters.trained.values().map(|variable| variable.elem_count() as u64).sum()
    }

    /// All variables, running statistics included.
    fn variables(&self) -> impl Iterator<Item = (&String, &Var)> {
        self.parameters.trained.iter().chain(&self.parameters.running)
    }

    /// The hash (BLAKE3) of all variables, running statistics included: equal if and only if every bit is.
    ///
    /// # Errors
    /// If they cannot be read from the device.
    pub fn hash(&self) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        for (name, variable) in self.variables() {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
            let values = variable.as_detached_tensor().to_device(&Device::Cpu)?;
            let values = values.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            hasher.update(&(values.len() as u64).to_le_bytes());
            for value in values {
                hasher.update(&value.to_le_bytes());
            }
        }
        Ok(hasher.finalize())
    }

    /// Whether every number of every variable is finite. Waits for the device.
    ///
    /// # Errors
    /// If they cannot be read from the device.
    pub fn is_finite(&self) -> Result<bool> {
        let tensors: Vec<_> = self.variables().map(|(_, variable)| variable.as_tensor()).collect();
        self.backend.are_finite(&tensors)
    }

    /// A copy of all variables.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let copy = |(name, variable): (&String, &Var)| Ok((name.clone(), variable.as_detached_tensor().copy()?));
        Ok(Snapshot(self.variables().map(copy).collect::<Result<_>>()?))
    }

    /// Sets the variables to those of a snapshot of this network.
    ///
    /// # Errors
    /// If a variable is missing or has another shape.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        for (name, variable) in self.variables() {
            let Some(value) = snapshot.0.get(name) else { bail!("`{name}` is missing") };
            if value.dims() != variable.dims() {
                bail!("`{name}` has shape {:?}, expected {:?}", value.dims(), variable.dims());
            }
            variable.set(&value.to_dtype(variable.dtype())?.to_device(variable.device())?)?;
        }
        Ok(())
    }

    /// Moves every variable by `share` of the way to that of `other`, a network of the same layers. Does not wait for a device.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn approach(&self, other: &Self, share: f64) -> Result<()> {
        let blend = |((_, running), (_, latest)): ((&String, &Var), (&String, &Var))| ops::Blend {
            running: running.clone(),
            latest: latest.as_detached_tensor(),
            share,
        };
        self.backend.blend(&self.variables().zip(other.variables()).map(blend).collect::<Vec<_>>(), 1.0 - share)
    }

    /// The state dict under PyTorch's names. Its tensors share the memory of the variables.
    ///
    /// # Errors
    /// If allocation fails.
    pub fn state_dict(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut tensors: BTreeMap<_, _> =
            self.variables().map(|(name, variable)| (name.clone(), variable.as_detached_tensor())).collect();
        let batches = Tensor::new(self.batches.load(Ordering::Relaxed) as i64, &Device::Cpu)?;
        let norms = self.parameters.running.keys().filter_map(|name| name.strip_suffix(parameters::RUNNING[0]));
        tensors.extend(norms.map(|norm| (format!("{norm}{BATCHES}"), batches.clone())));
        Ok(tensors)
    }

    /// The state dict as the bytes of a safetensors file.
    ///
    /// # Errors
    /// If a tensor cannot be read.
    pub fn encode(&self) -> Result<Vec<u8>> {
        Ok(safetensors::serialize(self.state_dict()?, None)?)
    }

    /// Reads the state dict in a safetensors file.
    ///
    /// # Errors
    /// If the file cannot be read, lacks a variable, has an unknown one, or one has another shape.
    pub fn load(&self, path: &Path) -> Result<()> {
        self.load_state_dict(candle_core::safetensors::load(path, &Device::Cpu)?.into_iter().collect())
    }

    /// Sets all variables to those of a state dict.
    ///
    /// # Errors
    /// If it lacks a variable, has an unknown one, or one has another shape.
    pub fn load_state_dict(&self, tensors: BTreeMap<String, Tensor>) -> Result<()> {
        let known = |name: &str| {
            name.ends_with(BATCHES)
                || self.parameters.trained.contains_key(name)
                || self.parameters.running.contains_key(name)
        };
        if let Some(name) = tensors.keys().find(|name| !known(name)) {
            bail!("`{name}` is not a variable of this network");
        }
        if let Some((_, batches)) = tensors.iter().find(|(name, _)| name.ends_with(BATCHES)) {
            let batches = batches.to_device(&Device::Cpu)?.to_dtype(DType::I64)?.flatten_all()?.to_vec1::<i64>()?;
            self.batches.store(batches.first().map_or(0, |batches| batches.unsigned_abs()), Ordering::Relaxed);
        }
        self.restore(&Snapshot(tensors.into_iter().filter(|(name, _)| !name.ends_with(BATCHES)).collect()))
    }
}

/// `[n, h, w, 1]` -> `[n, 1, h, w]`
fn channels_first(x: &Tensor) -> Result<Tensor> {
    let (n, height, width, channels) = x.dims4()?;
    x.reshape((n, channels, height, width))
}

/// A training pass.
pub struct Recorded<'a> {
    /// At full resolution, `[n, 1, h, w]`; then at lower ones that are trained too, each of half the height and width of the one before.
    pub logits: Vec<Tensor>,
    outputs: Vec<Tensor>,
    tape: Tape,
    backend: &'a dyn Backend,
}

impl Recorded<'_> {
    /// The gradients of all variables that the logits depend on, from those of the logits at each resolution.
    ///
    /// # Errors
    /// If a gradient does not fit.
    pub fn backward(self, gradients: &[Tensor]) -> Result<Gradients> {
        let of_output = |(output, gradient): (&'_ Tensor, &Tensor)| gradient.reshape(output.dims())?.copy();
        // the way back changes gradients in place
        let copies = self.outputs.iter().zip(gradients).map(of_output).collect::<Result<Vec<_>>>()?;
        self.tape.backward_from(self.backend, self.outputs.iter().zip(copies).collect())
    }
}

/// A copy of a network's variables.
#[derive(Debug)]
pub struct Snapshot(BTreeMap<String, Tensor>);

impl Snapshot {
    /// The copy that these tensors are, by the names of the variables.
    #[must_use]
    pub fn of(tensors: BTreeMap<String, Tensor>) -> Self {
        Self(tensors)
    }

    /// The tensors by the names of the variables.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.0
    }
}
