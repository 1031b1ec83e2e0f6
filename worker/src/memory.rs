//! The allocator, which keeps freed memory, in large pages, until it is told to give it back.
//!
//! A training step allocates and frees the same few hundred megabytes again and again. A general allocator gives them back to
//! the system each time, which then fills every page with zeros for the next step: up to a third of a step's time.

use libmimalloc_sys::{mi_collect, mi_option_large_os_pages, mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;
use std::ffi::c_long;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Milliseconds after which freed memory goes back to the system (`mimalloc.h`; the bindings lack it).
const PURGE_DELAY: mi_option_t = 15;
/// Eleven days: longer than trainings last. With -1, for never, [`give_back`] would not find what was freed.
const LONG_MS: c_long = 1_000_000_000;

/// Lets the process keep the memory that it frees until [`give_back`], unless the environment says otherwise (`MIMALLOC_PURGE_DELAY`,
/// `MIMALLOC_ALLOW_LARGE_OS_PAGES`). Call it first in a process that trains.
pub fn keep() {
    // SAFETY: both calls only store a number, atomically.
    unsafe {
        mi_option_set_default(PURGE_DELAY, LONG_MS);
        mi_option_set_default(mi_option_large_os_pages, 1);
    }
}

/// Gives the memory that was freed back to the system, for other processes to use.
pub fn give_back() {
    // SAFETY: it only touches what is free.
    unsafe { mi_collect(true) }
}
