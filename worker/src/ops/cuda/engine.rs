//! The state of a device from call to call: compiled kernels, cuDNN with its plans, and scratch memory.

use super::compiler::compile;
use super::cudnn::Cudnn;
use super::operand::{self, Variant, address};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaModule, DeviceRepr, LaunchConfig, PushKernelArg, result, sys,
};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::cuda_backend::{CudaDevice, DeviceId};
use candle_core::{DType, Result, Tensor, bail};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// Threads of a block.
const THREADS: usize = 256;
/// Blocks that a walk over pixels is split into, if it is long enough. A constant, so that every device sums in the same order.
const BLOCKS: usize = 1024;
/// Pixels that a thread of a walk takes at least.
const PIXELS: usize = 4;

/// Never dropped: when the process ends, CUDA may be gone first.
static ENGINES: LazyLock<Mutex<HashMap<DeviceId, Arc<Engine>>>> = LazyLock::new(Mutex::default);

/// The state of a device.
pub(super) struct Engine {
    pub(super) device: CudaDevice,
    cudnn: Mutex<Cudnn>,
    modules: Mutex<HashMap<Variant, Arc<CudaModule>>>,
    functions: Mutex<HashMap<(Variant, &'static str), CudaFunction>>,
}

/// An argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument<'a> {
    /// Where a tensor lies; 0 for none.
    Address(u64),
    /// A size, or a switch.
    Number(u32),
    /// A factor.
    Factor(f32),
    /// Many tensors at once.
    Tensors(&'a Tensors),
}

/// Maximum number of tensors of one launch: their table has to fit into the 4 KiB that all parameters of a kernel may take.
pub(super) const MAX_TENSORS: usize = 96;

/// Tensors that one launch updates, as `Tensors` of `kernels/steps.cu`: up to four operands each, with as many elements.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensors {
    /// Where the operands lie: `[operand][tensor]`.
    pub(super) at: [[u64; MAX_TENSORS]; 4],
    /// Elements of the tensors up to and with this one.
    pub(super) ends: [u32; MAX_TENSORS],
    /// A number for each tensor.
    pub(super) factors: [f32; MAX_TENSORS],
    pub(super) count: u32,
}

// SAFETY: numbers in C's layout.
unsafe impl DeviceRepr for Tensors {}

/// Blocks and threads of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    blocks: (usize, usize, usize),
    threads: (usize, usize),
}

impl Grid {
    /// A thread for each of `count`.
    pub(super) fn each(count: usize) -> Self {
        Self { blocks: (count.div_ceil(THREADS), 1, 1), threads: (THREADS, 1) }
    }

    /// `rows` rows of blocks.
    pub(super) fn rows(blocks: usize, rows: usize) -> Self {
        Self { blocks: (blocks, rows, 1), threads: (THREADS, 1) }
    }

    /// Threads that walk over the pixels of a column of a map each.
    pub(super) fn walk(pixels: usize, columns: usize) -> Self {
        let wide = columns.next_power_of_two().min(32);
        let rows = THREADS / wide;
        let across = columns.div_ceil(wide);
        let shares = pixels.div_ceil(rows * PIXELS).min(BLOCKS / across).max(1);
        Self { blocks: (across, shares, 1), threads: (wide, rows) }
    }

    /// Threads that finish the sums of a walk.
    pub(super) fn finish(channels: usize) -> Self {
        Self { blocks: (channels.div_ceil(32), 1, 1), threads: (32, 32) }
    }

    /// The same for each of so many samples.
    pub(super) fn for_each(self, samples: usize) -> Self {
        let (across, down, _) = self.blocks;
        Self { blocks: (across, down, samples), ..self }
    }

    /// Shares of the pixels in a walk.
    pub(super) fn shares(self) -> usize {
        self.blocks.1
    }
}

impl Engine {
    /// The engine of that device, made at the first call.
    pub(super) fn of(device: &CudaDevice) -> Result<Arc<Self>> {
        match lock(&ENGINES).entry(device.id()) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => {
                keep_memory(device)?;
                // SAFETY: all work goes to one stream, so that nothing has to wait for anything.
                unsafe { device.disable_event_tracking() };
                let cudnn = Mutex::new(Cudnn::new(device)?);
                let engine =
                    Self { device: device.clone(), cudnn, modules: Mutex::default(), functions: Mutex::default() };
                Ok(entry.insert(Arc::new(engine)).clone())
            }
        }
    }

    /// cuDNN, for one caller at a time.
    pub(super) fn cudnn(&self) -> MutexGuard<'_, Cudnn> {
        lock(&self.cudnn)
    }

    /// Starts a kernel of `kernels`; `arguments` are its parameters, in order.
    pub(super) fn launch(
        &self,
        name: &'static str,
        variant: Variant,
        grid: Grid,
        arguments: &[Argument<'_>],
    ) -> Result<()> {
        if grid.blocks.0 == 0 || grid.blocks.1 == 0 || grid.blocks.2 == 0 {
            return Ok(());
        }
        let function = self.function(name, variant)?;
        let stream = self.device.cuda_stream();
        let mut launch = stream.launch_builder(&function);
        for argument in arguments {
            match argument {
                Argument::Address(address) => launch.arg(address),
                Argument::Number(number) => launch.arg(number),
                Argument::Factor(factor) => launch.arg(factor),
                Argument::Tensors(tensors) => launch.arg(*tensors),
            };
        }
        let blocks = (number(grid.blocks.0)?, number(grid.blocks.1)?, number(grid.blocks.2)?);
        let threads = (number(grid.threads.0)?, number(grid.threads.1)?, 1);
        // SAFETY: the arguments are those of the kernel, which the tests hold the callers to; addresses come from tensors whose
        // sizes the callers checked.
        unsafe { launch.launch(LaunchConfig { grid_dim: blocks, block_dim: threads, shared_mem_bytes: 0 })? };
        Ok(())
    }

    /// Sums over the shares of `partial` `[shares, c]`, or `[samples, shares, c]`: f32 `[c]`, or `[samples, c]`, divided by the root of
    /// the variance (and epsilon) if it is given.
    pub(super) fn finish_sums(&self, partial: &Tensor, variance: Option<&Tensor>) -> Result<Tensor> {
        let (samples, shares, channels, sums) = match *partial.dims() {
            [shares, channels] => (1, shares, channels, operand::empty(channels, DType::F32, &self.device)?),
            _ => {
                let (samples, shares, channels) = partial.dims3()?;
                (samples, shares, channels, operand::empty((samples, channels), DType::F32, &self.device)?)
            }
        };
        let arguments = [
            Argument::Address(address(partial)?),
            Argument::Address(variance.map_or(Ok(0), address)?),
            Argument::Address(address(&sums)?),
            Argument::Number(number(channels)?),
            Argument::Number(number(shares)?),
        ];
        let grid = Grid::finish(channels).for_each(samples);
        self.launch("finish_sums", Variant::single(DType::F32), grid, &arguments)?;
        Ok(sums)
    }

    fn function(&self, name: &'static str, variant: Variant) -> Result<CudaFunction> {
        match lock(&self.functions).entry((variant, name)) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => Ok(entry.insert(self.module(variant)?.load_function(name)?).clone()),
        }
    }

    fn module(&self, variant: Variant) -> Result<Arc<CudaModule>> {
        match lock(&self.modules).entry(variant) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => {
                let stream = self.device.cuda_stream();
                let (major, minor) = stream.context().compute_capability()?;
                let binary = compile(variant, &format!("sm_{major}{minor}"))?;
                Ok(entry.insert(stream.context().load_module(Ptx::from_binary(binary))?).clone())
            }
        }
    }
}

/// A size as kernels count.
pub(super) fn number(size: usize) -> Result<u32> {
    // every index into a map has to fit, so that kernels can do without 64 bits
    match i32::try_from(size) {
        Ok(_) => Ok(size as u32),
        Err(_) => bail!("{size} elements are too many for one map: use smaller batches"),
    }
}

/// Lets the process keep the memory that it freed: by default all of it goes back to the driver whenever the host waits.
fn keep_memory(device: &CudaDevice) -> Result<()> {
    let stream = device.cuda_stream();
    stream.context().bind_to_thread()?;
    let mut threshold = u64::MAX;
    // SAFETY: the device is alive, and the attribute is a number of 64 bits.
    unsafe {
        // without pools there is nothing to keep
        let Ok(pool) = result::device::get_default_mem_pool(stream.context().cu_device()) else { return Ok(()) };
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut threshold).cast())?;
    }
    Ok(())
}

/// Gives back what the process freed and kept, once the device is done with it.
pub(super) fn trim(device: &CudaDevice) -> Result<()> {
    let stream = device.cuda_stream();
    stream.context().bind_to_thread()?;
    stream.synchronize()?;
    // SAFETY: the device is alive, and the pool is its own.
    unsafe {
        // without pools there is nothing to give back
        let Ok(pool) = result::device::get_default_mem_pool(stream.context().cu_device()) else { return Ok(()) };
        result::mem_pool::trim_to(pool, 0)?;
    }
    Ok(())
}

/// Has [`peak_bytes`] tell of what comes from now on.
pub(super) fn forget_peak(device: &CudaDevice) -> Result<()> {
    let stream = device.cuda_stream();
    stream.context().bind_to_thread()?;
    let mut peak = 0_u64;
    // SAFETY: the device is alive, and the attribute is a number of 64 bits.
    unsafe {
        let Ok(pool) = result::device::get_default_mem_pool(stream.context().cu_device()) else { return Ok(()) };
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut peak).cast())?;
    }
    Ok(())
}

/// The most bytes that the pool has had of the device since [`forget_peak`]; `None` without pools.
pub(super) fn peak_bytes(device: &CudaDevice) -> Result<Option<u64>> {
    let stream = device.cuda_stream();
    stream.context().bind_to_thread()?;
    let mut peak = 0_u64;
    // SAFETY: the device is alive, and the attribute is a number of 64 bits, which the driver writes.
    unsafe {
        let Ok(pool) = result::device::get_default_mem_pool(stream.context().cu_device()) else { return Ok(None) };
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH;
        sys::cuMemPoolGetAttribute(pool, attribute, (&raw mut peak).cast()).result()?;
    }
    Ok(Some(peak))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
