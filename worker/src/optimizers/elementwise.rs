//! One pass over a variable, its gradient and its state, on the CPU: each number is read and written once.

use super::Part;
use crate::ops::parallel;
use crate::ops::storage::{by_float, lend, read};
use crate::ops::{Real, vectorize};
use candle_core::{Result, Tensor};

/// Elements that a task updates.
const CHUNK: usize = 1 << 16;

/// An update rule for one element, whose state is `N` numbers.
pub(super) trait Update<const N: usize>: Copy + Send + Sync {
    /// The new value and state.
    fn apply<T: Real>(&self, value: T, gradient: T, state: [T; N]) -> (T, [T; N]);
}

/// Updates a variable and its state, tensors of its type and size.
pub(super) fn run<const N: usize>(part: &Part<'_>, update: impl Update<N>) -> Result<()> {
    let Part { variable, gradient, state } = part;
    by_float!(variable.dtype(), T => read([gradient], |[gradient]: [&[T]; 1]| {
        let mut changed = Ok(());
        lend(variable, |values| {
            lend_each(state, Vec::new(), &mut |state| changed = pass(values, gradient, state, update))
        })??;
        changed
    }))
}

/// Lends the elements of all tensors at once, after those in `lent`.
fn lend_each<T: Real>(tensors: &[Tensor], lent: Vec<&mut [T]>, then: &mut dyn FnMut(Vec<&mut [T]>)) -> Result<()> {
    let [tensor, others @ ..] = tensors else {
        then(lent);
        return Ok(());
    };
    lend(tensor, |elements| {
        let mut lent: Vec<&mut [T]> = lent;
        lent.push(elements);
        lend_each(others, lent, then)
    })?
}

fn pass<T: Real, const N: usize>(
    values: &mut [T],
    gradient: &[T],
    state: Vec<&mut [T]>,
    update: impl Update<N>,
) -> Result<()> {
    let fits = gradient.len() == values.len() && state.iter().all(|state| state.len() == values.len());
    let Ok(state) = <[_; N]>::try_from(state) else {
        candle_core::bail!("an update remembers {N} tensors per variable")
    };
    if !fits {
        candle_core::bail!("a gradient of {} elements for a variable of {}", gradient.len(), values.len());
    }
    let mut states = state.map(|state| state.chunks_mut(CHUNK));
    let chunks = values.chunks_mut(CHUNK).zip(gradient.chunks(CHUNK));
    let tasks = chunks.map(|(values, gradient)| {
        (values, gradient, states.each_mut().map(|chunks| chunks.next().unwrap_or_default()))
    });
    parallel::each(tasks.collect(), |(values, gradient, mut state)| {
        vectorize(
            #[inline(always)]
            || {
                // slices of one length, in which the compiler needs to check no index
                let count = values.len();
                let (gradient, state) = (&gradient[..count], state.each_mut().map(|state| &mut state[..count]));
                for index in 0..count {
                    let remembered;
                    let state_of = std::array::from_fn(|number| state[number][index]);
                    (values[index], remembered) = update.apply(values[index], gradient[index], state_of);
                    for (number, remembered) in remembered.into_iter().enumerate() {
                        state[number][index] = remembered;
                    }
                }
            },
        );
    });
    Ok(())
}
