//! What the tests share with `tests/reference/fixtures.py`.
#![allow(dead_code, clippy::unwrap_used, reason = "every test uses a part; a test may panic")]

use candle_core::{DType, Device, Tensor, Var};
use proto::data::Inventory;
use proto::ids::ContentHash;
use proto::spec::Architecture;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use worker::data::CaseSet;

/// The networks of the reference protocol.
pub(crate) const PROTOCOL: [Architecture; 3] = [Architecture::SegNet, Architecture::UNet, Architecture::UNet2];

/// At most that many elements of a tensor are in its summary.
const SAMPLES: usize = 256;
/// A prime: samples of a kernel are of all its taps and channels.
const STEP: usize = 7919;

/// A file of `tests/reference`.
pub(crate) fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference").join(name)
}

/// The tensors of a fixture.
pub(crate) fn tensors(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(reference(name), &Device::Cpu).unwrap()
}

/// A JSON fixture.
pub(crate) fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(reference(name)).unwrap()).unwrap()
}

/// A list of numbers of a fixture.
pub(crate) fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Every number is as expected, but for that share of it.
pub(crate) fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        let bound = tolerance * expected.abs().max(1e-3);
        assert!(difference <= bound, "{what}, {index}: {found:e}, expected {expected:e}");
    }
}

/// Uniform in `offset` +- `scale`: SplitMix64 from the state `stream << 32`, whose upper 53 bits are mapped to [-1, 1).
pub(crate) fn noise(shape: &[usize], stream: u64, scale: f64, offset: f64) -> Tensor {
    let value = |counter: u64| {
        let z = (stream << 32).wrapping_add(counter.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let z = z ^ (z >> 31);
        offset + scale * ((z >> 11) as f64 / 2f64.powi(52) - 1.0)
    };
    let count = shape.iter().product::<usize>() as u64;
    Tensor::from_vec((1..=count).map(value).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

/// Noise of the variance that He asks for. Batch norm shifts by about one, so that ReLU keeps most: a network that magnifies
/// rounding little.
pub(crate) fn set_weights(parameters: &BTreeMap<String, Var>) {
    for (index, (name, variable)) in parameters.iter().enumerate() {
        let shape = variable.dims();
        let (scale, offset) = match shape.len() {
            4 => ((6.0 / shape[1..].iter().product::<usize>() as f64).sqrt(), 0.0),
            _ if name.ends_with("weight") => (0.2, 1.0),
            _ => (0.1, if parameters[&weight_of(name)].rank() == 1 { 1.0 } else { 0.0 }),
        };
        let values = noise(shape, 800 + index as u64, scale, offset);
        variable.set(&values.to_dtype(variable.dtype()).unwrap()).unwrap();
    }
}

/// The name of the weight of a variable's layer.
pub(crate) fn weight_of(name: &str) -> String {
    format!("{}.weight", name.rsplit_once('.').unwrap().0)
}

/// At most `SAMPLES` elements, `STEP` apart, around the end to the beginning; then the Euclidean norm of all.
fn summary(tensor: &Tensor) -> Vec<f64> {
    let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    (0..values.len().min(SAMPLES)).map(|sample| values[sample * STEP % values.len()]).chain([norm]).collect()
}

/// The Euclidean distance of a tensor from the summary of the expected one, relative to its norm, or to `floor` if that is more.
pub(crate) fn error(found: &Tensor, expected: &Tensor, floor: f64) -> f64 {
    let (found, expected) = (summary(found), expected.to_vec1::<f64>().unwrap());
    assert_eq!(found.len(), expected.len(), "numbers of elements");
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let samples = expected.len() - 1;
    let distance: Vec<_> = found.iter().zip(&expected).map(|(found, expected)| found - expected).collect();
    let scale = norm(&expected[..samples]).max(floor).max(f64::MIN_POSITIVE);
    (norm(&distance[..samples]) / scale)
        .max(distance[samples].abs() / expected[samples].max(floor).max(f64::MIN_POSITIVE))
}

/// Bright discs on dark ground, `count` of them.
pub(crate) fn blobs(count: usize) -> CaseSet {
    const SIZE: usize = 32;
    let mut masks = Vec::new();
    let mut images = Vec::new();
    for case in 0..count {
        let (x, y, radius) = (10 + case * 7 % 13, 9 + case * 5 % 14, 4 + case % 5);
        let inside =
            |pixel: usize| (pixel % SIZE).abs_diff(x).pow(2) + (pixel / SIZE).abs_diff(y).pow(2) < radius.pow(2);
        let mask: Vec<u8> = (0..SIZE * SIZE).map(|pixel| u8::from(inside(pixel))).collect();
        let noise = |pixel: usize| (pixel * 37 + case * 11) as u8 % 50;
        for channel in 0..3 {
            images.extend((0..SIZE * SIZE).map(|pixel| mask[pixel] * (150 - 40 * channel) + noise(pixel)));
        }
        masks.extend(mask);
    }
    let cases = (0..count).map(|case| format!("{case:03}")).collect();
    CaseSet::new(Inventory::new(ContentHash(1), cases), SIZE as u32, images, masks)
}
