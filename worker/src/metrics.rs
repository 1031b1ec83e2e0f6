//! Logits and masks -> the pixel counts of every case. The scores are made of them in `proto::measure`.

use candle_core::{DType, Result, Tensor};
use proto::measure::Counts;

/// The counts of every case of a batch, from logits `[n, 1, h, w]` and masks of 0 and 1, `[n, h, w]`.
///
/// A pixel is predicted foreground if sigmoid(x) >= 0.5, that is, x >= 0; a logit that is not a number predicts background.
///
/// # Errors
/// If there are not as many logits as pixels.
pub fn counts(logits: &Tensor, masks: &[u8]) -> Result<Vec<Counts>> {
    let cases = logits.dim(0)?;
    if logits.elem_count() != masks.len() || cases == 0 {
        candle_core::bail!("{} logits for {} pixels", logits.elem_count(), masks.len());
    }
    // f64 has numbers below 0 that f32 rounds to it
    let predicted: Vec<_> = match logits.dtype() {
        DType::F64 => logits.flatten_all()?.to_vec1::<f64>()?.into_iter().map(|logit| logit >= 0.0).collect(),
        _ => logits
            .to_dtype(DType::F32)?
            .flatten_all()?
            .to_vec1::<f32>()?
            .into_iter()
            .map(|logit| logit >= 0.0)
            .collect(),
    };
    let pixels = masks.len() / cases;
    Ok(predicted.chunks_exact(pixels).zip(masks.chunks_exact(pixels)).map(|(found, mask)| case(found, mask)).collect())
}

fn case(predicted: &[bool], mask: &[u8]) -> Counts {
    let mut counts = Counts::default();
    for (&predicted, &truth) in predicted.iter().zip(mask) {
        *match (predicted, truth != 0) {
            (true, true) => &mut counts.tp,
            (true, false) => &mut counts.fp,
            (false, true) => &mut counts.fn_,
            (false, false) => &mut counts.tn,
        } += 1;
    }
    counts
}
