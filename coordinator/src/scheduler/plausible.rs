//! Whether what a worker hands in can be true of its job. Its form was checked when it came in; this is about what it says.

use super::{State, Sweep};
use proto::data::Inventory;
use proto::extras::BaselineCounts;
use proto::ids::{JobId, SplitHash};
use proto::measure::{CaseCounts, Evaluation, JobResult, Measurement, Verdict};
use proto::spec::{Data, JobSpec, Metric, Split, Trainer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What results of the same split have in common: what decides which cases are in which subset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SplitKey(Data, Split, u64);

impl SplitKey {
    /// Of the job at a place of the sweep's queue, once the content of the data set is known.
    fn of(sweep: &Sweep, place: u32) -> Option<Self> {
        let JobSpec { data, split, seeds, .. } = sweep.spec(place)?;
        Some(Self(data, split, seeds.split_seed))
    }
}

/// What is known of a job before its result.
struct Planned {
    spec: JobSpec,
    /// The data set.
    data: Arc<Inventory>,
    /// The split of other jobs that have the same.
    split: Option<SplitHash>,
}

impl State {
    /// Checks a result against its job's plan, if some sweep still has the job, and against the results of the same split.
    ///
    /// # Errors
    /// If it cannot be: why, for people.
    pub(super) fn check_result(&self, job: JobId, result: &JobResult) -> Result<(), String> {
        result_by_itself(result)?;
        self.planned(job).map_or(Ok(()), |planned| planned.check(result))
    }

    /// Checks the epochs of one message: in order, each once, none beyond the plan.
    ///
    /// # Errors
    /// If they cannot be: why, for people.
    pub(super) fn check_measurements(&self, job: JobId, measurements: &[Measurement]) -> Result<(), String> {
        if let Some([one, next]) = measurements.array_windows().find(|[one, next]| one.epoch >= next.epoch) {
            return Err(format!("epoch {} is measured after epoch {}", next.epoch, one.epoch));
        }
        match (measurements.last(), self.spec_of(job)) {
            (Some(last), Some(spec)) if last.epoch > spec.training.epochs => {
                Err(format!("epoch {} is measured, but the job has {}", last.epoch, spec.training.epochs))
            }
            _ => Ok(()),
        }
    }

    /// Remembers the split of a job that has succeeded, if it is the first that says it.
    pub(super) fn note_split(&mut self, job: JobId, split: SplitHash) {
        if let Some(key) = self.place_of(job).and_then(|(sweep, place)| SplitKey::of(sweep, place)) {
            self.splits.entry(key).or_insert(split);
        }
    }

    fn planned(&self, job: JobId) -> Option<Planned> {
        let (sweep, place) = self.place_of(job)?;
        let (spec, data) = (sweep.spec(place)?, sweep.inventory.clone()?);
        let split = self.splits.get(&SplitKey::of(sweep, place)?).copied();
        Some(Planned { spec, data, split })
    }

    fn spec_of(&self, job: JobId) -> Option<JobSpec> {
        let (sweep, place) = self.place_of(job)?;
        sweep.spec(place)
    }

    /// Where some sweep lists the job; it is the same job in every sweep.
    fn place_of(&self, job: JobId) -> Option<(&Sweep, u32)> {
        let (number, place) = self.places_of(job).next()?;
        Some((self.sweeps.get(&number)?, place))
    }
}

impl Planned {
    fn check(&self, result: &JobResult) -> Result<(), String> {
        let Self { spec, data, split } = self;
        let epochs = spec.training.epochs;
        if !(1..=epochs).contains(&result.epochs) {
            return Err(format!("it has {} epochs of {epochs}", result.epochs));
        }
        // a simulated network has none
        let parameters = proto::cost::parameters(spec.architecture, spec.model, spec.data.image_size);
        if spec.trainer == Trainer::Candle && result.parameters != parameters {
            return Err(format!("it has {} parameters, but the network has {parameters}", result.parameters));
        }
        let Split { validation, test, .. } = spec.split;
        let has_cases = u32::from(result.best_epoch > 0);
        check_cases("validation", &result.validation.cases, validation * has_cases, data)?;
        check_cases("test", &result.test.cases, test * has_cases, data)?;
        let measures = spec.trainer == Trainer::Candle && result.best_epoch > 0;
        check_measured("validation", &result.validation, if measures { &spec.metrics } else { &[] })?;
        check_measured("test", &result.test, if measures { &spec.metrics } else { &[] })?;
        for BaselineCounts { baseline, validation: validated, test: tested } in &result.extras.baselines {
            let name = baseline.name();
            check_cases(&format!("{name} validation"), validated, validation, data)?;
            check_cases(&format!("{name} test"), tested, test, data)?;
        }
        match (split, result.split_hash) {
            (Some(expected), Some(found)) if *expected != found => {
                Err(format!("its split is {found}, but that of other results with the same seed is {expected}"))
            }
            _ => Ok(()),
        }
    }
}

/// As many cases as the subset has, all of them in the data set. Whole groups have about as many: some, if there should be some.
fn check_cases(name: &str, found: &[CaseCounts], size: u32, data: &Inventory) -> Result<(), String> {
    let (cases, is_exact) = (data.cases.len(), data.marks.groups.is_empty() || size == 0);
    let fits = if is_exact { found.len() == size as usize } else { (1..=cases).contains(&found.len()) };
    if !fits {
        return Err(format!("it has {} {name} cases instead of {size}", found.len()));
    }
    match found.iter().find(|case| case.case as usize >= cases) {
        Some(case) => Err(format!("it has case {}, but the data set has {cases}", case.case)),
        None => Ok(()),
    }
}

/// What the job asks for was measured on the subset's cases, and nothing else.
fn check_measured(name: &str, found: &Evaluation, metrics: &[Metric]) -> Result<(), String> {
    let mut measured: Vec<_> = found.measured.iter().map(|measured| measured.metric).collect();
    measured.sort();
    let expected = if found.cases.is_empty() { &[] } else { metrics };
    if measured != expected {
        let list = |metrics: &[Metric]| metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(format!("it measured [{}] on its {name} cases instead of [{}]", list(&measured), list(expected)));
    }
    Ok(())
}

/// What needs no plan to be known: subsets do not overlap, images are of one size, the best epoch is one that was trained.
fn result_by_itself(result: &JobResult) -> Result<(), String> {
    if result.best_epoch > result.epochs {
        return Err(format!("its best epoch is {}, of {}", result.best_epoch, result.epochs));
    }
    if result.best_epoch == 0 && result.verdict != Verdict::Diverged {
        return Err(format!("it is {}, but has no best epoch", result.verdict.name()));
    }
    let cases = || result.validation.cases.iter().chain(&result.test.cases);
    let mut seen = BTreeSet::new();
    if let Some(twice) = cases().find(|case| !seen.insert(case.case)) {
        return Err(format!("case {} is evaluated twice", twice.case));
    }
    let pixels = |case: &CaseCounts| case.counts.pixels();
    let mut sizes = cases().map(pixels);
    if let Some(first) = sizes.next()
        && let Some(other) = sizes.find(|size| *size != first)
    {
        return Err(format!("one case has {first} pixels, another {other}"));
    }
    Ok(())
}
