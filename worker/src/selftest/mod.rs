//! Every operation that networks are made of, the losses, their gradients and every update rule, on a device, against plain loops.
//!
//! ```text
//!  mod        random operands -> the device's own kernels -> rows of errors
//!  reference  the same in loops of f64, on the host
//! ```

mod reference;

use crate::ops::{Activation, Fused, Gradients, Kernels, Moments, Pass, Tape};
use crate::{losses, optimizers, seed};
use candle_core::{DType, Device, Result, Tensor, Var};
use proto::spec::{Convolution, Loss, Optimizer, Precision, Training};
use rand::Rng;
use reference::{Array, Expected, Parameter, Rates, Relu};
use std::collections::BTreeMap;

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
    /// What it may be.
    pub limit: f64,
}

impl Row {
    /// Whether the error is small enough; one that is not a number is not.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.error <= self.limit
    }
}

/// Compares everything that a training on `device` uses.
///
/// # Errors
/// If an operation cannot be run at all.
pub fn run(device: &Device) -> Result<Vec<Row>> {
    let kernels = |convolution, precision| Kernels::of(device, convolution, precision);
    let mut test = SelfTest { device, kernels: kernels(Convolution::Auto, Precision::F32), rows: Vec::new() };
    test.update_rules()?;
    test.losses()?;
    if device.is_cpu() {
        test.everything_but_neighbours()?;
        for convolution in [Convolution::Direct, Convolution::Winograd2, Convolution::Winograd4] {
            test.kernels = kernels(convolution, Precision::F32);
            test.neighbours()?;
        }
    } else {
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            test.kernels = kernels(Convolution::Auto, precision);
            test.everything_but_neighbours()?;
            test.neighbours()?;
        }
    }
    Ok(test.rows)
}

/// An operation on a pass.
type Operation<'a> = &'a dyn Fn(Pass<'_>, &[Tensor]) -> Result<Tensor>;

/// The operation by the reference, from the result that was found and the gradient of the result.
type Reference<'a> = &'a dyn Fn(&Array, &Array) -> Expected;

struct SelfTest<'a> {
    device: &'a Device,
    kernels: Kernels,
    rows: Vec<Row>,
}

impl SelfTest<'_> {
    /// What is computed in one way only on a device.
    fn everything_but_neighbours(&mut self) -> Result<()> {
        self.other_convolutions()?;
        self.maps()?;
        self.batch_norm()?;
        self.normed_convolution()
    }

    /// 3x3 convolutions, in maps whose sizes tiles do and do not divide.
    fn neighbours(&mut self) -> Result<()> {
        let limit = match self.kernels {
            Kernels::Fused(Fused::Cpu(Convolution::Winograd2)) => 4e-6,
            Kernels::Fused(Fused::Cpu(Convolution::Winograd4)) => 1e-5,
            _ => 2e-6,
        };
        for maps in [[2, 10, 14, 20, 24], [3, 5, 7, 3, 8], [2, 6, 6, 16, 1], [2, 1, 1, 9, 17], [1, 48, 40, 16, 16]] {
            self.conv2d("convolution 3x3", maps, 3, limit)?;
        }
        Ok(())
    }

    fn other_convolutions(&mut self) -> Result<()> {
        for maps in [[2, 8, 6, 16, 24], [3, 4, 10, 3, 5], [1, 40, 36, 16, 16]] {
            self.conv2d("convolution 2x2, stride 2", maps, 2, 2e-6)?;
            self.conv2d("convolution 1x1", maps, 1, 2e-6)?;
            let [n, height, width, inputs, outputs] = maps;
            let operands = arrays([&[n, height, width, inputs], &[inputs, outputs, 2, 2], &[outputs]]);
            for activation in [Activation::Identity, Activation::Relu] {
                self.compare(
                    &named("transposed convolution 2x2", activation),
                    &operands,
                    2e-6,
                    &|pass, x| pass.conv_transpose2d(&x[0], &x[1], &x[2], activation),
                    &|found, grad| reference::conv_transpose2d(&operands, relu(activation, found), grad),
                )?;
            }
        }
        Ok(())
    }

    /// A convolution of maps of those images, height, width, and channels in and out.
    fn conv2d(&mut self, name: &str, maps: [usize; 5], k: usize, limit: f64) -> Result<()> {
        let [n, height, width, inputs, outputs] = maps;
        let operands = arrays([&[n, height, width, inputs], &[outputs, inputs, k, k], &[outputs]]);
        for activation in [Activation::Identity, Activation::Relu] {
            self.compare(
                &named(name, activation),
                &operands,
                limit,
                &|pass, x| pass.conv2d(&x[0], &x[1], &x[2], activation),
                &|found, grad| reference::conv2d(&operands, relu(activation, found), grad),
            )?;
        }
        Ok(())
    }

    /// Pooling, unpooling, upsampling and concatenation: nothing is rounded but gradients that meet.
    fn maps(&mut self) -> Result<()> {
        for (whole, half) in [([2, 6, 8, 3], [2, 3, 4, 3]), ([3, 20, 36, 16], [3, 10, 18, 16])] {
            let [x, pooled] = arrays([&whole, &half]);
            self.compare("upsampling", std::slice::from_ref(&x), 5e-7, &|pass, x| pass.upsample(&x[0]), &|_, grad| {
                reference::upsample(&x, grad)
            })?;
            let both = arrays([&whole, &[whole[0], whole[1], whole[2], 5]]);
            self.compare("concatenation", &both, 0.0, &|pass, x| pass.concatenate(&x[0], &x[1]), &|_, grad| {
                reference::concatenate(&both[0], &both[1], grad)
            })?;
            let positions = reference::positions(&x);
            if self.rounds() {
                continue;
            }
            self.positions(&x, &positions)?;
            self.compare(
                "max pooling",
                std::slice::from_ref(&x),
                0.0,
                &|pass, x| Ok(pass.max_pool2d(&x[0])?.0),
                &|_, grad| reference::max_pool2d(&x, &positions, grad),
            )?;
            let at = self.bytes(&positions, &half)?;
            self.compare(
                "max unpooling",
                std::slice::from_ref(&pooled),
                0.0,
                &|pass, x| pass.max_unpool2d(&x[0], &at),
                &|_, grad| reference::max_unpool2d(&pooled, &positions, grad),
            )?;
        }
        Ok(())
    }

    /// Whether maps are rounded, so that a maximum can be another.
    fn rounds(&self) -> bool {
        match self.kernels {
            #[cfg(feature = "cudnn")]
            Kernels::Fused(Fused::Cuda(precision)) => precision == Precision::Bf16,
            _ => false,
        }
    }

    /// The share of maxima that are found elsewhere.
    fn positions(&mut self, x: &Array, expected: &[usize]) -> Result<()> {
        let (_, found) = Pass::new(self.kernels).max_pool2d(&self.tensor(x)?)?;
        let found = found.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<u8>()?;
        let wrong = found.iter().zip(expected).filter(|(found, expected)| usize::from(**found) != **expected);
        let share = if found.len() == expected.len() { wrong.count() as f64 / expected.len() as f64 } else { 1.0 };
        self.row("max pooling", "positions", share, 0.0);
        Ok(())
    }

    fn batch_norm(&mut self) -> Result<()> {
        // numbers so small that what is added to the variance matters, too
        for (shape, size) in [([3, 5, 7, 4], 1.0), ([2, 32, 24, 16], 1.0), ([2, 6, 10, 8], 3e-3)] {
            let channels = shape[3];
            let channels = [channels];
            let [x, scale, shift, means, variances] = arrays([&shape, &channels, &channels, &channels, &channels]);
            let x = rounded(&Array { values: x.values.iter().map(|value| size * value).collect(), ..x });
            let operands = [x, scale, shift];
            let variances = Array { values: variances.values.iter().map(|x| x.abs() + 0.5).collect(), ..variances };
            let moments = Moments { mean: self.tensor(&means)?, variance: self.tensor(&variances)? };
            let variances = rounded(&variances);
            for activation in [Activation::Identity, Activation::Relu] {
                self.compare(
                    &named("batch norm", activation),
                    &operands,
                    5e-6,
                    &|pass, x| Ok(pass.batch_norm(&x[0], &x[1], &x[2], activation)?.0),
                    &|found, grad| reference::batch_norm(&operands, None, relu(activation, found), grad),
                )?;
                self.compare(
                    &named("batch norm by given moments", activation),
                    &operands,
                    5e-6,
                    &|pass, x| pass.batch_norm_by(&x[0], &moments, &x[1], &x[2], activation),
                    &|found, grad| {
                        let given = Some([&means.values[..], &variances.values]);
                        reference::batch_norm(&operands, given, relu(activation, found), grad)
                    },
                )?;
            }
        }
        Ok(())
    }

    /// A convolution and the norm after it, as evaluations have them: where it pays, in one.
    fn normed_convolution(&mut self) -> Result<()> {
        let [c, k]: [&[usize]; 2] = [&[16], &[16, 6, 3, 3]];
        let [x, weight, bias, scale, shift, means, variances] = arrays([&[2, 12, 10, 6], k, c, c, c, c, c]);
        let variances =
            rounded(&Array { values: variances.values.iter().map(|x| x.abs() + 0.5).collect(), ..variances });
        let pass = Pass::new(self.kernels);
        let moments = Moments { mean: self.tensor(&means)?, variance: self.tensor(&variances)? };
        let [scales, shifts] = [self.tensor(&scale)?, self.tensor(&shift)?];
        let (input, norm) = (pass.enter(&self.tensor(&x)?)?, (&moments, &scales, &shifts));
        let (weights, biases) = (self.tensor(&weight)?, self.tensor(&bias)?);
        let found = pass.conv2d_batch_norm_by(&input, &weights, &biases, norm, Activation::Identity)?;
        let [grad] = arrays([found.dims()]);
        let convolved = reference::conv2d(&[x, weight, bias], None, &grad).y;
        let given = Some([&means.values[..], &variances.values]);
        let expected = reference::batch_norm(&[convolved, scale, shift], given, None, &grad).y;
        let error = distance(&numbers(&found)?, &expected.values);
        self.row("convolution 3x3 and batch norm by given moments", "result", error, 1e-5);
        Ok(())
    }

    /// The losses as they are trained on and as they are evaluated, and their gradients.
    fn losses(&mut self) -> Result<()> {
        let [x, y] = arrays([&[3, 1, 9, 11]; 2]);
        let x = Array { values: x.values.iter().map(|x| 8.0 * x).collect(), ..x };
        let y = Array { values: y.values.iter().map(|y| f64::from(u8::from(*y > 0.3))).collect(), ..y };
        let host = |array: &Array| Tensor::from_vec(array.values.clone(), array.shape.as_slice(), &Device::Cpu);
        for loss in [Loss::Bce {}, Loss::Dice { smooth: 1.0 }, Loss::Focal { gamma: 2.0 }] {
            let (logits, targets) = (self.tensor(&x)?, self.tensor(&y)?);
            let (trained_on, along) = losses::with_gradient(&loss, &logits, &targets)?;
            let evaluated = losses::per_case(&loss, &logits, &targets)?;
            let logits = Var::from_tensor(&host(&x)?)?;
            let values = losses::composed(&loss, &logits, &host(&y)?)?;
            let gradients = values.mean_all()?.backward()?;
            let gradient = gradients.get(&logits).map(numbers).transpose()?.unwrap_or_default();
            let name = format!("loss {}", loss.name());
            for found in [&trained_on, &evaluated] {
                self.row(&name, "result", distance(&numbers(found)?, &numbers(&values)?), 2e-6);
            }
            self.row(&name, "gradient of logits", distance(&numbers(&along)?, &gradient), 2e-6);
        }
        Ok(())
    }

    /// What three steps change, by each rule.
    fn update_rules(&mut self) -> Result<()> {
        let rates = Rates { learning: 0.1, decay: 0.1, momentum: 0.9 };
        let [start, gradients @ ..] = arrays([&[1000]; 4]);
        for (name, rule) in [("Adam", Optimizer::Adam), ("AdamW", Optimizer::AdamW), ("SGD", Optimizer::Sgd)] {
            let variable = Var::from_tensor(&self.tensor(&start)?)?;
            let training = Training {
                optimizer: rule,
                weight_decay: rates.decay,
                momentum: rates.momentum,
                ..Training::default()
            };
            let variables = BTreeMap::from([(name.to_owned(), variable.clone())]);
            let mut optimizer = optimizers::Optimizer::new(&training, rates.learning, &variables)?;
            let mut expected: Vec<_> = start.values.iter().copied().map(Parameter::new).collect();
            for (step, gradient) in (1..).zip(&gradients) {
                let on_device: Gradients = [(variable.as_tensor(), self.tensor(gradient)?)].into_iter().collect();
                optimizer.step(&on_device)?;
                for (parameter, gradient) in expected.iter_mut().zip(&gradient.values) {
                    match rule {
                        Optimizer::Sgd => parameter.sgd(*gradient, rates),
                        _ => parameter.adam(*gradient, rates, rule == Optimizer::AdamW, step),
                    }
                }
            }
            let change = |values: &mut dyn Iterator<Item = f64>| {
                values.zip(&start.values).map(|(value, start)| value - start).collect::<Vec<_>>()
            };
            let found = change(&mut numbers(&variable.as_detached_tensor())?.into_iter());
            let expected = change(&mut expected.iter().map(|parameter| parameter.value));
            self.row(&format!("{name}, 3 steps"), "change", distance(&found, &expected), 5e-6);
        }
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
        let pass = Pass::new(self.kernels);
        // of three operands the others are weights
        let is_map = |index: usize| index == 0 || operands.len() < 3;
        let variable = |(index, operand): (usize, &Array)| {
            let tensor = self.tensor(operand)?;
            Var::from_tensor(&if is_map(index) { pass.enter(&tensor)? } else { tensor })
        };
        let variables: Vec<_> = operands.iter().enumerate().map(variable).collect::<Result<_>>()?;
        let tensors: Vec<_> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
        let tape = Tape::default();
        let y = operation(Pass::recorded(self.kernels, &tape), &tensors)?;
        let found = Array { shape: y.dims().to_vec(), values: numbers(&y)? };
        let evaluated = numbers(&operation(pass, &tensors)?)?;
        let [_, _, _, grad] = arrays([&[], &[], &[], &found.shape]);
        let expected = reference(&found, &grad);
        let same_shape = found.shape == expected.y.shape;
        let result = distance(&found.values, &expected.y.values).max(distance(&evaluated, &expected.y.values));
        self.row(name, "result", if same_shape { result } else { f64::INFINITY }, limit);
        let gradients = tape.backward(&y, pass.enter(&self.tensor(&grad)?)?)?;
        let parts = match operands.len() {
            3 if name.starts_with("batch norm") => &["gradient of input", "gradient of scale", "gradient of shift"][..],
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

    /// Adds a comparison, or takes it into the row of the same name.
    fn row(&mut self, operation: &str, part: &'static str, error: f64, limit: f64) {
        let algorithm = match self.kernels {
            Kernels::Fused(Fused::Cpu(convolution)) if operation.contains("3x3") => convolution.name(),
            Kernels::Fused(Fused::Cpu(_)) => "fused",
            #[cfg(feature = "cudnn")]
            Kernels::Fused(Fused::Cuda(precision)) => precision.name(),
            Kernels::Composed => "composed",
        };
        let limit = match self.kernels {
            #[cfg(feature = "cudnn")]
            Kernels::Fused(Fused::Cuda(Precision::Tf32)) => limit.max(1e-3),
            #[cfg(feature = "cudnn")]
            Kernels::Fused(Fused::Cuda(Precision::Bf16)) => limit.max(2e-2),
            _ => limit,
        };
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

fn named(operation: &str, activation: Activation) -> String {
    match activation {
        Activation::Identity => operation.to_owned(),
        Activation::Relu => format!("{operation}, ReLU"),
    }
}

fn relu(activation: Activation, found: &Array) -> Relu<'_> {
    (activation == Activation::Relu).then_some(found)
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

/// The numbers that f32 makes of them.
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

    /// So the composed operations can be what the fused ones are compared with.
    #[test]
    fn composed_operations_pass() {
        let mut test = SelfTest { device: &Device::Cpu, kernels: Kernels::Composed, rows: Vec::new() };
        test.everything_but_neighbours().unwrap();
        test.neighbours().unwrap();
        assert!(test.rows.iter().all(|row| row.algorithm == "composed"));
        assert_ok(&test.rows);
    }

    #[test]
    fn the_cpu_passes() {
        let rows = run(&Device::Cpu).unwrap();
        assert_ok(&rows);
        for algorithm in ["direct", "winograd2", "winograd4", "fused"] {
            assert!(rows.iter().any(|row| row.algorithm == algorithm), "{algorithm} was not tried");
        }
    }

    #[test]
    fn a_wrong_result_is_no_match() {
        let mut test = SelfTest {
            device: &Device::Cpu,
            kernels: Kernels::of(&Device::Cpu, Convolution::Auto, Precision::F32),
            rows: Vec::new(),
        };
        let [x] = arrays([&[1, 2, 2, 1]]);
        let expected = |_: &Array, grad: &Array| reference::upsample(&x, grad);
        let wrong = |pass: Pass<'_>, x: &[Tensor]| pass.upsample(&x[0])?.affine(1.001, 0.0);
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
