//! The functions of CUDA's libraries that the program calls, each a jump through a slot that `libraries` fills.
//!
//! Candle links these libraries, so a program that lacks them would not start. Here the same names are defined in the program itself: the
//! linker needs no library, and neither does the program until it opens a device. If a new Candle calls a function that is not listed,
//! the linker takes it from the library, and the program needs that library at its start again; `tests/reference/device.sh prepare`
//! fails then. The names are hidden, so that CUDA's own libraries do not call each other through them.

use std::ffi::c_void;
use std::io::Write;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Defines the functions, their slots and the table of their names, library by library.
macro_rules! entries {
    ($($library:ident: $($function:ident)*;)*) => {
        $(
            #[doc = concat!("Functions of ", stringify!($library), ".")]
            #[allow(dead_code, reason = "RUNTIME has no library")]
            pub(super) const $library: &[&str] = &[$(stringify!($function)),*];
        )*

        /// All functions, in the order of their slots.
        const FUNCTIONS: &[&str] = &[$($(stringify!($function)),*),*];

        std::arch::global_asm!(
            ".data",
            ".balign 8",
            ".globl splitsweep_cuda_slots",
            ".hidden splitsweep_cuda_slots",
            "splitsweep_cuda_slots:",
            $($(concat!("splitsweep_slot_", stringify!($function), ": .quad {not_open}"),)*)*
            ".text",
            $($(entry!(stringify!($function)),)*)*
            not_open = sym not_open,
        );

        unsafe extern "C" {
            #[link_name = "splitsweep_cuda_slots"]
            static SLOTS: [AtomicPtr<c_void>; FUNCTIONS.len()];
        }
    };
}

/// A hidden function of that name, of these instructions.
macro_rules! function {
    ($name:expr, $($instructions:expr),+) => {
        concat!(
            "\n.globl ", $name, "\n.hidden ", $name, "\n.type ", $name, ", @function\n.balign 4\n", $name, ":\n",
            $($instructions),+
        )
    };
}

/// A function of that name that goes on at the address in its slot, with all registers as they are.
#[cfg(target_arch = "x86_64")]
macro_rules! entry {
    ($name:expr) => {
        function!($name, "jmp qword ptr [rip + splitsweep_slot_", $name, "]")
    };
}

/// A function of that name that goes on at the address in its slot; x16 is free for such jumps.
#[cfg(target_arch = "aarch64")]
macro_rules! entry {
    ($name:expr) => {
        function!(
            $name,
            "adrp x16, splitsweep_slot_",
            $name,
            "\nldr x16, [x16, :lo12:splitsweep_slot_",
            $name,
            "]\nbr x16"
        )
    };
}

/// A function of that name that returns null.
#[cfg(target_arch = "x86_64")]
macro_rules! announcement {
    ($name:expr) => {
        function!($name, "xor eax, eax\nret")
    };
}

/// A function of that name that returns null.
#[cfg(target_arch = "aarch64")]
macro_rules! announcement {
    ($name:expr) => {
        function!($name, "mov x0, xzr\nret")
    };
}

entries! {
    DRIVER:
        cuCtxDestroy_v2 cuCtxGetCurrent cuCtxSetCurrent cuCtxSynchronize cuDeviceGet cuDeviceGetAttribute
        cuDeviceGetCount cuDeviceGetDefaultMemPool cuDeviceGetName cuDeviceGetPCIBusId cuDevicePrimaryCtxRelease_v2
        cuDevicePrimaryCtxRetain cuDeviceTotalMem_v2 cuDriverGetVersion cuEventCreate cuEventDestroy_v2 cuEventRecord
        cuGetErrorString cuInit cuLaunchKernel
        cuMemAllocAsync cuMemAlloc_v2 cuMemFreeAsync cuMemFree_v2 cuMemPoolGetAttribute cuMemPoolSetAttribute
        cuMemPoolTrimTo cuMemcpyDtoDAsync_v2 cuMemcpyDtoHAsync_v2 cuMemcpyHtoDAsync_v2 cuMemcpyPeerAsync cuMemsetD8Async
        cuModuleGetFunction cuModuleLoad cuModuleLoadData cuModuleUnload cuStreamCreate cuStreamDestroy_v2
        cuStreamIsCapturing cuStreamSynchronize cuStreamWaitEvent;
    NVRTC:
        nvrtcCompileProgram nvrtcCreateProgram nvrtcDestroyProgram nvrtcGetCUBIN nvrtcGetCUBINSize nvrtcGetProgramLog
        nvrtcGetProgramLogSize nvrtcVersion;
    CUBLAS:
        cublasCreate_v2 cublasDestroy_v2 cublasDgemmStridedBatched cublasGemmStridedBatchedEx cublasSetStream_v2;
    CURAND:
        curandCreateGenerator curandDestroyGenerator curandSetPseudoRandomGeneratorSeed curandSetStream;
    CUDNN:
        cudnnConvolutionBackwardData cudnnConvolutionBackwardFilter cudnnConvolutionBiasActivationForward
        cudnnConvolutionForward cudnnCreate cudnnCreateActivationDescriptor cudnnCreateConvolutionDescriptor
        cudnnCreateFilterDescriptor cudnnCreateTensorDescriptor cudnnDestroy cudnnDestroyActivationDescriptor
        cudnnDestroyConvolutionDescriptor cudnnDestroyFilterDescriptor cudnnDestroyTensorDescriptor
        cudnnGetConvolutionBackwardDataAlgorithm_v7 cudnnGetConvolutionBackwardDataWorkspaceSize
        cudnnGetConvolutionBackwardFilterAlgorithm_v7 cudnnGetConvolutionBackwardFilterWorkspaceSize
        cudnnGetConvolutionForwardAlgorithm_v7 cudnnGetConvolutionForwardWorkspaceSize cudnnGetVersion
        cudnnSetActivationDescriptor cudnnSetConvolution2dDescriptor cudnnSetConvolutionMathType
        cudnnSetFilter4dDescriptor cudnnSetStream cudnnSetTensor4dDescriptor cudnnSetTensor4dDescriptorEx;
    RUNTIME:
        __cudaGetKernel __cudaLaunchKernel_ptsz __cudaPopCallConfiguration __cudaPushCallConfiguration
        cudaFuncSetAttribute cudaGetDevice;
}

/// Candle's kernels for quantised networks announce themselves to CUDA's runtime when the program starts. Nothing here calls them
/// (their calls, [`RUNTIME`], have no library), so these take no note. They are hidden like all others: CUDA's own libraries announce
/// theirs to the real runtime.
macro_rules! announcements {
    ($($function:ident)*) => {
        std::arch::global_asm!(".text", $(announcement!(stringify!($function))),*);
    };
}

announcements! {
    __cudaRegisterFatBinary __cudaRegisterFatBinaryEnd __cudaRegisterFunction __cudaRegisterVar
    __cudaUnregisterFatBinary
}

/// The content of a slot until its library is open.
extern "C" fn not_open() -> ! {
    let _ = writeln!(std::io::stderr(), "error: a CUDA function was called before its library was opened");
    std::process::abort()
}

/// Lets calls of `function` go to `address`. A function that is not in the list is not called, and needs no slot.
pub(super) fn set(function: &str, address: *mut c_void) {
    if let Some(index) = FUNCTIONS.iter().position(|known| *known == function) {
        // SAFETY: the assembler made as many slots as there are functions.
        let slots = unsafe { &SLOTS };
        slots[index].store(address, Ordering::Release);
    }
}
