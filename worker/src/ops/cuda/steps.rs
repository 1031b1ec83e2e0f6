//! Steps of the update rules and of the running statistics, in place: all tensors of a network in one launch or two.

use super::engine::{Argument, Engine, Grid, MAX_TENSORS, Tensors, number};
use super::operand::{Variant, address, device, expect};
use crate::ops::steps::{AdamStep, SgdStep};
use candle_core::{DType, Device, Result, Tensor, bail};

use Argument::{Address, Factor};

/// Changes parameters and both moments: `[parameters, gradients, first, second]`, contiguous f32 tensors of one size each.
pub(crate) fn adam(tensors: &[[&Tensor; 4]], step: AdamStep) -> Result<()> {
    let AdamStep { decay, betas, epsilon, keep, size, root } = step;
    // 1 - beta is taken in f64: in f32 it would be off by 1e-5 of itself
    let factors = [decay, 1.0 - betas.0, betas.1, 1.0 - betas.1, keep, size, root, epsilon];
    update("adam", tensors, |_| 0.0, &factors.map(|factor| Factor(factor as f32)))
}

/// Changes parameters and velocities: `[parameters, gradients, velocity]`, contiguous f32 tensors of one size each.
pub(crate) fn sgd(tensors: &[[&Tensor; 3]], step: SgdStep) -> Result<()> {
    let SgdStep { decay, momentum, nesterov, learning_rate } = step;
    let (old, new) = if nesterov { (momentum, 1.0) } else { (1.0, 0.0) };
    update("sgd", tensors, |_| 0.0, &[decay, momentum, old, new, learning_rate].map(|factor| Factor(factor as f32)))
}

/// `running = keep running + share latest`: `[running, latest]`, contiguous f32 tensors of one size each, and their shares.
pub(super) fn blend(tensors: &[[&Tensor; 2]], shares: &[f64], keep: f64) -> Result<()> {
    update("blend", tensors, |index| shares[index], &[Factor(keep as f32)])
}

/// Whether no element of the contiguous f32 tensors is infinite or not a number. Waits for the device.
pub(super) fn are_finite(tensors: &[&Tensor]) -> Result<bool> {
    let Some(first) = tensors.first() else { return Ok(true) };
    let found = Tensor::zeros(1, DType::U32, first.device())?;
    let tensors: Vec<_> = tensors.iter().map(|tensor| [*tensor]).collect();
    update("find_not_finite", &tensors, |_| 0.0, &[Address(address(&found)?)])?;
    Ok(found.to_device(&Device::Cpu)?.to_vec1::<u32>()? == [0])
}

/// Starts a kernel of `steps.cu` for every [`MAX_TENSORS`] tensors. `factor` gives a tensor's own number; `arguments` follow the table.
fn update<const OPERANDS: usize>(
    name: &'static str,
    tensors: &[[&Tensor; OPERANDS]],
    factor: impl Fn(usize) -> f64,
    arguments: &[Argument<'_>],
) -> Result<()> {
    for (launch, group) in tensors.chunks(MAX_TENSORS).enumerate() {
        let mut table = Tensors {
            at: [[0; MAX_TENSORS]; 4],
            ends: [0; MAX_TENSORS],
            factors: [0.0; MAX_TENSORS],
            count: number(group.len())?,
        };
        let mut total = 0;
        for (index, operands) in group.iter().enumerate() {
            for (at, operand) in table.at.iter_mut().zip(operands) {
                expect(operand, DType::F32, operand.dims())?;
                if operand.elem_count() != operands[0].elem_count() {
                    bail!("an update of {:?} by {:?}: expected equal sizes", operands[0].dims(), operand.dims());
                }
                at[index] = address(operand)?;
            }
            total += operands[0].elem_count();
            table.ends[index] = number(total)?;
            table.factors[index] = factor(launch * MAX_TENSORS + index) as f32;
        }
        let arguments = [&[Argument::Tensors(&table)], arguments].concat();
        let engine = Engine::of(device(group[0][0])?)?;
        engine.launch(name, Variant::single(DType::F32), Grid::each(total), &arguments)?;
    }
    Ok(())
}
