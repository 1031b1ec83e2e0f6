//! The operations at the size of a whole training: maps of tens of millions of elements, where indices, shares of sums and scratch
//! memory are at their largest.
//!
//! Convolutions are compared at sampled places, because loops over all of them would take minutes; everything else completely. Operands
//! are numbers that bf16 holds, so every precision multiplies exactly.

use super::reference::{self, Array};
use super::{SelfTest, Size, Subject, distance, numbers};
use crate::ops::parallel;
use crate::ops::{Activation, Forward, Tape};
use crate::seed;
use candle_core::{Device, Result, Tensor, Var};
use rand::Rng;

/// Places of a map that are compared: the first, the last and those between, far apart.
const PLACES: usize = 2048;
/// Places of a kernel: a sum over all pixels each.
const KERNEL_PLACES: usize = 96;

impl SelfTest<'_> {
    /// The convolutions of the widest and the deepest layers.
    pub(super) fn full_convolutions(&mut self, Size { image_size: size, width: w, batch_size: n }: Size) -> Result<()> {
        let deep = (size / 16).max(2);
        for (height, inputs, outputs, activation) in [
            (size, 3, w, Activation::Relu),
            (size, 2 * w, w, Activation::Relu),
            (size, w, 1, Activation::Identity),
            (deep, 8 * w, 16 * w, Activation::Relu),
        ] {
            let link = Link { images: n, height, width: height, large: inputs, small: outputs, size: 3 };
            self.full_convolution("convolution 3x3, full size", link, activation, false)?;
        }
        let link = Link { images: n, height: size, width: size, large: w, small: w, size: 2 };
        self.full_convolution("convolution 2x2, stride 2, full size", link, Activation::Relu, false)?;
        let link = Link { small: 2 * w, ..link };
        self.full_convolution("transposed convolution 2x2, full size", link, Activation::Relu, true)
    }

    fn full_convolution(&mut self, name: &str, link: Link, activation: Activation, transposed: bool) -> Result<()> {
        let (large, small) = (link.large_shape(), link.small_shape());
        let (from, to) = if transposed { (small, large) } else { (large, small) };
        let weight_shape = [link.small, link.large, link.size, link.size];
        let (x, weight) = (noise(&from, 1), noise(&weight_shape, 2));
        let (bias, mut grad) = (noise(&to[3..], 3), noise(&to, 4));
        let variable = |values: &[f32], shape: &[usize]| Tensor::from_slice(values, shape, self.device);
        let backend = self.backend.clone();
        let pass = Forward::new(&*backend);
        let operands =
            [pass.enter(&variable(&x, &from)?)?, variable(&weight, &weight_shape)?, variable(&bias, &to[3..])?];
        let operands: Vec<_> = operands.iter().map(Var::from_tensor).collect::<Result<_>>()?;
        let tape = Tape::default();
        let recorded = Forward::recorded(&*backend, &tape);
        let [x_there, weight_there, bias_there] = [0, 1, 2].map(|index| operands[index].as_tensor());
        let y = match transposed {
            true => recorded.conv_transpose2d(x_there, weight_there, bias_there, activation)?,
            false => recorded.conv2d(x_there, weight_there, bias_there, activation)?,
        };
        let found = singles(&y)?;
        let gradients = tape.backward(&*backend, &y, pass.enter(&variable(&grad, &to)?)?)?;
        if activation == Activation::Relu {
            grad.iter_mut().zip(&found).filter(|(_, found)| **found <= 0.0).for_each(|(grad, _)| *grad = 0.0);
        }

        let at = places(found.len(), PLACES);
        let expected = parallel::collect(at.len(), |index| {
            let place = at[index];
            let sum = if transposed { link.large_at(&x, &weight, place) } else { link.small_at(&x, &weight, place) };
            let sum = sum + f64::from(bias[place % to[3]]);
            if activation == Activation::Relu { sum.max(0.0) } else { sum }
        });
        let limit = match self.subject {
            // Winograd's tiles round more
            Subject::Cpu(_) => 1e-5,
            _ => 5e-6,
        };
        self.row(name, "result", distance(&picked(&found, &at), &expected), limit);

        let gradient = |index: usize| gradients.get(&operands[index]).map(singles).transpose();
        let found = gradient(0)?.unwrap_or_default();
        let at = places(found.len(), PLACES);
        let expected = parallel::collect(at.len(), |index| {
            let place = at[index];
            if transposed { link.small_at(&grad, &weight, place) } else { link.large_at(&grad, &weight, place) }
        });
        self.row(name, "gradient of input", distance(&picked(&found, &at), &expected), limit);

        // a sum of that many terms, one after the other, errs by about half an epsilon times the root of their number
        let pixels = grad.len() / to[3];
        let limit = limit.max(f64::from(f32::EPSILON) / 2.0 * (pixels as f64).sqrt());
        let found = gradient(1)?.unwrap_or_default();
        let at = places(found.len(), KERNEL_PLACES);
        let (large, small) = if transposed { (&grad, &x) } else { (&x, &grad) };
        let expected = parallel::collect(at.len(), |index| link.weight_at(large, small, at[index]));
        self.row(name, "gradient of kernel", distance(&picked(&found, &at), &expected), limit);

        let mut expected = vec![0.0; to[3]];
        for pixel in grad.chunks_exact(to[3]) {
            expected.iter_mut().zip(pixel).for_each(|(sum, grad)| *sum += f64::from(*grad));
        }
        let found: Vec<_> = gradient(2)?.unwrap_or_default().into_iter().map(f64::from).collect();
        self.row(name, "gradient of bias", distance(&found, &expected), limit);
        Ok(())
    }

    /// Pooling, unpooling, upsampling, concatenation and batch norm of the widest maps.
    pub(super) fn full_maps(&mut self, Size { image_size: size, width: w, batch_size: n }: Size) -> Result<()> {
        let (whole, half) = ([n, size, size, w], [n, size / 2, size / 2, w]);
        let array = |shape: &[usize], stream| Array {
            shape: shape.to_vec(),
            values: noise(shape, stream).into_iter().map(f64::from).collect(),
        };
        let (x, pooled) = (array(&whole, 1), array(&half, 2));
        let positions = reference::positions(&x);
        let one = std::slice::from_ref;
        let pool = |pass: Forward<'_>, x: &[Tensor]| Ok(pass.max_pool2d(&x[0])?.0);
        self.compare("max pooling, full size", one(&x), 0.0, &pool, &|_, grad| {
            reference::max_pool2d(&x, &positions, grad)
        })?;
        let at = self.bytes(&positions, &half)?;
        let unpool = |pass: Forward<'_>, x: &[Tensor]| pass.max_unpool2d(&x[0], &at);
        self.compare("max unpooling, full size", one(&pooled), 0.0, &unpool, &|_, grad| {
            reference::max_unpool2d(&pooled, &positions, grad)
        })?;
        let upsample = |pass: Forward<'_>, x: &[Tensor]| pass.upsample(&x[0]);
        self.compare("upsampling, full size", one(&pooled), 5e-7, &upsample, &|_, grad| {
            reference::upsample(&pooled, grad)
        })?;
        let both = [x, array(&whole, 3)];
        let concatenate = |pass: Forward<'_>, x: &[Tensor]| pass.concatenate(&x[0], &x[1]);
        self.compare("concatenation, full size", &both, 0.0, &concatenate, &|_, grad| {
            reference::concatenate(&both[0], &both[1], grad)
        })?;
        let [x, _] = both;
        let operands = [x, array(&[w], 2), array(&[w], 3)];
        let norm = |pass: Forward<'_>, x: &[Tensor]| Ok(pass.batch_norm(&x[0], &x[1], &x[2], Activation::Relu)?.0);
        self.compare("batch norm, ReLU, full size", &operands, 5e-6, &norm, &|found, grad| {
            reference::batch_norm(&operands, None, Some((0.0, found)), grad)
        })
    }
}

/// A convolution between a large map and a small one, which are equal unless the stride is 2; its kernel is `[small, large, size,
/// size]`. A convolution reads the large one, a transposed convolution the small one.
#[derive(Clone, Copy)]
struct Link {
    images: usize,
    /// Height and width of the large map.
    height: usize,
    width: usize,
    /// Channels of both maps.
    large: usize,
    small: usize,
    /// 3 with a border of 1, or 2 with stride 2.
    size: usize,
}

impl Link {
    fn stride(&self) -> usize {
        if self.size == 2 { 2 } else { 1 }
    }

    fn border(&self) -> usize {
        usize::from(self.size == 3)
    }

    fn large_shape(&self) -> [usize; 4] {
        [self.images, self.height, self.width, self.large]
    }

    fn small_shape(&self) -> [usize; 4] {
        [self.images, self.height / self.stride(), self.width / self.stride(), self.small]
    }

    /// The pixel of the large map that a pixel of the small one sees through a tap, if there is one.
    fn seen(&self, pixel: usize, tap: usize) -> Option<usize> {
        let [_, rows, columns, _] = self.small_shape();
        let (image, row, column) = (pixel / columns / rows, pixel / columns % rows, pixel % columns);
        let row = (row * self.stride() + tap / self.size).checked_sub(self.border())?;
        let column = (column * self.stride() + tap % self.size).checked_sub(self.border())?;
        (row < self.height && column < self.width).then(|| (image * self.height + row) * self.width + column)
    }

    /// The pixel of the small map that sees a pixel of the large one through a tap, if there is one.
    fn seeing(&self, pixel: usize, tap: usize) -> Option<usize> {
        let [_, rows, columns, _] = self.small_shape();
        let (image, row, column) =
            (pixel / self.width / self.height, pixel / self.width % self.height, pixel % self.width);
        let row = (row + self.border()).checked_sub(tap / self.size)?;
        let column = (column + self.border()).checked_sub(tap % self.size)?;
        let fits = row.is_multiple_of(self.stride()) && column.is_multiple_of(self.stride());
        let (row, column) = (row / self.stride(), column / self.stride());
        (fits && row < rows && column < columns).then(|| (image * rows + row) * columns + column)
    }

    fn taps(&self) -> usize {
        self.size * self.size
    }

    fn weight(&self, weight: &[f32], small: usize, large: usize, tap: usize) -> f64 {
        f64::from(weight[(small * self.large + large) * self.taps() + tap])
    }

    /// The value of a place of the small map, from the large map.
    fn small_at(&self, large: &[f32], weight: &[f32], place: usize) -> f64 {
        let (pixel, channel) = (place / self.small, place % self.small);
        let through = |tap| {
            let seen = self.seen(pixel, tap)?;
            let values = &large[seen * self.large..][..self.large];
            let products =
                values.iter().enumerate().map(|(index, x)| f64::from(*x) * self.weight(weight, channel, index, tap));
            Some(products.sum::<f64>())
        };
        (0..self.taps()).filter_map(through).sum()
    }

    /// The value of a place of the large map, from the small map.
    fn large_at(&self, small: &[f32], weight: &[f32], place: usize) -> f64 {
        let (pixel, channel) = (place / self.large, place % self.large);
        let through = |tap| {
            let seeing = self.seeing(pixel, tap)?;
            let values = &small[seeing * self.small..][..self.small];
            let products =
                values.iter().enumerate().map(|(index, x)| f64::from(*x) * self.weight(weight, index, channel, tap));
            Some(products.sum::<f64>())
        };
        (0..self.taps()).filter_map(through).sum()
    }

    /// The value of a place of the kernel, from both maps.
    fn weight_at(&self, large: &[f32], small: &[f32], place: usize) -> f64 {
        let (tap, pair) = (place % self.taps(), place / self.taps());
        let (from, to) = (pair % self.large, pair / self.large);
        let product = |pixel: usize| {
            let seen = self.seen(pixel, tap)?;
            Some(f64::from(large[seen * self.large + from]) * f64::from(small[pixel * self.small + to]))
        };
        (0..small.len() / self.small).filter_map(product).sum()
    }
}

/// Multiples of 1/128 between -1 and 1, of a stream of their own.
fn noise(shape: &[usize], stream: u64) -> Vec<f32> {
    const PART: usize = 1 << 20;
    let mut values = vec![0.0; shape.iter().product()];
    parallel::chunks(&mut values, PART, |part, values| {
        let mut stream = seed::stream("self-test at full size", &[stream, part as u64]);
        for four in values.chunks_mut(4) {
            let bytes = stream.next_u32().to_le_bytes();
            four.iter_mut().zip(bytes).for_each(|(value, byte)| *value = f32::from(byte as i8) / 128.0);
        }
    });
    values
}

/// At most `count` of `of` places: the first, the last and those between.
fn places(of: usize, count: usize) -> Vec<usize> {
    let last = of.saturating_sub(1);
    let mut places: Vec<_> =
        (0..count).map(|index| (index as u128 * last as u128 / (count as u128 - 1)) as usize).collect();
    places.dedup();
    places
}

fn picked(values: &[f32], places: &[usize]) -> Vec<f64> {
    places.iter().filter_map(|place| values.get(*place)).map(|value| f64::from(*value)).collect()
}

fn singles(tensor: &Tensor) -> Result<Vec<f32>> {
    match tensor.dtype() {
        candle_core::DType::F32 => tensor.flatten_all()?.to_device(&Device::Cpu)?.to_vec1(),
        _ => Ok(numbers(tensor)?.into_iter().map(|value| value as f32).collect()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    /// The sampled sums are those of the loops over everything.
    #[test]
    fn sampled_sums_are_those_of_whole_loops() {
        let array = |shape: &[usize], stream| Array {
            shape: shape.to_vec(),
            values: noise(shape, stream).into_iter().map(f64::from).collect(),
        };
        let single = |array: &Array| array.values.iter().map(|value| *value as f32).collect::<Vec<_>>();
        for size in [2, 3] {
            let link = Link { images: 2, height: 6, width: 8, large: 3, small: 5, size };
            let (large, small) = (array(&link.large_shape(), 1), array(&link.small_shape(), 4));
            let weight = array(&[5, 3, size, size], 2);
            let bias = Array { shape: vec![5], values: vec![0.0; 5] };
            let expected = reference::conv2d(&[large.clone(), weight.clone(), bias], None, &small);
            let (large, small, weight) = (single(&large), single(&small), single(&weight));
            let all = |array: &Array, sum: &dyn Fn(usize) -> f64| {
                let found: Vec<_> = (0..array.values.len()).map(sum).collect();
                assert!(distance(&found, &array.values) < 1e-14, "{size}x{size}, {:?}", array.shape);
            };
            all(&expected.y, &|place| link.small_at(&large, &weight, place));
            all(&expected.gradients[0], &|place| link.large_at(&small, &weight, place));
            all(&expected.gradients[1], &|place| link.weight_at(&large, &small, place));
        }
    }

    #[test]
    fn places_are_all_of_few_and_the_ends_of_many() {
        assert_eq!(places(3, 5), [0, 1, 2]);
        let many = places(1 << 40, 100);
        assert!(many.len() == 100 && many[0] == 0 && many[99] == (1 << 40) - 1);
        assert!(places(1, 5) == [0]);
    }

    #[test]
    fn the_cpu_passes() {
        let mut test = SelfTest::new(&Device::Cpu).unwrap();
        let size = Size { image_size: 32, width: 4, batch_size: 2 };
        test.full_convolutions(size).unwrap();
        test.full_maps(size).unwrap();
        let failed: Vec<_> = test.rows.iter().filter(|row| !row.is_ok()).collect();
        assert!(failed.is_empty() && test.rows.len() == 25, "{} rows, {failed:#?}", test.rows.len());
    }
}
