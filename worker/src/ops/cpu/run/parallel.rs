//! Independent tasks on the threads of the rayon pool.
//!
//! A task computes the same whatever the number of threads, and no sum crosses tasks, so results have the same bits on one thread
//! and on many. A pool of one thread is bypassed: handing work over would only cost time.

use rayon::prelude::*;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

fn alone() -> bool {
    rayon::current_num_threads() == 1
}

/// `task(i)` for every `i`, collected in order.
pub(crate) fn collect<R: Send>(tasks: usize, task: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    if alone() || tasks < 2 { (0..tasks).map(task).collect() } else { (0..tasks).into_par_iter().map(task).collect() }
}

/// `task(scratch, i)` for every `i`, collected in order. Successive tasks of a thread share a scratch.
pub(crate) fn collect_with<W, R: Send>(
    tasks: usize,
    scratch: impl Fn() -> W + Sync + Send,
    task: impl Fn(&mut W, usize) -> R + Sync + Send,
) -> Vec<R> {
    if alone() || tasks < 2 {
        let mut scratch = scratch();
        (0..tasks).map(|index| task(&mut scratch, index)).collect()
    } else {
        (0..tasks).into_par_iter().map_init(scratch, task).collect()
    }
}

/// `task(part)` for every part.
pub(crate) fn each<P: Send>(parts: Vec<P>, task: impl Fn(P) + Sync + Send) {
    if alone() || parts.len() < 2 { parts.into_iter().for_each(task) } else { parts.into_par_iter().for_each(task) }
}

/// Both tasks, the second on another thread if one is free.
pub(crate) fn join<A: Send, B: Send>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B) {
    if alone() { (first(), second()) } else { rayon::join(first, second) }
}

/// Cuts `items` into chunks of `size` and calls `task(i, chunk)` for each.
pub(crate) fn chunks<T: Send>(items: &mut [T], size: usize, task: impl Fn(usize, &mut [T]) + Sync + Send) {
    if alone() || items.len() <= size {
        items.chunks_mut(size).enumerate().for_each(|(i, chunk)| task(i, chunk));
    } else {
        items.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| task(i, chunk));
    }
}

/// A new vector of `count` items, all of which `write` writes: no zeros are written first.
///
/// # Safety
/// `write` writes every item.
pub(crate) unsafe fn written<T>(count: usize, write: impl FnOnce(&Scattered<'_, MaybeUninit<T>>)) -> Vec<T> {
    let mut items = Vec::with_capacity(count);
    write(&Scattered::new(&mut items.spare_capacity_mut()[..count]));
    // SAFETY: there is room for them, and the caller promises that all were written.
    unsafe { items.set_len(count) }
    items
}

/// A new vector of `count` items, in chunks of `size` that `task(i, chunk)` writes.
///
/// # Safety
/// `task` writes every item of its chunk.
pub(crate) unsafe fn written_chunks<T: Send>(
    count: usize,
    size: usize,
    task: impl Fn(usize, &mut [MaybeUninit<T>]) + Sync + Send,
) -> Vec<T> {
    let mut items = Vec::with_capacity(count);
    chunks(&mut items.spare_capacity_mut()[..count], size, task);
    // SAFETY: there is room for them, and the caller promises that all were written.
    unsafe { items.set_len(count) }
    items
}

/// A slice whose parts different tasks write; unlike chunks, the parts of a task need not be adjacent.
pub(crate) struct Scattered<'a, T> {
    start: *mut T,
    length: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: every part of the slice of `T` is lent to one task only.
unsafe impl<T: Send> Sync for Scattered<'_, T> {}
// SAFETY: every part of the slice of `T` is lent to one task only.
unsafe impl<T: Send> Send for Scattered<'_, T> {}

impl<'a, T> Scattered<'a, T> {
    /// Borrows the slice until the tasks are done.
    pub(crate) fn new(items: &'a mut [T]) -> Self {
        Self { start: items.as_mut_ptr(), length: items.len(), borrowed: PhantomData }
    }

    /// Where `count` items from `item` on lie; panics if there are fewer.
    #[inline(always)]
    pub(crate) fn place(&self, item: usize, count: usize) -> *mut T {
        assert!(item + count <= self.length);
        self.start.wrapping_add(item)
    }

    /// `count` items from `start` on.
    ///
    /// # Safety
    /// Nothing else refers to any of them.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "the caller's promise makes the parts disjoint")]
    pub(crate) unsafe fn slice(&self, start: usize, count: usize) -> &mut [T] {
        assert!(start + count <= self.length);
        // SAFETY: in bounds, and the caller promises that nothing else refers to them.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), count) }
    }
}
