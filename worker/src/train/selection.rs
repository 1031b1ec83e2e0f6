//! Which epoch's weights count.

use proto::measure::Evaluation;
use proto::spec::{EpochChoice, Metric, Selection};

/// Whether the newest epoch counts instead of the one selected so far.
pub(super) fn replaces(selection: Selection, new: &Evaluation, old: Option<&Evaluation>) -> bool {
    if !is_finite(new) {
        return false;
    }
    match (selection.epoch, old) {
        (EpochChoice::Last, _) | (_, None) => true,
        (EpochChoice::Best, Some(old)) => {
            let score = |evaluation: &Evaluation| evaluation.scores().get(selection.metric);
            match (score(new), score(old)) {
                (Some(new), Some(old)) => selection.metric.better(new, old),
                (new, old) => new.is_some() && old.is_none(),
            }
        }
    }
}

/// The new score, if it is better than the old one.
pub(super) fn is_better(metric: Metric, new: &Evaluation, old: Option<f64>) -> Option<f64> {
    let score = new.scores().get(metric).filter(|_| is_finite(new))?;
    old.is_none_or(|old| metric.better(score, old)).then_some(score)
}

/// Whether the loss of the cases, if there are any, is finite.
fn is_finite(evaluation: &Evaluation) -> bool {
    evaluation.cases.is_empty() || evaluation.loss.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::measure::{CaseCounts, Counts};

    fn evaluation(loss: f64, tp: u32) -> Evaluation {
        Evaluation::of(loss, vec![CaseCounts { case: 0, counts: Counts { tp, fp: 10 - tp, fn_: 0, tn: 0 } }])
    }

    #[test]
    fn the_best_epoch_is_the_earliest_of_equals_and_finite() {
        let best = |metric| Selection { metric, epoch: EpochChoice::Best };
        let old = evaluation(0.5, 6);
        let replaces = |selection, new: &Evaluation| replaces(selection, new, Some(&old));
        assert!(replaces(best(Metric::Iou), &evaluation(0.9, 7)));
        assert!(!replaces(best(Metric::Iou), &evaluation(0.1, 6)));
        assert!(replaces(best(Metric::Loss), &evaluation(0.4, 0)));
        assert!(!replaces(best(Metric::Loss), &evaluation(0.5, 9)));
        assert!(!replaces(best(Metric::Iou), &evaluation(f64::NAN, 9)));
        let last = Selection { metric: Metric::Iou, epoch: EpochChoice::Last };
        assert!(replaces(last, &evaluation(0.9, 0)));
        assert!(!replaces(last, &evaluation(f64::INFINITY, 9)));
    }
}
