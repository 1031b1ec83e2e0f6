//! Learning curves: the epochs of many jobs, made into a mean and a band for each candidate, grouped by loss. Knows
//! no places.

use super::curves::{self, Curve, Group, OF_ONE_JOB, OVER_SPLITS, Point};
use super::draw::Figure;
use crate::report::lineup::Lineup;
use crate::results::{JobRow, MeasurementRow};
use crate::stats::Summary;
use crate::text::metric_name;
use proto::ids::{Attempt, JobId};
use proto::measure::Measurement;
use proto::spec::Metric;
use std::collections::{BTreeMap, HashMap};

/// The axis that makes the groups.
const GROUPED_BY: &str = "loss";
/// Maximum number of curves in a plot: the colours and lines of more could not be told apart.
const MAX_CURVES: usize = 6;
/// Maximum number of groups in the figure.
const MAX_GROUPS: usize = 8;

/// Losses and scores by epoch (IoU where the metric is the loss); `None` without measurements of a candidate that is shown.
#[must_use]
pub(crate) fn learning(
    lineup: &Lineup<'_>,
    metric: Metric,
    jobs: &[JobRow],
    measurements: &[MeasurementRow],
) -> Option<Figure> {
    let metric = if metric == Metric::Loss { Metric::Iou } else { metric };
    let epochs = by_candidate(jobs, measurements);
    let chosen = chosen(lineup, &epochs);
    let mut series: Vec<String> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let (drawn, all) = (chosen.len(), lineup.order.len());
    for (candidate, group, name) in chosen {
        let jobs = epochs.get(&candidate).map_or(&[][..], Vec::as_slice);
        let index = place(&mut series, |known| *known == name, || name.clone());
        let empty = || Group { name: group.clone(), losses: Vec::new(), scores: Vec::new() };
        let place = place(&mut groups, |known| known.name == group, empty);
        let curve = |is_training, value: &dyn Fn(&Measurement) -> Option<f64>| Curve {
            series: index,
            is_training,
            points: points(jobs, value),
        };
        groups[place].losses.push(curve(true, &|epoch| epoch.train_loss));
        groups[place].losses.push(curve(false, &|epoch| epoch.validation.loss));
        groups[place].scores.push(curve(false, &|epoch| epoch.validation.get(metric)));
    }
    let see = format!(
        "Loss (left) and {} (right) after each epoch, by loss function: lines are means over splits, bands one \
         standard deviation over splits to either side, within what was found. Dashed lines are the training cases, taken during the epoch; \
         all else is the validation cases.{}",
        metric_name(metric.name()),
        if drawn == all {
            String::new()
        } else {
            format!(" Drawn are {drawn} of {all} candidates: of each loss function the best {MAX_CURVES} at most.")
        },
    );
    let caution = "Heights of losses can be compared within a plot only: each loss function has its own scale. The \
                   band is the spread of splits, no confidence interval. A job that diverged takes part up to its \
                   last finite epoch.";
    let drawn = curves::draw(
        &groups,
        &series,
        &format!("validation {}", metric_name(metric.name())),
        &OVER_SPLITS,
        Figure::worded("curves", "Learning curves", see, caution),
    );
    (!groups.is_empty()).then_some(drawn)
}

/// Losses and scores by epoch of one attempt (IoU where the metric is the loss); `None` if no epoch was measured.
#[must_use]
pub(crate) fn course(metric: Metric, epochs: &[Measurement]) -> Option<Figure> {
    let metric = if metric == Metric::Loss { Metric::Iou } else { metric };
    let jobs = [epochs.to_vec()];
    let curve = |is_training, value: &dyn Fn(&Measurement) -> Option<f64>| Curve {
        series: 0,
        is_training,
        points: points(&jobs, value),
    };
    let group = Group {
        name: String::new(),
        losses: vec![curve(true, &|epoch| epoch.train_loss), curve(false, &|epoch| epoch.validation.loss)],
        scores: vec![curve(false, &|epoch| epoch.validation.get(metric))],
    };
    let see = format!(
        "Loss (left) and validation {} (right) after each epoch. The dashed line is the training cases, taken during the \
         epoch; all else is the validation cases.",
        metric_name(metric.name())
    );
    let caution = "One job is one split and one set of seeds: curves of several are compared under Curves.";
    let figure = Figure::worded("course", "Learning curve", see, caution);
    let score = format!("validation {}", metric_name(metric.name()));
    (!epochs.is_empty()).then(|| curves::draw(&[group], &["this job".to_owned()], &score, &OF_ONE_JOB, figure))
}

/// The best candidates of each group, with the names of group and curve; in the order of the plan, so that a network
/// has its colour whatever it scores.
fn chosen(lineup: &Lineup<'_>, epochs: &HashMap<usize, Vec<Vec<Measurement>>>) -> Vec<(usize, String, String)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut chosen = Vec::new();
    for candidate in lineup.shown().into_iter().filter(|candidate| epochs.contains_key(candidate)) {
        let (group, name) = lineup.name_beside(candidate, GROUPED_BY);
        if counts.len() == MAX_GROUPS && !counts.contains_key(&group) {
            continue;
        }
        let count = counts.entry(group.clone()).or_default();
        if *count < MAX_CURVES {
            *count += 1;
            chosen.push((candidate, group, name));
        }
    }
    chosen.sort_unstable();
    chosen
}

/// The place of the one that is looked for; it is put at the end if it is not there.
fn place<T>(all: &mut Vec<T>, is_it: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> usize {
    all.iter().position(is_it).unwrap_or_else(|| {
        all.push(make());
        all.len() - 1
    })
}

/// The epochs of the last attempt of each job, by candidate.
fn by_candidate(jobs: &[JobRow], measurements: &[MeasurementRow]) -> HashMap<usize, Vec<Vec<Measurement>>> {
    let mut attempts: HashMap<JobId, (Attempt, Vec<Measurement>)> = HashMap::new();
    for row in measurements {
        let entry = attempts.entry(row.job).or_insert((row.attempt, Vec::new()));
        if row.attempt > entry.0 {
            *entry = (row.attempt, Vec::new());
        }
        if row.attempt == entry.0 {
            entry.1.push(row.measurement);
        }
    }
    let mut epochs: HashMap<usize, Vec<Vec<Measurement>>> = HashMap::new();
    for job in jobs {
        if let Some((_, measured)) = attempts.remove(&job.job) {
            epochs.entry(job.candidate).or_default().push(measured);
        }
    }
    epochs
}

/// Mean and band over jobs at each epoch that has a value.
fn points(jobs: &[Vec<Measurement>], value: &dyn Fn(&Measurement) -> Option<f64>) -> Vec<Point> {
    let mut epochs: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for epoch in jobs.iter().flatten() {
        epochs.entry(epoch.epoch).or_default().extend(value(epoch).filter(|value| value.is_finite()));
    }
    let points = epochs.into_iter().filter_map(|(epoch, values)| {
        let summary = Summary::of(&values);
        let (mean, sd) = (summary.mean?, summary.sd.unwrap_or(0.0));
        // no further than there is anything: one bad epoch would else take the band below zero
        let (low, high) = ((mean - sd).max(summary.min?), (mean + sd).min(summary.max?));
        Some(Point { epoch: f64::from(epoch), mean, low, high })
    });
    points.collect()
}
