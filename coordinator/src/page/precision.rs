//! How well sweeps are known: the half-width of the widest interval of the mean, for this pool, among the first candidates. It shrinks with
//! every split, so whoever watches over a sweep sees whether more of them are still worth their time.

use crate::analyst::Study;
use crate::report::Lineup;
use crate::stats::Interval;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Candidates that count, the best first.
const FIRST: usize = 5;

/// What is known of each sweep.
#[derive(Debug, Default)]
pub(super) struct Precision {
    half_widths: Mutex<BTreeMap<String, f64>>,
    /// Whoever has it finds out anew.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

impl Precision {
    /// What is known of these sweeps; what was known of others is forgotten.
    pub(super) fn of(&self, sweeps: &[String]) -> BTreeMap<String, f64> {
        let mut known = self.half_widths();
        known.retain(|sweep, _| sweeps.contains(sweep));
        known.clone()
    }

    /// Notes what was found.
    pub(super) fn note(&self, sweep: String, half_width: Option<f64>) {
        let mut known = self.half_widths();
        match half_width {
            Some(half_width) => known.insert(sweep, half_width),
            None => known.remove(&sweep),
        };
    }

    fn half_widths(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        self.half_widths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The greatest half-width among the first candidates; `None` if none of them has two splits.
pub(super) fn half_width(study: &Study) -> Option<f64> {
    let analysis = &study.analysed.analysis;
    let lineup = Lineup::new(&study.analysed.observations, analysis);
    let first = lineup.order.iter().take(FIRST).filter_map(|candidate| analysis.candidates.get(*candidate));
    first.filter_map(|candidate| candidate.this_pool).map(Interval::half_width).max_by(f64::total_cmp)
}
