//! One pass over a variable, its gradient and what its rule remembers of it, on the CPU: each number is read and written once.

use super::Part;
use crate::ops::parallel::{self, Scattered};
use crate::ops::storage::{Elements, by_float, lend};
use crate::ops::{Real, dispatch};
use candle_core::{Result, Tensor};

/// Elements that a task updates.
const CHUNK: usize = 1 << 16;

/// What becomes of an element, of which `N` numbers are remembered.
pub(super) trait Update<const N: usize>: Copy + Send + Sync {
    /// The new value, and what is remembered now.
    fn apply<T: Real>(&self, value: T, gradient: T, state: [T; N]) -> (T, [T; N]);
}

/// Updates a variable and its state, tensors of its type and size.
pub(super) fn run<const N: usize>(part: &Part<'_>, update: impl Update<N>) -> Result<()> {
    let Part { variable, gradient, state } = part;
    by_float!(variable.dtype(), T => {
        let gradient = Elements::of(gradient);
        let gradient = gradient.slice::<T>()?;
        let mut changed = Ok(());
        lend(variable, |values: &mut [T]| {
            lend_each(state, Vec::new(), &mut |state| changed = pass(values, gradient, state, update))
        })??;
        changed
    })
}

/// Lends the elements of all tensors at once, `lent` before them.
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
    let Ok(state) = <[_; N]>::try_from(state) else { candle_core::bail!("an update remembers {N} tensors a variable") };
    if !fits {
        candle_core::bail!("a gradient of {} elements for a variable of {}", gradient.len(), values.len());
    }
    let state = state.map(Scattered::new);
    parallel::chunks(values, CHUNK, |chunk, values| {
        let (start, count) = (chunk * CHUNK, values.len());
        let gradient = &gradient[start..start + count];
        // SAFETY: chunks do not overlap.
        let mut state = state.each_ref().map(|state| unsafe { state.slice(start, count) });
        dispatch(
            #[inline(always)]
            || {
                for (index, (value, &gradient)) in values.iter_mut().zip(gradient).enumerate() {
                    let remembered;
                    (*value, remembered) = update.apply(*value, gradient, state.each_ref().map(|state| state[index]));
                    for (state, remembered) in state.iter_mut().zip(remembered) {
                        state[index] = remembered;
                    }
                }
            },
        );
    });
    Ok(())
}
