//! Operations and whole networks against PyTorch (`tests/reference/gradients.py`), forward and backward.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and say what it found")]

mod common;

use candle_core::{DType, Device, Result, Tensor, Var};
use common::{PROTOCOL, error, noise, set_weights, tensors, weight_of};
use proto::spec::{Architecture, Initialization, Loss, LossName, Model};
use worker::losses::Criterion;
use worker::models::{self, Network};
use worker::ops::{Activation, Backend, Convolution, Forward, Moments, Precision, Tape, backend};
use worker::selftest::composed::Composed;

/// A way to compute.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Cpu(Convolution),
    Composed,
}

/// Every way to compute.
const ALL: [By; 4] =
    [By::Cpu(Convolution::Direct), By::Cpu(Convolution::Winograd2), By::Cpu(Convolution::Winograd4), By::Composed];

impl By {
    fn backend(self) -> Box<dyn Backend> {
        match self {
            Self::Cpu(convolution) => backend(&Device::Cpu, convolution, Precision::F32).unwrap(),
            Self::Composed => Box::new(Composed),
        }
    }
}

fn channels_last(x: &Tensor) -> Tensor {
    x.permute((0, 2, 3, 1)).unwrap().contiguous().unwrap()
}

fn channels_first(x: &Tensor) -> Tensor {
    x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
}

/// Compares an operation on noise, and the gradients of `sum(y * noise)`, with the fixture; the first `maps` operands are
/// feature maps.
fn check(name: &str, maps: usize, shapes: &[&[usize]], operation: impl Fn(Forward<'_>, &[Tensor]) -> Result<Tensor>) {
    let expected = tensors("ops.safetensors");
    for by in ALL {
        for (dtype, limit) in [(DType::F64, 1e-11), (DType::F32, 5e-6)] {
            if by == By::Composed && dtype == DType::F32 {
                continue; // Candle's own sums over many pixels are off by more
            }
            let operand = |(index, shape): (usize, &&[usize])| {
                let values = noise(shape, 1 + index as u64, 1.0, 0.0).to_dtype(dtype).unwrap();
                Var::from_tensor(&if index < maps { channels_last(&values) } else { values }).unwrap()
            };
            let variables: Vec<_> = shapes.iter().enumerate().map(operand).collect();
            let operands: Vec<_> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
            let (backend, tape) = (by.backend(), Tape::default());
            let output = operation(Forward::recorded(&*backend, &tape), &operands).unwrap();
            let y = channels_first(&output);
            let gradient = channels_last(&noise(y.dims(), 9, 1.0, 0.0)).to_dtype(dtype).unwrap();
            let gradients = tape.backward(&*backend, &output, gradient).unwrap();
            let difference = error(&y, &expected[&format!("{name}.y")], 0.0);
            assert!(difference < limit, "{name}, {by:?}, {dtype:?}: y is off by {difference:e}");
            for (index, variable) in variables.iter().enumerate() {
                let Some(gradient) = gradients.get(variable) else { continue };
                let gradient = if index < maps { channels_first(gradient) } else { gradient.clone() };
                let difference = error(&gradient, &expected[&format!("{name}.{index}")], 0.0);
                assert!(difference < limit, "{name}, {by:?}, {dtype:?}: gradient {index} is off by {difference:e}");
            }
            assert!(gradients.get(&variables[0]).is_some(), "{name}, {by:?}: no gradient");
        }
    }
}

fn check_conv(name: &str, shapes: [&[usize]; 3], activation: Activation) {
    check(name, 1, &shapes, |pass, x| pass.conv2d(&x[0], &x[1], &x[2], activation));
}

fn check_transpose(name: &str, shapes: [&[usize]; 3], activation: Activation) {
    check(name, 1, &shapes, |pass, x| pass.conv_transpose2d(&x[0], &x[1], &x[2], activation));
}

#[test]
fn convolutions_agree_with_pytorch() {
    use Activation::{Identity, Relu};
    check_conv("conv3", [&[3, 3, 6, 10], &[13, 3, 3, 3], &[13]], Identity);
    check_conv("conv3_relu", [&[2, 5, 4, 4], &[7, 5, 3, 3], &[7]], Relu);
    check_conv("conv3_deep", [&[9, 20, 2, 3], &[17, 20, 3, 3], &[17]], Identity);
    check_conv("conv1", [&[2, 6, 5, 7], &[4, 6, 1, 1], &[4]], Identity);
    check_conv("conv2", [&[3, 3, 8, 6], &[5, 3, 2, 2], &[5]], Identity);
    let strided: [&[usize]; 3] = [&[2, 20, 8, 12], &[17, 20, 3, 3], &[17]];
    check("conv3_stride2", 1, &strided, |pass, x| pass.conv2d_strided(&x[0], &x[1], &x[2], Relu));
    let strided: [&[usize]; 3] = [&[2, 6, 4, 8], &[4, 6, 1, 1], &[4]];
    check("conv1_stride2", 1, &strided, |pass, x| pass.conv2d_strided(&x[0], &x[1], &x[2], Identity));
    let dilated: [&[usize]; 3] = [&[2, 5, 6, 7], &[4, 5, 3, 3], &[4]];
    check("conv3_rate2", 1, &dilated, |pass, x| pass.conv2d_dilated(&x[0], &x[1], &x[2], 2, Relu));
    let beyond: [&[usize]; 3] = [&[2, 5, 4, 7], &[4, 5, 3, 3], &[4]];
    check("conv3_rate5", 1, &beyond, |pass, x| pass.conv2d_dilated(&x[0], &x[1], &x[2], 5, Identity));
    check_transpose("transpose", [&[3, 5, 4, 3], &[5, 3, 2, 2], &[3]], Identity);
}

#[test]
fn convolutions_of_big_images_agree_with_pytorch() {
    use Activation::{Identity, Relu};
    check_conv("conv3_strips", [&[2, 2, 100, 90], &[3, 2, 3, 3], &[3]], Relu);
    check_conv("conv3_rows", [&[1, 2, 9, 1500], &[3, 2, 3, 3], &[3]], Identity);
    check_conv("conv2_strips", [&[2, 2, 180, 200], &[3, 2, 2, 2], &[3]], Relu);
    check_transpose("transpose_strips", [&[2, 3, 90, 80], &[3, 2, 2, 2], &[2]], Relu);
}

#[test]
fn pooling_and_upsampling_agree_with_pytorch() {
    check("pool", 1, &[&[2, 3, 6, 8]], |pass, x| Ok(pass.max_pool2d(&x[0])?.0));
    check("unpool", 2, &[&[2, 3, 3, 4], &[2, 3, 6, 8]], |pass, x| pass.max_unpool2d(&x[0], &pass.max_pool2d(&x[1])?.1));
    check("upsample", 1, &[&[2, 3, 3, 5]], |pass, x| pass.upsample(&x[0]));
    check("resize", 1, &[&[2, 3, 3, 5]], |pass, x| pass.resize(&x[0], (12, 7)));
    check("mean", 1, &[&[2, 3, 3, 5]], |pass, x| pass.mean(&x[0]));
    check("concatenate", 2, &[&[2, 3, 4, 5], &[2, 2, 4, 5]], |pass, x| pass.concatenate(&x[0], &x[1]));
}

#[test]
fn norms_agree_with_pytorch() {
    check("norm", 1, &[&[3, 4, 5, 7], &[4], &[4]], |pass, x| {
        Ok(pass.batch_norm(&x[0], &x[1], &x[2], Activation::Relu)?.0)
    });
    check("instance_norm", 1, &[&[3, 4, 5, 7], &[4], &[4]], |pass, x| {
        pass.group_norm(&x[0], 1, &x[1], &x[2], Activation::LeakyRelu)
    });
    check("norm_by", 1, &[&[3, 4, 5, 7], &[4], &[4]], |pass, x| {
        let moment = |stream, scale, offset| noise(&[4], stream, scale, offset).to_dtype(x[0].dtype()).unwrap();
        let moments = Moments { mean: moment(5, 1.0, 0.0), variance: moment(6, 0.5, 1.0) };
        pass.batch_norm_by(&x[0], &moments, &x[1], &x[2], Activation::Identity)
    });
}

#[test]
fn gradients_that_meet_are_added() {
    for by in ALL {
        let x = Var::ones((1, 2, 2, 1), DType::F32, &Device::Cpu).unwrap();
        let (backend, tape) = (by.backend(), Tape::default());
        let pass = Forward::recorded(&*backend, &tape);
        let upsampled = pass.upsample(&x).unwrap();
        let y = pass.concatenate(&upsampled, &upsampled).unwrap();
        let gradients = tape.backward(&*backend, &y, y.ones_like().unwrap()).unwrap();
        let gradient = gradients.get(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(gradient, [8.0; 4], "{by:?}");
    }
}

#[test]
fn equal_maxima_take_the_first() {
    let x = Tensor::ones((1, 4, 4, 1), DType::F32, &Device::Cpu).unwrap();
    for by in ALL {
        let (_, positions) = Forward::new(&*by.backend()).max_pool2d(&x).unwrap();
        assert_eq!(positions.flatten_all().unwrap().to_vec1::<u8>().unwrap(), [0; 4], "{by:?}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
    let x = ones(&[1, 5, 6, 2]);
    for by in ALL {
        let backend = by.backend();
        let (pass, identity) = (Forward::new(&*backend), Activation::Identity);
        assert!(pass.max_pool2d(&x).is_err());
        assert!(pass.conv2d(&x, &ones(&[3, 2, 2, 2]), &ones(&[3]), identity).is_err());
        assert!(pass.conv2d(&x, &ones(&[3, 1, 3, 3]), &ones(&[3]), identity).is_err());
        assert!(pass.conv2d(&x, &ones(&[3, 2, 5, 5]), &ones(&[3]), identity).is_err());
        assert!(pass.conv2d(&x, &ones(&[3, 2, 3, 3]), &ones(&[2]), identity).is_err());
        assert!(pass.conv2d(&x, &ones(&[3, 2, 3, 3]), &ones(&[3]), Activation::LeakyRelu).is_err());
        assert!(pass.conv2d_strided(&x, &ones(&[3, 2, 3, 3]), &ones(&[3]), identity).is_err());
        assert!(pass.conv_transpose2d(&x, &ones(&[3, 2, 2, 2]), &ones(&[2]), identity).is_err());
        assert!(pass.concatenate(&x, &ones(&[1, 5, 5, 2])).is_err());
    }
}

/// The network of the fixture.
fn network(architecture: Architecture, dtype: DType) -> Network {
    let model = Model { width: 8, ..Model::default() };
    let network = models::build(architecture, model, 32, Initialization::Pytorch, 0, &Device::Cpu, dtype).unwrap();
    set_weights(network.parameters());
    network
}

/// How far a network's gradients under `loss` are off, by name, and how far PyTorch's are in f32; its logits and its loss among them.
fn errors(architecture: Architecture, loss: LossName, by: By, dtype: DType) -> Vec<(String, f64, f64)> {
    let expected = tensors("networks.safetensors");
    let images = noise(&[2, 3, 32, 32], 100, 0.5, 0.5).to_dtype(dtype).unwrap();
    let targets = noise(&[2, 1, 32, 32], 101, 1.0, 0.0).gt(0.3).unwrap().to_dtype(dtype).unwrap();
    let network = network(architecture, dtype).with_backend(by.backend());
    let pass = network.record(&images).unwrap();
    let logits = pass.logits[0].clone();
    let (values, gradient) = Criterion::from(&Loss::from(loss)).with_gradient(&logits, &targets).unwrap();
    let gradients = pass.backward(&[gradient]).unwrap();
    let value = values.mean(0).unwrap();
    let evaluated = network.forward(&images).unwrap();
    let key = |name: &str| format!("{architecture}.{loss}.{name}");
    let number = |key: &str| *expected[key].to_vec1::<f64>().unwrap().last().unwrap();

    let value = value.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap();
    let mut found = vec![
        (
            "logits".to_owned(),
            error(&logits, &expected[&format!("{architecture}.logits")], 0.0),
            number(&key("logits.f32")),
        ),
        ("evaluation".to_owned(), error(&evaluated, &expected[&format!("{architecture}.eval")], 0.0), 0.0),
        ("loss".to_owned(), (value / number(&key("loss")) - 1.0).abs(), 0.0),
    ];
    for (name, variable) in network.parameters() {
        // the gradient of a bias before batch norm is zero but for rounding, PyTorch's too
        let (own, weight) = (number(&key(name)), number(&key(&weight_of(name))));
        let floor = if own < 1e-9 * weight { weight } else { 0.0 };
        let error = error(gradients.get(variable).unwrap(), &expected[&key(name)], floor);
        found.push((name.clone(), error, number(&key(&format!("{name}.f32")))));
    }
    found
}

#[test]
fn gradients_of_networks_agree_with_pytorch() {
    for architecture in PROTOCOL {
        for loss in [LossName::Bce, LossName::Dice, LossName::Focal] {
            for by in ALL {
                for (name, error, _) in errors(architecture, loss, by, DType::F64) {
                    assert!(error < 1e-10, "{architecture}, {loss}, {by:?}, f64, {name}: {error:e}");
                }
                let limit = match by {
                    By::Cpu(Convolution::Direct) => 1e-5,
                    By::Cpu(_) => 2e-5,
                    By::Composed => 1e-4, // Candle's own sums over many pixels are off by more
                };
                let found = errors(architecture, loss, by, DType::F32);
                let own = found.iter().map(|(_, _, own)| *own).fold(0.0, f64::max);
                let (name, error, _) = found.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                let summary = format!("{architecture}, {loss}, {by:?}, f32: {error:.1e} at {name}, PyTorch {own:.1e}");
                println!("{summary}");
                assert!(error < limit, "{summary}");
            }
        }
    }
}

#[test]
fn networks_have_as_many_parameters_as_in_the_reference_protocol() {
    let expected =
        [(Architecture::SegNet, 24_980_929), (Architecture::UNet, 21_978_177), (Architecture::UNet2, 16_755_777)];
    for (architecture, count) in expected {
        let model = Model { width: 64, ..Model::default() };
        let network =
            models::build(architecture, model, 256, Initialization::Pytorch, 0, &Device::Cpu, DType::F32).unwrap();
        assert_eq!(network.parameter_count(), count, "{architecture}");
    }
}
