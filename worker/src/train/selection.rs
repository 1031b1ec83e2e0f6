//! Which epoch's weights count.

use proto::measure::Evaluation;
use proto::spec::{EpochChoice, Selection};

/// Whether the newest epoch counts instead of the one selected so far.
pub(super) fn replaces(selection: Selection, new: &Evaluation, old: Option<&Evaluation>) -> bool {
    if !new.cases.is_empty() && !new.loss.is_finite() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proto::measure::{CaseCounts, Counts};
    use proto::spec::Metric;

    fn evaluation(loss: f64, tp: u32) -> Evaluation {
        Evaluation { loss, cases: vec![CaseCounts { case: 0, counts: Counts { tp, fp: 10 - tp, fn_: 0, tn: 0 } }] }
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
