//! Losses and their gradients: against the code of those who published them (`tests/reference/loss_values.py`), and what they have in
//! common.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use common::{assert_close, json, noise, numbers, tensors};
use proto::spec::{Loss, LossName, Term};
use worker::losses::Criterion;
use worker::selftest::composed;

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
}

/// The share of foreground in the training masks that the script assumes.
const FOREGROUND: f64 = 0.2;

/// Every loss with its default parameters, some with others, and a sum; by their names in the script.
fn published() -> Vec<(String, Loss)> {
    let tversky = Term::Tversky { alpha: 0.7, beta: 0.3, smooth: 1.0 };
    let sum = Loss::sum([(LossName::Bce, 1.0), (LossName::Dice, 0.5), (LossName::Boundary, 0.01)]);
    let others = [
        ("dice.1", Term::Dice { smooth: 1.0 }.into()),
        ("tversky.1", tversky.into()),
        ("focal.25", Term::Focal { gamma: 2.0, alpha: 0.25 }.into()),
        ("sum", sum),
    ];
    let all = LossName::ALL.iter().map(|name| (name.to_string(), Loss::from(*name)));
    all.chain(others.map(|(name, loss)| (name.to_owned(), loss))).collect()
}

#[test]
fn losses_and_their_gradients_agree_with_those_that_were_published() {
    let expected = tensors("loss_values.safetensors");
    for (name, loss) in published() {
        for kind in ["plain", "extreme", "small"] {
            let Some(values) = expected.get(&format!("{name}.{kind}")) else { continue };
            let (logits, targets) = (&expected[&format!("{kind}.logits")], &expected[&format!("{kind}.targets")]);
            for (dtype, tolerance) in [(DType::F64, 1e-10), (DType::F32, 1e-5)] {
                let (x, y) = (logits.to_dtype(dtype).unwrap(), targets.to_dtype(dtype).unwrap());
                let criterion = Criterion::new(&loss, FOREGROUND);
                let (found, gradient) = criterion.with_gradient(&x, &y).unwrap();
                let evaluated = criterion.per_case(&x, &y).unwrap();
                let what = format!("{name}, {kind}, {dtype:?}");
                for found in [&found, &evaluated] {
                    assert_close(&flat(found), &flat(values), tolerance, &what);
                }
                let along = flat(&expected[&format!("{name}.{kind}.gradient")]);
                let error =
                    flat(&gradient).iter().zip(&along).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt();
                let norm = along.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
                assert!(error <= tolerance * norm.max(1e-12), "{what}: gradient off by {error:e} of {norm:e}");
            }
        }
    }
}

#[test]
fn gradients_are_the_slopes_of_the_losses() {
    // cms weighs by an error that has no slope
    for (name, loss) in published().into_iter().filter(|(name, _)| name != "cms") {
        let criterion = Criterion::new(&loss, FOREGROUND);
        let x = noise(&[2, 1, 12, 13], 3, 2.0, 0.0);
        let y = noise(&[2, 1, 12, 13], 4, 1.0, 0.0).gt(0.2).unwrap().to_dtype(DType::F64).unwrap();
        let direction = noise(&[2, 1, 12, 13], 5, 1.0, 0.0);
        let step = 1e-6;
        let at = |factor: f64| {
            let moved = (&x + (&direction * (factor * step)).unwrap()).unwrap();
            flat(&criterion.per_case(&moved, &y).unwrap()).iter().sum::<f64>() / 2.0
        };
        let (_, gradient) = criterion.with_gradient(&x, &y).unwrap();
        let slope: f64 = flat(&gradient).iter().zip(flat(&direction)).map(|(one, other)| one * other).sum();
        let measured = (at(1.0) - at(-1.0)) / (2.0 * step);
        assert!((slope - measured).abs() < 1e-6 * measured.abs().max(1e-2), "{name}: {slope}, measured {measured}");
    }
}

#[test]
fn losses_that_are_special_cases_of_others_agree() {
    let x = noise(&[2, 1, 12, 13], 3, 2.0, 0.0);
    let y = noise(&[2, 1, 12, 13], 4, 1.0, 0.0).gt(0.2).unwrap().to_dtype(DType::F64).unwrap();
    let of = |term: Term| {
        let (values, gradient) = Criterion::from(&Loss::from(term)).with_gradient(&x, &y).unwrap();
        [flat(&values), flat(&gradient)].concat()
    };
    let smooth = 1e-8;
    for (one, other) in [
        (Term::Tversky { alpha: 0.5, beta: 0.5, smooth: smooth / 2.0 }, Term::Dice { smooth }),
        (Term::Tversky { alpha: 1.0, beta: 1.0, smooth }, Term::Jaccard { smooth }),
        (Term::Focal { gamma: 0.0, alpha: 0.0 }, Term::Bce {}),
        (Term::SoftBce { smoothing: 0.0 }, Term::Bce {}),
        (Term::WeightedBce {}, Term::Bce {}),
    ] {
        assert_close(&of(one), &of(other), 1e-12, &format!("{one:?}"));
    }
    // weights of what is wrongly foreground: without any, all foreground costs nothing
    let full = Tensor::full(100.0, (1, 1, 12, 13), &Device::Cpu).unwrap();
    let tversky = Criterion::from(&Loss::from(Term::Tversky { alpha: 0.0, beta: 1.0, smooth }));
    assert!(flat(&tversky.per_case(&full, &y.narrow(0, 0, 1).unwrap()).unwrap())[0].abs() < 1e-12);
    let right = ((&y - 0.5).unwrap() * 1000.0).unwrap();
    let lovasz = Criterion::from(&Loss::from(LossName::LovaszHinge));
    assert_eq!(flat(&lovasz.per_case(&right, &y).unwrap()), [0.0, 0.0]);
}

#[test]
fn losses_are_finite_on_empty_and_full_masks_and_far_logits() {
    for (name, loss) in published() {
        let criterion = Criterion::new(&loss, FOREGROUND);
        for (logit, mask) in [(800.0, 0.0), (-800.0, 0.0), (800.0, 1.0), (-800.0, 1.0), (0.0, 0.0), (0.0, 1.0)] {
            for dtype in [DType::F64, DType::F32] {
                let full =
                    |value: f64| Tensor::full(value, (1, 1, 12, 13), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                let (values, gradient) = criterion.with_gradient(&full(logit), &full(mask)).unwrap();
                let all = [flat(&values), flat(&gradient)].concat();
                assert!(all.iter().all(|number| number.is_finite()), "{name} at {logit} of {mask}: {:?}", &all[..2]);
            }
        }
    }
}

#[test]
fn losses_and_their_gradients_agree_with_pytorch() {
    let expected = json("losses.json");
    let options = [
        ("bce", Loss::from(LossName::Bce)),
        ("dice", Loss::from(LossName::Dice)),
        ("focal", Loss::from(LossName::Focal)),
        ("dice_smooth1", Term::Dice { smooth: 1.0 }.into()),
        ("focal_gamma0.5", Term::Focal { gamma: 0.5, alpha: 0.0 }.into()),
    ];
    for (name, loss) in options {
        let criterion = Criterion::from(&loss);
        for (case, x, y) in [("plain", "x", "y"), ("extreme", "extreme", "truth")] {
            for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-5)] {
                let operand = |key: &str| {
                    let values = numbers(&expected[key]);
                    let shape = (1, 1, 1, values.len());
                    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
                };
                let x = Var::from_tensor(&operand(x)).unwrap();
                let composed = composed::losses::per_case(&loss, 1.0, &x, &operand(y)).unwrap();
                let gradients = composed.sum_all().unwrap().backward().unwrap();
                let (fused, gradient) = criterion.with_gradient(&x, &operand(y)).unwrap();
                let evaluated = criterion.per_case(&x, &operand(y)).unwrap();
                let what = format!("{name}, {case}, {dtype:?}");
                let expected = &expected[name][case];
                for value in [composed, fused, evaluated] {
                    assert_close(&flat(&value), &[expected["value"].as_f64().unwrap()], tolerance, &what);
                }
                for gradient in [gradients.get(&x).unwrap(), &gradient] {
                    assert_close(&flat(gradient), &numbers(&expected["gradient"]), tolerance, &what);
                }
            }
        }
    }
}

#[test]
fn confident_logits_keep_their_loss() {
    // the plain form log(1 + exp(-x)) gives infinity at -1000 and 0 at 100
    let bce = Criterion::from(&Loss::from(LossName::Bce));
    let loss = |x: f64, y: f64| {
        let tensor = |value| Tensor::full(value, (1, 1, 1, 1), &Device::Cpu).unwrap();
        bce.per_case(&tensor(x), &tensor(y)).unwrap().to_vec1::<f64>().unwrap()[0]
    };
    assert_eq!(loss(-1000.0, 1.0), 1000.0);
    assert_eq!(loss(1000.0, 1.0), 0.0);
    assert!((loss(100.0, 1.0) / 3.720_075_976_020_836e-44 - 1.0).abs() < 1e-12);
}
