//! Metrics of masks and probabilities, against the libraries that define them (`tests/reference/metric_values.py`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use candle_core::DType;
use common::tensors;
use proto::measure::Counts;
use proto::spec::{Metric, Postprocess};
use worker::metrics::Predicted;

#[test]
fn metrics_agree_with_the_libraries_that_define_them() {
    let expected = tensors("metric_values.safetensors");
    let logits = expected["logits"].to_dtype(DType::F32).unwrap().flatten_from(1).unwrap().to_vec2::<f32>().unwrap();
    let truth = expected["truth"].to_dtype(DType::U8).unwrap().flatten_from(1).unwrap().to_vec2::<u8>().unwrap();
    let width = expected["truth"].dim(2).unwrap();
    for (case, (logits, mask)) in logits.iter().zip(&truth).enumerate() {
        let found = Predicted { logits, mask, width, postprocess: Postprocess::None }.measure(&Metric::MEASURED);
        let mut counts = Counts::default();
        for (logit, pixel) in logits.iter().zip(mask) {
            let place = match (*logit >= 0.0, *pixel != 0) {
                (true, true) => &mut counts.tp,
                (true, false) => &mut counts.fp,
                (false, true) => &mut counts.fn_,
                (false, false) => &mut counts.tn,
            };
            *place += 1;
        }
        let of_counts = [Metric::Precision, Metric::F2].map(|metric| (metric, counts.score(metric)));
        for (metric, found) in Metric::MEASURED.into_iter().zip(found).chain(of_counts) {
            let expected = expected[metric.name()].to_vec1::<f64>().unwrap()[case];
            // MONAI computes distances in f32
            let tolerance = if matches!(metric, Metric::Hd95 | Metric::Assd) { 1e-6 * expected } else { 1e-12 };
            match found {
                Some(found) => {
                    assert!((found - expected).abs() < tolerance, "{metric}, case {case}: {found}, {expected}")
                }
                None => assert!(expected.is_nan(), "{metric}, case {case}: none, {expected}"),
            }
        }
    }
}

#[test]
fn masks_that_agree_are_the_best_there_can_be() {
    let disc = |index: usize| u8::from((index % 20).abs_diff(9).pow(2) + (index / 20).abs_diff(8).pow(2) < 30);
    for mask in [(0..400).map(disc).collect::<Vec<_>>(), vec![0; 400], vec![1; 400]] {
        let logits: Vec<f32> = mask.iter().map(|pixel| 100.0 * (f32::from(*pixel) - 0.5)).collect();
        for metric in Metric::MEASURED {
            let found = Predicted { logits: &logits, mask: &mask, width: 20, postprocess: Postprocess::None }
                .measure(&[metric])[0];
            let best = f64::from(u8::from(!metric.is_cost()));
            assert!(found.is_none_or(|found| (found - best).abs() < 1e-20), "{metric}: {found:?}");
        }
    }
}
