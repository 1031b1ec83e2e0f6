//! Independent tasks on the threads of the rayon pool.
//!
//! What a task computes never depends on how many threads there are, and no sum crosses tasks, so results have the same bits on
//! one thread and on many. A pool of one thread is by-passed: handing work over would only cost time.

use rayon::prelude::*;
use std::marker::PhantomData;

fn alone() -> bool {
    rayon::current_num_threads() == 1
}

/// `task(i)` for every `i`, collected in order.
pub(crate) fn collect<R: Send>(tasks: usize, task: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    if alone() || tasks < 2 { (0..tasks).map(task).collect() } else { (0..tasks).into_par_iter().map(task).collect() }
}

/// `task(scratch, i)` for every `i`, collected in order; tasks that follow one another on a thread share the scratch.
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

/// Cuts `items` into chunks of `size` and calls `task(i, chunk)` for each.
pub(crate) fn chunks<T: Send>(items: &mut [T], size: usize, task: impl Fn(usize, &mut [T]) + Sync + Send) {
    if alone() || items.len() <= size {
        items.chunks_mut(size).enumerate().for_each(|(i, chunk)| task(i, chunk));
    } else {
        items.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| task(i, chunk));
    }
}

/// A new vector of `count` items, all of which `write` writes: nobody has to write zeros first.
///
/// # Safety
/// `write` writes every item, and reads none before.
pub(crate) unsafe fn written<T>(count: usize, write: impl FnOnce(&Scattered<'_, T>)) -> Vec<T> {
    let mut items = Vec::with_capacity(count);
    write(&Scattered { start: items.as_mut_ptr(), length: count, borrowed: PhantomData });
    // SAFETY: there is room for them, and the caller's promise.
    unsafe { items.set_len(count) }
    items
}

/// A new vector of `count` items, in chunks of `size` that `task(i, chunk)` writes.
///
/// # Safety
/// `task` writes every item of its chunk, and reads none before.
pub(crate) unsafe fn written_chunks<T: Send>(
    count: usize,
    size: usize,
    task: impl Fn(usize, &mut [T]) + Sync + Send,
) -> Vec<T> {
    // SAFETY: chunks do not overlap; the rest is the caller's promise.
    unsafe {
        written(count, |items| {
            collect(count.div_ceil(size), |chunk| {
                task(chunk, items.slice(chunk * size, size.min(count - chunk * size)));
            });
        })
    }
}

/// A slice of which every task writes other parts, which need not be chunks.
pub(crate) struct Scattered<'a, T> {
    start: *mut T,
    length: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a slice of `T` lent to one task a part.
unsafe impl<T: Send> Sync for Scattered<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Scattered<'_, T> {}

impl<'a, T> Scattered<'a, T> {
    /// Takes the slice until the tasks are done.
    pub(crate) fn new(items: &'a mut [T]) -> Self {
        Self { start: items.as_mut_ptr(), length: items.len(), borrowed: PhantomData }
    }

    /// `count` items from `start` on.
    ///
    /// # Safety
    /// No one else holds any of them.
    #[inline(always)]
    #[expect(clippy::mut_from_ref, reason = "the caller's promise makes the parts disjoint")]
    pub(crate) unsafe fn slice(&self, start: usize, count: usize) -> &mut [T] {
        assert!(start + count <= self.length);
        // SAFETY: in bounds, and the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), count) }
    }
}
