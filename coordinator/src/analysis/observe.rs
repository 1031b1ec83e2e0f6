//! The rows of a sweep -> Observations. Reports are of the test subset; of the objective's, where a sweep has no test cases.

use super::observations::{Candidate, CaseScore, Ended, Observation, Observations, Replicate};
use super::rows::{JobRow, ResultColumns, RowState, SweepHead};
use proto::spec::{Metric, Seeds, Subset};

/// The subset that is reported on.
#[must_use]
pub fn reported(head: &SweepHead) -> Subset {
    if head.split.test > 0 { Subset::Test } else { head.objective.subset }
}

/// What is known of each candidate on each replicate.
#[must_use]
pub fn observe(head: &SweepHead, jobs: &[JobRow]) -> Observations {
    let subset = reported(head);
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
        metric: head.objective.metric.name().to_owned(),
        higher_is_better: head.objective.metric.better(1.0, 0.0),
        axes: head.axes.clone(),
        candidates,
        baselines: Vec::new(),
        replicates: head.replicates.iter().map(replicate).collect(),
        ratio: ratio(head, subset),
        pool: head.cases,
    }
}

fn replicate(seeds: &Seeds) -> Replicate {
    Replicate {
        label: seeds.split_seed.to_string(),
        seeds: Some(*seeds),
        split: Some(seeds.split_seed),
        permutation: None,
    }
}

/// A job that is not over, or was called off, is missing: only one that failed for good counts as failed.
fn observation(head: &SweepHead, subset: Subset, job: &JobRow) -> Observation {
    match (&job.state, &job.result) {
        (RowState::Failed, _) => Observation::Failed,
        (RowState::Succeeded, Some(result)) => Observation::Ended(ended(head, subset, result)),
        _ => Observation::Missing,
    }
}

fn ended(head: &SweepHead, subset: Subset, result: &ResultColumns) -> Ended {
    let metric = head.objective.metric;
    Ended {
        verdict: Some(result.verdict),
        score: score(result, subset, metric),
        validation: score(result, head.objective.subset, metric),
        seconds: Some(result.train_seconds),
        split_hash: None,
        cases: cases(result, subset, metric),
    }
}

fn score(result: &ResultColumns, subset: Subset, metric: Metric) -> Option<f64> {
    let scores = match subset {
        Subset::Validation => &result.validation,
        Subset::Test => &result.test,
        Subset::Train => return None,
    };
    scores.get(metric).filter(|score| score.is_finite())
}

/// The cases' own scores; none for a metric that is not made of pixel counts.
fn cases(result: &ResultColumns, subset: Subset, metric: Metric) -> Vec<CaseScore> {
    let counts = match subset {
        Subset::Validation => &result.validation_cases[..],
        Subset::Test => &result.test_cases,
        Subset::Train => &[],
    };
    let mut cases: Vec<_> = counts
        .iter()
        .filter_map(|case| Some(CaseScore { case: case.case, score: case.counts.score(metric)? }))
        .collect();
    cases.sort_by_key(|case| case.case);
    cases
}

/// Cases that are reported on, by those that are trained on.
fn ratio(head: &SweepHead, subset: Subset) -> Option<f64> {
    let reported = match subset {
        Subset::Validation => head.split.validation,
        Subset::Test => head.split.test,
        Subset::Train => return None,
    };
    (head.split.train > 0).then(|| f64::from(reported) / f64::from(head.split.train))
}
