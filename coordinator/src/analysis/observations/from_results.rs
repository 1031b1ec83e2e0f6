//! The results of a sweep -> Observations. Candidates are selected on the validation subset and reported on the test subset; on the
//! objective's, where a sweep has no test cases.

use super::{Baseline, Candidate, CaseScore, Decided, Ended, Observation, Observations, Replicate, ReplicatesAre};
use crate::results::{BaselineRow, JobRow, RowState, ScoredResult, SplitsAre, SweepHead, SweepResults};
use crate::stats::Interval;
use proto::extras::Baseline as Kind;
use proto::measure::Evaluation;
use proto::spec::{EpochChoice, Objective, Scheme, Seeds, Subset};

/// What is known of each candidate on each replicate.
#[must_use]
pub fn observations(results: &SweepResults) -> Observations {
    let SweepResults { head, jobs, baselines, looks, .. } = results;
    let subset = head.objective.reported(&head.split);
    let pool = head.cases.map(|cases| match head.split.scheme {
        // the other cases are in no split
        Scheme::Rotation => cases.min(head.split.total() as usize),
        Scheme::Random | Scheme::KFold | Scheme::File => cases,
    });
    let blank = || vec![Observation::Missing; head.replicates.len()];
    let candidate = |values: &Vec<_>| Candidate { values: values.clone(), observations: blank() };
    let mut candidates: Vec<_> = head.candidates.iter().map(candidate).collect();
    for job in jobs {
        let candidate = candidates.get_mut(job.candidate);
        if let Some(place) = candidate.and_then(|candidate| candidate.observations.get_mut(job.replicate)) {
            *place = observation(head, subset, job);
        }
    }
    Observations {
        metric: head.metric.name().to_owned(),
        higher_is_better: head.metric.better(1.0, 0.0),
        axes: head.axes.clone(),
        candidates,
        baselines: scored_baselines(head, subset, baselines),
        replicates: head.replicates.iter().map(|seeds| replicate(head, seeds)).collect(),
        replicates_are: match head.splits_are {
            SplitsAre::Drawn => ReplicatesAre::Splits,
            SplitsAre::OfFixedTest => ReplicatesAre::SplitsOfFixedTest,
            SplitsAre::Listed => ReplicatesAre::ListedSplits,
        },
        clusters: head.groups.clone(),
        range: head.metric.is_share().then_some(Interval { low: 0.0, high: 1.0 }),
        ratio: ratio(head, subset, pool),
        pool,
        decided: decided(head, !looks.is_empty()),
    }
}

/// What was decided by the objective's metric, where another is shown.
fn decided(head: &SweepHead, has_looks: bool) -> Option<Decided> {
    let Objective { metric, epoch, .. } = head.objective;
    let decided = Decided { metric: metric.name().to_owned(), epochs: epoch == EpochChoice::Best, stops: has_looks };
    (metric != head.metric && (decided.epochs || decided.stops)).then_some(decided)
}

/// The baselines that have a score: nothing has a loss that is not trained.
fn scored_baselines(head: &SweepHead, subset: Subset, rows: &[BaselineRow]) -> Vec<Baseline> {
    let observed = Kind::ALL.iter().map(|baseline| {
        let mut observations = vec![Observation::Missing; head.replicates.len()];
        for row in rows.iter().filter(|row| row.baseline == *baseline) {
            let counts = if subset == Subset::Test { &row.test } else { &row.validation };
            let evaluation = Evaluation::of(f64::NAN, counts.clone());
            if let Some((place, score)) = observations.get_mut(row.replicate).zip(evaluation.score(head.metric)) {
                let cases = cases(head, &evaluation);
                *place = Observation::Ended(Ended { score: Some(score), cases, ..Ended::default() });
            }
        }
        let is_constant = matches!(baseline, Kind::AllForeground | Kind::MeanMask);
        Baseline { name: baseline.name().to_owned(), is_constant, observations }
    });
    observed.filter(|baseline| baseline.observations.iter().any(|found| found.score().is_some())).collect()
}

fn replicate(head: &SweepHead, seeds: &Seeds) -> Replicate {
    Replicate {
        label: seeds.split_seed.to_string(),
        seeds: Some(*seeds),
        split: Some(seeds.split_seed),
        permutation: head.split.turn(seeds.split_seed).map(|(permutation, _)| permutation),
    }
}

/// A job that is not over, or was called off, is missing: only one that failed for good counts as failed.
fn observation(head: &SweepHead, subset: Subset, job: &JobRow) -> Observation {
    match (&job.state, &job.result) {
        (RowState::Failed, _) => Observation::Failed,
        (RowState::Dropped, _) => Observation::Dropped,
        (RowState::Succeeded, Some(result)) => Observation::Ended(ended(head, subset, result)),
        _ => Observation::Missing,
    }
}

fn ended(head: &SweepHead, subset: Subset, scored: &ScoredResult) -> Ended {
    let metric = head.metric;
    let score = |subset| scored.score(subset, metric).filter(|score| score.is_finite());
    Ended {
        verdict: Some(scored.result.verdict),
        score: score(subset),
        // what is selected by the score that is reported is not selected on validation
        validation: if subset == Subset::Validation { None } else { score(Subset::Validation) },
        seconds: Some(scored.result.train_seconds),
        split_hash: scored.result.split_hash.map(|hash| hash.to_string()),
        cases: scored.result.evaluation(subset).map(|evaluation| cases(head, evaluation)).unwrap_or_default(),
    }
}

/// The cases' own scores; none for a metric of all cases together.
fn cases(head: &SweepHead, evaluation: &Evaluation) -> Vec<CaseScore> {
    let scores = evaluation.case_scores(head.metric).into_iter();
    let mut cases: Vec<_> = scores.map(|(case, score)| CaseScore { case, score }).collect();
    cases.sort_by_key(|case| (head.groups.get(case.case as usize), case.case));
    cases
}

/// The ratio of the subset that is reported. The folds of a permutation are equal on average.
fn ratio(head: &SweepHead, subset: Subset, pool: Option<usize>) -> Option<f64> {
    if head.splits_are == SplitsAre::Drawn && head.split.scheme == Scheme::KFold && subset == Subset::Test {
        return Some(1.0 / f64::from(head.split.folds.saturating_sub(1).max(1)));
    }
    let reported = match subset {
        Subset::Validation => head.split.validation,
        Subset::Test => head.split.test,
        Subset::Train => return None,
    };
    super::ratio(reported, head.split.train, pool).filter(|_| head.splits_are == SplitsAre::Drawn)
}
