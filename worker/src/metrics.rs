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
    let logits = logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    if logits.len() != masks.len() || cases == 0 {
        candle_core::bail!("{} logits for {} pixels", logits.len(), masks.len());
    }
    let pixels = masks.len() / cases;
    Ok(logits.chunks_exact(pixels).zip(masks.chunks_exact(pixels)).map(|(logits, mask)| case(logits, mask)).collect())
}

fn case(logits: &[f32], mask: &[u8]) -> Counts {
    let mut counts = Counts::default();
    for (&logit, &truth) in logits.iter().zip(mask) {
        *match (logit >= 0.0, truth != 0) {
            (true, true) => &mut counts.tp,
            (true, false) => &mut counts.fp,
            (false, true) => &mut counts.fn_,
            (false, false) => &mut counts.tn,
        } += 1;
    }
    counts
}
