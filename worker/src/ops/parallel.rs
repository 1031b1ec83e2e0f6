//! Independent tasks on the threads of the rayon pool.
//!
//! What a task computes never depends on how many threads there are, and no sum crosses tasks, so results have the same bits on
//! one thread and on many. A pool of one thread is by-passed: handing work over would only cost time.

use rayon::prelude::*;

fn alone() -> bool {
    rayon::current_num_threads() == 1
}

/// `task(i)` for every `i`, collected in order.
pub(crate) fn collect<R: Send>(tasks: usize, task: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    if alone() || tasks < 2 { (0..tasks).map(task).collect() } else { (0..tasks).into_par_iter().map(task).collect() }
}

/// Cuts `items` into chunks of `size` and calls `task(i, chunk)` for each.
pub(crate) fn chunks<T: Send>(items: &mut [T], size: usize, task: impl Fn(usize, &mut [T]) + Sync + Send) {
    if alone() || items.len() <= size {
        items.chunks_mut(size).enumerate().for_each(|(i, chunk)| task(i, chunk));
    } else {
        items.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| task(i, chunk));
    }
}
