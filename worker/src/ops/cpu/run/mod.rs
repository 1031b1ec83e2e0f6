//! What kernels need of the processor and of Candle.
//!
//! ```text
//!  simd             floats and their vector registers
//!  instruction_set  which registers a kernel is compiled for
//!  parallel         tasks on threads
//!  pixel_groups     loops over pixels that have few channels
//!  scratch          memory that a thread keeps from task to task
//!  storage          Candle's storage as slices
//! ```

pub(crate) mod instruction_set;
pub(crate) mod parallel;
pub(super) mod pixel_groups;
pub(super) mod scratch;
pub(crate) mod simd;
pub(crate) mod storage;
