//! The kernels' source -> machine code, by NVRTC.

use super::operand::Variant;
use candle_core::cuda_backend::cudarc::nvrtc::{result as nvrtc, sys};
use candle_core::{DType, Error, Result, bail};
use std::ffi::{CStr, CString};

const SOURCE: &str = concat!(
    include_str!("kernels/common.cu"),
    include_str!("kernels/conv.cu"),
    include_str!("kernels/norm.cu"),
    include_str!("kernels/maps.cu"),
    include_str!("kernels/steps.cu"),
    include_str!("kernels/losses.cu"),
);

/// The machine code of the kernels for an architecture, as `sm_90`.
///
/// Machine code, not PTX: a driver that is older than NVRTC runs the one and refuses the other.
pub(super) fn compile(variant: Variant, architecture: &str) -> Result<Vec<u8>> {
    let real = match variant.dtype {
        DType::F32 => "float",
        DType::BF16 => "bf16",
        other => bail!("no kernels for {other:?}"),
    };
    let options = [
        format!("--gpu-architecture={architecture}"),
        "--std=c++17".to_owned(),
        format!("--define-macro=REAL={real}"),
        format!("--define-macro=LANES={}", variant.lanes),
    ];
    let source = CString::new(SOURCE).map_err(Error::wrap)?;
    let program = nvrtc::create_program(&source, Some(c"kernels.cu")).map_err(Error::debug)?;
    // SAFETY: the program was just made, and is destroyed here, after its last use.
    unsafe {
        let binary = machine_code(program, &options);
        nvrtc::destroy_program(program).map_err(Error::debug)?;
        binary
    }
}

/// NVRTC's version: `13.0`.
pub(super) fn version() -> String {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: NVRTC writes two numbers there.
    match unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }.result() {
        Ok(()) => format!("{major}.{minor}"),
        Err(_) => "unknown".to_owned(),
    }
}

/// # Safety
/// `program` was made and not destroyed.
unsafe fn machine_code(program: sys::nvrtcProgram, options: &[String]) -> Result<Vec<u8>> {
    // SAFETY: as promised; the buffer has the size that NVRTC asks for.
    unsafe {
        if let Err(error) = nvrtc::compile_program(program, options) {
            let log = nvrtc::get_program_log(program).map_err(Error::debug)?;
            let log = CStr::from_ptr(log.as_ptr()).to_string_lossy().into_owned();
            bail!("cannot compile the kernels with {options:?}: {error:?}\n{log}");
        }
        let mut size = 0;
        sys::nvrtcGetCUBINSize(program, &mut size).result().map_err(Error::debug)?;
        let mut binary = vec![0u8; size];
        sys::nvrtcGetCUBIN(program, binary.as_mut_ptr().cast()).result().map_err(Error::debug)?;
        Ok(binary)
    }
}
