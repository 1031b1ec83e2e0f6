//! cuDNN on one device: which algorithm each pass of each convolution takes, and its scratch memory.
//!
//! A pass takes the first deterministic algorithm that cuDNN does not refuse, when it is planned or when it is run; what was refused is
//! remembered and told. So the bits depend on the device and cuDNN's version, and never on a search by time.

use super::algorithms::{Algorithm, Operands, Pass, Workspace};
use super::descriptors::{After, Convolution, Described, after};
use crate::ops::Planned;
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::cudnn::{CudnnError, result, sys};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use candle_core::{Result, bail};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// The end of a forward pass in the same call: a bias and perhaps ReLU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epilogue {
    /// One number per channel, of the maps' type.
    pub(super) bias: u64,
    pub(super) relu: bool,
}

/// How a pass of a convolution is run.
struct Plan {
    pass: Pass,
    described: Described,
    algorithm: Algorithm,
    /// Bytes of scratch memory.
    workspace: usize,
    /// Whether bias and ReLU are part of the call; not if cuDNN refused.
    fused: bool,
    /// A line for each candidate that cuDNN refused.
    refused: Vec<String>,
}

impl Plan {
    fn new(handle: sys::cudnnHandle_t, convolution: &Convolution, pass: Pass) -> Result<Self> {
        let described = Described::new(convolution)?;
        let mut refused = Vec::new();
        let (algorithm, workspace) = first_planned(handle, convolution, &described, pass, &mut refused)?;
        Ok(Self { pass, described, algorithm, workspace, fused: true, refused })
    }

    /// Takes the next algorithm, because cuDNN refused this one when it was run.
    fn next(&mut self, handle: sys::cudnnHandle_t, convolution: &Convolution, error: CudnnError) -> Result<()> {
        self.refused.push(format!("{} when run ({:?})", self.algorithm, error.0));
        (self.algorithm, self.workspace) =
            first_planned(handle, convolution, &self.described, self.pass, &mut self.refused)?;
        self.fused = true;
        Ok(())
    }

    /// Starts the pass; whether the epilogue was part of it.
    ///
    /// # Safety
    /// As [`Cudnn::run`].
    unsafe fn run(
        &mut self,
        handle: sys::cudnnHandle_t,
        operands: Operands,
        epilogue: Option<(u64, &After)>,
        address: u64,
    ) -> std::result::Result<bool, CudnnError> {
        let workspace = Workspace { address, bytes: self.workspace };
        let Self { algorithm, described, .. } = &*self;
        if let Some(epilogue) = epilogue.filter(|_| self.fused) {
            // SAFETY: as the caller promises.
            match unsafe { algorithm.run_with_bias(handle, described, operands, epilogue, workspace) } {
                Err(error) if is_refusal(error) => self.fused = false,
                done => return done.map(|()| true),
            }
        }
        // SAFETY: as the caller promises.
        unsafe { self.algorithm.run(handle, &self.described, operands, workspace)? };
        Ok(false)
    }
}

/// The first algorithm beyond those refused so far that cuDNN plans, with its scratch memory in bytes.
fn first_planned(
    handle: sys::cudnnHandle_t,
    convolution: &Convolution,
    described: &Described,
    pass: Pass,
    refused: &mut Vec<String>,
) -> Result<(Algorithm, usize)> {
    loop {
        match pass.candidate(refused.len(), handle, described) {
            Ok(Some(algorithm)) => match algorithm.workspace(handle, described) {
                Ok(bytes) => return Ok((algorithm, bytes)),
                Err(error) => refused.push(format!("{algorithm} when planned ({:?})", error.0)),
            },
            Ok(None) => break,
            Err(error) => {
                refused.push(format!("to suggest any other ({:?})", error.0));
                break;
            }
        }
    }
    bail!("cuDNN has no deterministic algorithm for {pass:?} of {convolution}; it refused {}", refused.join(", "))
}

/// Whether cuDNN cannot do this at all, rather than that it failed (statuses of cuDNN 9: 2xxx bad parameter, 3xxx not supported).
fn is_refusal(error: CudnnError) -> bool {
    (2000..4000).contains(&(error.0 as u32))
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

    /// The plans made so far, sorted.
    pub(super) fn plans(&self) -> Vec<Planned> {
        let planned = |(&(convolution, pass), plan): (&(Convolution, Pass), &Plan)| Planned {
            convolution: convolution.to_string(),
            pass: format!("{pass:?}"),
            algorithm: plan.algorithm.to_string(),
            workspace: plan.workspace,
            bias_apart: !plan.fused,
            refused: plan.refused.clone(),
        };
        let mut plans: Vec<_> = self.plans.iter().map(planned).collect();
        plans.sort_unstable();
        plans
    }

    /// Forgets all plans and frees their scratch memory.
    pub(super) fn forget(&mut self) {
        self.plans.clear();
        self.workspace = None;
    }

    /// Computes a pass of `convolution`. Returns whether the epilogue was part of it; if not, it is the caller's to do.
    ///
    /// # Errors
    /// If cuDNN refuses every deterministic algorithm, or fails.
    ///
    /// # Safety
    /// The addresses are those of maps, weights and a bias as `convolution` describes them.
    pub(super) unsafe fn run(
        &mut self,
        convolution: &Convolution,
        pass: Pass,
        operands: Operands,
        epilogue: Option<Epilogue>,
    ) -> Result<bool> {
        self.stream.context().bind_to_thread()?;
        let handle = self.handle;
        let plan = match self.plans.entry((*convolution, pass)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Plan::new(handle, convolution, pass)?),
        };
        let epilogue = epilogue.map(|Epilogue { bias, relu }| (bias, if relu { &self.relu } else { &self.identity }));
        loop {
            let scratch = scratch(&mut self.workspace, &self.stream, plan.workspace)?;
            // SAFETY: as the caller promises.
            match unsafe { plan.run(handle, operands, epilogue, scratch) } {
                Ok(fused) => return Ok(fused),
                Err(error) if is_refusal(error) => plan.next(handle, convolution, error)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Where scratch memory of at least that size lies.
fn scratch(workspace: &mut Option<CudaSlice<u8>>, stream: &Arc<CudaStream>, bytes: usize) -> Result<u64> {
    if workspace.as_ref().map_or(0, CudaSlice::num_bytes) < bytes {
        // the old one is freed in the order of the stream, after its last use
        *workspace = None;
        // SAFETY: cuDNN writes it before it reads it.
        *workspace = Some(unsafe { stream.alloc(bytes)? });
    }
    Ok(workspace.as_ref().map_or(0, |workspace| workspace.device_ptr(stream).0))
}

/// cuDNN's version as people write it: `9.13.1`.
pub(super) fn version() -> String {
    let version = result::get_version();
    format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
}
