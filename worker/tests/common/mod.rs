//! What the tests share with `tests/reference/fixtures.py`.
#![allow(dead_code, clippy::unwrap_used, reason = "every test uses a part; a test may panic")]

use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// At most that many elements of a tensor are in its summary.
const SAMPLES: usize = 256;

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

/// `offset + scale sin(phase + 78.233 j)` for the j-th element.
pub(crate) fn wave(shape: &[usize], phase: f64, scale: f64, offset: f64) -> Tensor {
    let count: usize = shape.iter().product();
    let values = (0..count).map(|index| offset + scale * (phase + 78.233 * index as f64).sin());
    Tensor::from_vec(values.collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

/// Every k-th element, at most `SAMPLES` of them, then the Euclidean norm of all.
fn summary(tensor: &Tensor) -> Vec<f64> {
    let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    values.iter().copied().step_by(values.len().div_ceil(SAMPLES)).chain([norm]).collect()
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
