//! Every operation that networks are made of, the losses, their gradients and every update rule, on a device, against plain loops.
//!
//! ```text
//!  mod        random operands -> the device's own kernels -> rows of errors
//!  operations what is compared, on which shapes
//!  full       the same at the size of a whole training
//!  reference  operations and update rules in loops of f64, on the host
//!  composed   operations and losses in Candle's operations, on any device
//! ```

pub mod composed;
mod full;
mod operations;
mod reference;

use crate::ops::{self, Backend, Forward, Tape};
use crate::seed;
use candle_core::{DType, Device, Result, Tensor, Var};
use proto::spec::{Convolution, Precision};
use rand::Rng;
use reference::{Array, Expected};
use std::sync::Arc;

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The operation or update rule.
    pub operation: String,
    /// Its result, or the gradient of which operand.
    pub part: &'static str,
    /// How it was computed.
    pub algorithm: &'static str,
    /// Euclidean distance from the reference relative to its norm, the largest over all shapes.
    pub error: f64,
    /// The largest error that passes.
    pub limit: f64,
}

impl Row {
    /// Whether the error is small enough; not-a-number is not.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.error <= self.limit
    }
}

/// The size of a training.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Height and width of the images.
    pub image_size: usize,
    /// Channels of the first layer.
    pub width: usize,
    /// Images in a batch.
    pub batch_size: usize,
}

/// Compares everything that a training on `device` uses, on small maps, and if `full` is given at that size too.
///
/// # Errors
/// If an operation cannot be run at all.
pub fn run(device: &Device, full: Option<Size>) -> Result<Vec<Row>> {
    let mut test = SelfTest::new(device)?;
    test.update_rules()?;
    test.losses()?;
    if device.is_cpu() {
        test.other_operations()?;
        for convolution in [Convolution::Direct, Convolution::Winograd2, Convolution::Winograd4] {
            test.choose(convolution, Precision::F32)?;
            test.convolutions_3x3()?;
        }
    } else {
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            test.choose(Convolution::Auto, precision)?;
            test.other_operations()?;
            test.convolutions_3x3()?;
        }
    }
    if let Some(size) = full {
        let precisions = [Precision::F32, Precision::Tf32, Precision::Bf16];
        for precision in precisions.into_iter().take(if device.is_cpu() { 1 } else { 3 }) {
            test.choose(Convolution::Auto, precision)?;
            test.full_convolutions(size)?;
        }
        // these operations differ between precisions only in the type of the elements
        test.choose(Convolution::Auto, Precision::F32)?;
        test.full_maps(size)?;
    }
    Ok(test.rows)
}

/// An operation on a pass.
type Operation<'a> = &'a dyn Fn(Forward<'_>, &[Tensor]) -> Result<Tensor>;

/// The operation by the reference, from the result that was found and the gradient of the result.
type Reference<'a> = &'a dyn Fn(&Array, &Array) -> Expected;

/// The kernels under test, which decide about names and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// The CPU's kernels; how they compute 3x3 convolutions.
    Cpu(Convolution),
    /// A CUDA device's kernels; the numbers that they compute maps in.
    Cuda(Precision),
    /// The reference that is composed of Candle's operations.
    #[cfg(test)]
    Composed,
}

struct SelfTest<'a> {
    device: &'a Device,
    subject: Subject,
    backend: Arc<dyn Backend>,
    rows: Vec<Row>,
}

impl<'a> SelfTest<'a> {
    /// Of the device's own kernels, in f32.
    fn new(device: &'a Device) -> Result<Self> {
        let backend = Arc::from(ops::backend(device, Convolution::Auto, Precision::F32)?);
        let subject = Subject::of(device, Convolution::Auto, Precision::F32);
        Ok(Self { device, subject, backend, rows: Vec::new() })
    }

    /// Continues with other kernels of the device.
    fn choose(&mut self, convolution: Convolution, precision: Precision) -> Result<()> {
        self.backend = Arc::from(ops::backend(self.device, convolution, precision)?);
        self.subject = Subject::of(self.device, convolution, precision);
        Ok(())
    }

    /// Compares the result of an operation, recorded and not, and the gradients of its operands.
    fn compare(
        &mut self,
        name: &str,
        operands: &[Array],
        limit: f64,
        operation: Operation<'_>,
        reference: Reference<'_>,
    ) -> Result<()> {
        let backend = self.backend.clone();
        let pass = Forward::new(&*backend);
        // of three operands the others are weights
        let is_map = |index: usize| index == 0 || operands.len() < 3;
        let variable = |(index, operand): (usize, &Array)| {
            let tensor = self.tensor(operand)?;
            Var::from_tensor(&if is_map(index) { pass.enter(&tensor)? } else { tensor })
        };
        let variables: Vec<_> = operands.iter().enumerate().map(variable).collect::<Result<_>>()?;
        let tensors: Vec<_> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
        let tape = Tape::default();
        let y = operation(Forward::recorded(&*backend, &tape), &tensors)?;
        let found = Array { shape: y.dims().to_vec(), values: numbers(&y)? };
        let evaluated = numbers(&operation(pass, &tensors)?)?;
        let [_, _, _, grad] = arrays([&[], &[], &[], &found.shape]);
        let expected = reference(&found, &grad);
        let same_shape = found.shape == expected.y.shape;
        let result = distance(&found.values, &expected.y.values).max(distance(&evaluated, &expected.y.values));
        self.row(name, "result", if same_shape { result } else { f64::INFINITY }, limit);
        let gradients = tape.backward(&*backend, &y, pass.enter(&self.tensor(&grad)?)?)?;
        let parts = match operands.len() {
            3 if name.contains(" norm") => &["gradient of input", "gradient of scale", "gradient of shift"][..],
            3 => &["gradient of input", "gradient of kernel", "gradient of bias"],
            2 => &["gradient of first", "gradient of second"],
            _ => &["gradient of input"],
        };
        for ((part, variable), expected) in parts.iter().zip(&variables).zip(&expected.gradients) {
            let found = gradients.get(variable).map(numbers).transpose()?.unwrap_or_default();
            self.row(name, part, distance(&found, &expected.values), limit);
        }
        Ok(())
    }

    /// Adds a comparison, or merges it into the row of the same name.
    fn row(&mut self, operation: &str, part: &'static str, error: f64, limit: f64) {
        let (algorithm, limit) = (self.subject.algorithm(operation), self.subject.limit(limit));
        let same = |row: &&mut Row| row.operation == operation && row.part == part && row.algorithm == algorithm;
        match self.rows.iter_mut().find(same) {
            // an error that is not a number stays
            Some(row) if error > row.error || error.is_nan() => row.error = error,
            Some(_) => {}
            None => self.rows.push(Row { operation: operation.to_owned(), part, algorithm, error, limit }),
        }
    }

    /// Numbers on the device, in f32.
    fn tensor(&self, array: &Array) -> Result<Tensor> {
        let values: Vec<_> = array.values.iter().map(|value| *value as f32).collect();
        Tensor::from_vec(values, array.shape.as_slice(), self.device)
    }

    fn bytes(&self, values: &[usize], shape: &[usize]) -> Result<Tensor> {
        let values: Vec<_> = values.iter().map(|value| *value as u8).collect();
        Tensor::from_vec(values, shape, self.device)
    }
}

impl Subject {
    fn of(device: &Device, convolution: Convolution, precision: Precision) -> Self {
        if device.is_cpu() { Self::Cpu(convolution) } else { Self::Cuda(precision) }
    }

    /// How an operation is computed.
    fn algorithm(self, operation: &str) -> &'static str {
        match self {
            Self::Cpu(convolution) if operation.contains("3x3") => convolution.name(),
            Self::Cpu(_) => "fused",
            Self::Cuda(precision) => precision.name(),
            #[cfg(test)]
            Self::Composed => "composed",
        }
    }

    /// The limit of an error whose limit is `limit` for f32 and short sums.
    fn limit(self, limit: f64) -> f64 {
        match self {
            // sums of some 2,000 products whose order is the library's: errors near 1e-6 are usual
            Self::Cuda(Precision::F32) if limit > 0.0 => limit.max(5e-6),
            // a mantissa of 10 bits: 2.8e-4 if operands are rounded to it, 7e-4 if they are cut
            Self::Cuda(Precision::Tf32) if limit > 0.0 => limit.max(2e-3),
            // a mantissa of 7 bits, and results are rounded to it too
            Self::Cuda(Precision::Bf16) => limit.max(2e-2),
            _ => limit,
        }
    }
}

/// Numbers between -1 and 1 that f32 holds, each array from a stream of its own; the same in every run.
fn arrays<const COUNT: usize>(shapes: [&[usize]; COUNT]) -> [Array; COUNT] {
    let mut index = 0;
    shapes.map(|shape| {
        index += 1;
        let mut stream = seed::stream("self-test", &[index]);
        let values = (0..shape.iter().product()).map(|_| f64::from(stream.next_u32() >> 8) / f64::from(1 << 23) - 1.0);
        Array { shape: shape.to_vec(), values: values.collect() }
    })
}

/// The numbers rounded to f32.
fn rounded(array: &Array) -> Array {
    Array { shape: array.shape.clone(), values: array.values.iter().map(|value| f64::from(*value as f32)).collect() }
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1()
}

/// Euclidean distance relative to the norm of what is expected; infinite if something is missing.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = norm(&mut found.iter().zip(expected).map(|(found, expected)| found - expected));
    difference / norm(&mut expected.iter().copied()).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    fn assert_ok(rows: &[Row]) {
        let failed: Vec<_> = rows.iter().filter(|row| !row.is_ok()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    /// The composed operations are correct, so other tests may compare kernels with them.
    #[test]
    fn composed_operations_pass() {
        let backend = Arc::new(composed::Composed);
        let mut test = SelfTest { device: &Device::Cpu, subject: Subject::Composed, backend, rows: Vec::new() };
        test.other_operations().unwrap();
        test.convolutions_3x3().unwrap();
        assert!(test.rows.iter().all(|row| row.algorithm == "composed"));
        assert_ok(&test.rows);
    }

    #[test]
    fn the_cpu_passes() {
        let rows = run(&Device::Cpu, None).unwrap();
        assert_ok(&rows);
        for algorithm in ["direct", "winograd2", "winograd4", "fused"] {
            assert!(rows.iter().any(|row| row.algorithm == algorithm), "{algorithm} was not tried");
        }
    }

    #[test]
    fn a_wrong_result_is_no_match() {
        let mut test = SelfTest::new(&Device::Cpu).unwrap();
        let [x] = arrays([&[1, 2, 2, 1]]);
        let expected = |_: &Array, grad: &Array| reference::upsample(&x, grad);
        let wrong = |pass: Forward<'_>, x: &[Tensor]| pass.upsample(&x[0])?.affine(1.001, 0.0);
        test.compare("upsampling", std::slice::from_ref(&x), 1e-6, &wrong, &expected).unwrap();
        let of = |part| test.rows.iter().find(|row| row.part == part).unwrap();
        assert!((of("result").error - 1e-3).abs() < 1e-5);
        // no gradient came back from what the tape does not know
        assert!(test.rows.iter().all(|row| !row.is_ok()), "{:?}", test.rows);
    }

    #[test]
    fn what_is_missing_or_not_a_number_is_not_ok() {
        let row = |error| Row { operation: String::new(), part: "result", algorithm: "direct", error, limit: 1.0 };
        assert!(row(1.0).is_ok() && !row(1.1).is_ok() && !row(f64::NAN).is_ok());
        assert!(distance(&[1.0], &[1.0, 2.0]).is_infinite() && distance(&[f64::NAN], &[1.0]).is_nan());
        assert_eq!(distance(&[3.0, 0.0], &[3.0, 4.0]), 0.8);
    }
}
