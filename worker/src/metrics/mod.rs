//! Logits and masks -> what results are judged by.
//!
//! ```text
//!  counts        pixels of every case, where the logits lie; the scores are made of them in `proto::counts`
//!  surface       outlines of two masks -> distances and overlaps
//!  calibration   probabilities and truth -> errors of the probabilities
//! ```

mod calibration;
mod counts;
mod surface;

pub use counts::{count, counts};

use crate::postprocess;
use proto::spec::{Metric, Postprocess};
use surface::Outlines;

/// One case: what was predicted and what is true, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Predicted<'a> {
    /// The logit of every pixel.
    pub logits: &'a [f32],
    /// 1 where the lesion is, else 0.
    pub mask: &'a [u8],
    /// Pixels of a row.
    pub width: usize,
    /// What is done to the predicted mask. Errors of the probabilities are those of the logits all the same.
    pub postprocess: Postprocess,
}

impl Predicted<'_> {
    /// The values of some of [`Metric::MEASURED`], in their order; `None` where the case has none.
    #[must_use]
    pub fn measure(&self, metrics: &[Metric]) -> Vec<Option<f64>> {
        let truth: Vec<bool> = self.mask.iter().map(|pixel| *pixel != 0).collect();
        // as in the counts: a logit that is not a number predicts background
        let mut predicted: Vec<u8> = self.logits.iter().map(|logit| u8::from(*logit >= 0.0)).collect();
        postprocess::apply(self.postprocess, &mut predicted, self.width);
        let predicted: Vec<bool> = predicted.into_iter().map(|pixel| pixel != 0).collect();
        let of_outlines = metrics
            .iter()
            .any(|metric| matches!(metric, Metric::Hd95 | Metric::Assd | Metric::BoundaryF1 | Metric::BoundaryIou));
        let outlines = of_outlines.then(|| Outlines::of(&predicted, &truth, self.width));
        let value = |metric: &Metric| match (metric, &outlines) {
            (Metric::Hd95, Some(outlines)) => Some(outlines.hd95()),
            (Metric::Assd, Some(outlines)) => Some(outlines.assd()),
            (Metric::BoundaryF1, Some(outlines)) => Some(outlines.boundary_f1()),
            (Metric::BoundaryIou, Some(outlines)) => Some(outlines.boundary_iou()),
            (Metric::Ece, _) => Some(calibration::ece(self.logits, &truth)),
            (Metric::Brier, _) => Some(calibration::brier(self.logits, &truth)),
            (Metric::Auroc, _) => calibration::auroc(self.logits, &truth),
            _ => None,
        };
        metrics.iter().map(|metric| value(metric).filter(|value| value.is_finite())).collect()
    }
}
