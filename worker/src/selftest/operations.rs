//! The comparisons: every operation, the losses and the update rules, on shapes that tiles and vectors do and do not divide.

use super::composed;
use super::reference::{self, Array, Parameter, Rates, Relu};
use super::{SelfTest, Subject, arrays, distance, numbers, rounded};
use crate::losses::Criterion;
use crate::ops::{Activation, Convolution, Forward, Gradients, LEAK, Moments, Precision};
use crate::optimizers;
use candle_core::{Device, Result, Tensor, Var};
use proto::spec::{Loss, Optimizer, Training};
use std::collections::BTreeMap;

impl SelfTest<'_> {
    /// Everything but 3x3 convolutions: what a device computes in one way only.
    pub(super) fn other_operations(&mut self) -> Result<()> {
        self.other_convolutions()?;
        self.maps()?;
        self.batch_norm()?;
        self.group_norm()?;
        self.normed_convolution()
    }

    /// 3x3 convolutions, in maps whose sizes tiles do and do not divide.
    pub(super) fn convolutions_3x3(&mut self) -> Result<()> {
        let limit = match self.subject {
            Subject::Cpu(Convolution::Winograd2) => 4e-6,
            Subject::Cpu(Convolution::Winograd4) => 1e-5,
            _ => 2e-6,
        };
        let odd = [
            [2, 24, 20, 16, 1],
            [2, 3, 2, 70, 1],
            [2, 1, 1, 9, 17],
            [1, 5, 3, 3, 70],
            [2, 12, 11, 3, 56],
            [3, 4, 1, 3, 5],
        ];
        for maps in [[2, 10, 14, 20, 24], [3, 5, 7, 3, 8], [1, 48, 40, 16, 16]].into_iter().chain(odd) {
            self.conv2d("convolution 3x3", maps, 3, limit)?;
        }
        let operands = arrays([&[2, 10, 14, 20], &[24, 20, 3, 3], &[24]]);
        self.compare(
            "convolution 3x3, stride 2, ReLU",
            &operands,
            limit,
            &|pass, x| pass.conv2d_strided(&x[0], &x[1], &x[2], Activation::Relu),
            &|found, grad| reference::conv2d_strided(&operands, relu(Activation::Relu, found), grad),
        )?;
        self.compare(
            "convolution 3x3, rate 4, ReLU",
            &operands,
            limit,
            &|pass, x| pass.conv2d_dilated(&x[0], &x[1], &x[2], 4, Activation::Relu),
            &|found, grad| reference::conv2d_dilated(&operands, 4, relu(Activation::Relu, found), grad),
        )
    }

    fn other_convolutions(&mut self) -> Result<()> {
        for maps in [[2, 8, 6, 16, 24], [3, 4, 10, 3, 5], [1, 40, 36, 16, 16], [2, 6, 4, 20, 1]] {
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

    /// Pooling, unpooling, upsampling and concatenation: nothing is rounded but gradients that meet. Resizing and means.
    fn maps(&mut self) -> Result<()> {
        for (whole, half) in [([2, 6, 8, 3], [2, 3, 4, 3]), ([3, 20, 36, 16], [3, 10, 18, 16])] {
            let [x, pooled] = arrays([&whole, &half]);
            self.compare("upsampling", std::slice::from_ref(&x), 5e-7, &|pass, x| pass.upsample(&x[0]), &|_, grad| {
                reference::upsample(&x, grad)
            })?;
            let (map, size) = (std::slice::from_ref(&x), (whole[1] * 2, whole[2] * 3));
            self.compare("bilinear resizing", map, 1e-6, &|pass, x| pass.resize(&x[0], size), &|_, grad| {
                reference::resize(&x, size, grad)
            })?;
            self.compare("mean", map, 1e-6, &|pass, x| pass.mean(&x[0]), &|_, grad| reference::mean(&x, grad))?;
            let both = arrays([&whole, &[whole[0], whole[1], whole[2], 5]]);
            self.compare("concatenation", &both, 0.0, &|pass, x| pass.concatenate(&x[0], &x[1]), &|_, grad| {
                reference::concatenate(&both[0], &both[1], grad)
            })?;
            let pair = arrays([&whole, &whole]);
            for activation in [Activation::Identity, Activation::Relu] {
                self.compare(
                    &named("sum", activation),
                    &pair,
                    1e-7,
                    &|pass, x| pass.residual(&x[0], &x[1], activation),
                    &|found, grad| reference::residual(&pair, relu(activation, found), grad),
                )?;
            }
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

    /// Whether maps are rounded, so that another element may be the maximum.
    fn rounds(&self) -> bool {
        self.subject == Subject::Cuda(Precision::Bf16)
    }

    /// The share of maxima that are found elsewhere.
    fn positions(&mut self, x: &Array, expected: &[usize]) -> Result<()> {
        let (_, found) = Forward::new(&*self.backend).max_pool2d(&self.tensor(x)?)?;
        let found = found.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<u8>()?;
        let wrong = found.iter().zip(expected).filter(|(found, expected)| usize::from(**found) != **expected);
        let share = if found.len() == expected.len() { wrong.count() as f64 / expected.len() as f64 } else { 1.0 };
        self.row("max pooling", "positions", share, 0.0);
        Ok(())
    }

    fn batch_norm(&mut self) -> Result<()> {
        // among them numbers so small that epsilon matters
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

    /// Groups of one channel, of some and of all.
    fn group_norm(&mut self) -> Result<()> {
        for (shape, size, scale) in
            [([3, 5, 7, 4], 1, 1.0), ([2, 40, 36, 16], 2, 1.0), ([2, 6, 10, 24], 3, 3e-3), ([2, 9, 8, 5], 5, 1.0)]
        {
            let channels = [shape[3]];
            let [x, gamma, beta] = arrays([&shape, &channels, &channels]);
            let x = rounded(&Array { values: x.values.iter().map(|value| scale * value).collect(), ..x });
            let operands = [x, gamma, beta];
            for activation in [Activation::Identity, Activation::Relu, Activation::LeakyRelu] {
                self.compare(
                    &named(if size == 1 { "instance norm" } else { "group norm" }, activation),
                    &operands,
                    5e-6,
                    &|pass, x| pass.group_norm(&x[0], size, &x[1], &x[2], activation),
                    &|found, grad| reference::group_norm(&operands, size, relu(activation, found), grad),
                )?;
            }
        }
        Ok(())
    }

    /// A convolution and the norm after it, as in evaluations: in one operation where that is faster.
    fn normed_convolution(&mut self) -> Result<()> {
        let [c, k]: [&[usize]; 2] = [&[16], &[16, 6, 3, 3]];
        let [x, weight, bias, scale, shift, means, variances] = arrays([&[2, 12, 10, 6], k, c, c, c, c, c]);
        let variances =
            rounded(&Array { values: variances.values.iter().map(|x| x.abs() + 0.5).collect(), ..variances });
        let backend = self.backend.clone();
        let pass = Forward::new(&*backend);
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
    pub(super) fn losses(&mut self) -> Result<()> {
        let [x, y] = arrays([&[3, 1, 9, 11]; 2]);
        let x = Array { values: x.values.iter().map(|x| 8.0 * x).collect(), ..x };
        let y = Array { values: y.values.iter().map(|y| f64::from(u8::from(*y > 0.3))).collect(), ..y };
        let host = |array: &Array| Tensor::from_vec(array.values.clone(), array.shape.as_slice(), &Device::Cpu);
        let sum = Loss::sum(composed::losses::NAMES.map(|name| (name, 0.5)));
        for loss in composed::losses::NAMES.map(Loss::from).into_iter().chain([sum]) {
            let (logits, targets) = (self.tensor(&x)?, self.tensor(&y)?);
            // a fifth of the training masks
            let (criterion, balance) = (Criterion::new(&loss, 0.2), 4.0);
            let (trained_on, along) = criterion.with_gradient(&logits, &targets)?;
            let evaluated = criterion.per_case(&logits, &targets)?;
            let logits = Var::from_tensor(&host(&x)?)?;
            let values = composed::losses::per_case(&loss, balance, &logits, &host(&y)?)?;
            let gradients = values.mean_all()?.backward()?;
            let gradient = gradients.get(&logits).map(numbers).transpose()?.unwrap_or_default();
            let name = format!("loss {loss}");
            for found in [&trained_on, &evaluated] {
                self.row(&name, "result", distance(&numbers(found)?, &numbers(&values)?), 2e-6);
            }
            self.row(&name, "gradient of logits", distance(&numbers(&along)?, &gradient), 2e-6);
        }
        Ok(())
    }

    /// The change of three steps of each rule.
    pub(super) fn update_rules(&mut self) -> Result<()> {
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
            let schedule = optimizers::Schedule::new(&training, rates.learning, 1);
            let mut optimizer = optimizers::Optimizer::new(&training, schedule, &variables)?;
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
}

fn named(operation: &str, activation: Activation) -> String {
    match activation {
        Activation::Identity => operation.to_owned(),
        Activation::Relu => format!("{operation}, ReLU"),
        Activation::LeakyRelu => format!("{operation}, leaky ReLU"),
    }
}

fn relu(activation: Activation, found: &Array) -> Relu<'_> {
    match activation {
        Activation::Identity => None,
        Activation::Relu => Some((0.0, found)),
        Activation::LeakyRelu => Some((LEAK, found)),
    }
}
