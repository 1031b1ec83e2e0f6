//! The allocator, which keeps freed memory, in large pages.
//!
//! A training step allocates and frees the same few hundred megabytes again and again. A general allocator gives them back to
//! the system each time, which then fills every page with zeros for the next step: up to a third of a step's time.

use libmimalloc_sys::{mi_option_large_os_pages, mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Milliseconds after which freed memory goes back to the system, or -1 (`mimalloc.h`; the bindings lack it).
const PURGE_DELAY: mi_option_t = 15;

/// Lets the process keep the memory that it frees, unless the environment says otherwise (`MIMALLOC_PURGE_DELAY`,
/// `MIMALLOC_ALLOW_LARGE_OS_PAGES`). Call it first in a process that trains.
pub fn keep() {
    // SAFETY: both calls only store a number, atomically.
    unsafe {
        mi_option_set_default(PURGE_DELAY, -1);
        mi_option_set_default(mi_option_large_os_pages, 1);
    }
}
