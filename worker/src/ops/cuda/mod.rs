//! The operations on CUDA devices: a forward and a backward function each, on detached tensors.
//!
//! ```text
//!  conv                        convolutions: pack weights, call cuDNN, add what it does not
//!    cudnn    plans of cuDNN: algorithm, workspace; what they plan is in descriptors
//!  norm, maps, steps, batches  one kernel or two each
//!    engine   what a device keeps: compiled kernels, plans, workspace
//!    compiler kernels/*.cu -> machine code, at run time
//!    operand  tensors as addresses
//! ```
//!
//! Feature maps are contiguous, channels last, `[n, h, w, c]`, of f32 or bf16; weights, moments and their gradients are f32, in
//! PyTorch's layouts. Nothing waits for the device. Results have the same bits from run to run: algorithms are chosen by name, and
//! sums are split by shape alone.
//!
//! All work of a device goes to Candle's stream for it, from one thread at a time.

#![cfg_attr(not(test), expect(dead_code, reason = "the operations of `ops` do not call these yet"))]

mod batches;
mod compiler;
mod conv;
mod cudnn;
mod descriptors;
mod engine;
mod maps;
mod norm;
mod operand;
mod steps;
#[cfg(test)]
mod tests;

#[cfg_attr(not(test), expect(unused_imports, reason = "the operations of `ops` do not call these yet"))]
pub(super) use self::{
    batches::gather_batch,
    conv::{conv_transpose2d, conv_transpose2d_backward, conv2d, conv2d_backward, describe_plans},
    maps::{add, cast, concatenate, gather, max_pool2d, scatter, split, upsample, upsample_backward},
    norm::{moments, normalize, normalize_backward},
    steps::{AdamStep, SgdStep, adam, sgd},
};

/// What convolutions multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Precision {
    /// f32, on the ordinary cores.
    F32,
    /// f32 rounded to 10 bits of mantissa, summed in f32, on the tensor cores.
    Tf32,
    /// bf16, summed in f32, on the tensor cores.
    Bf16,
}
