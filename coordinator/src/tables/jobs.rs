//! The tables of what was recorded: jobs, their cases, their epochs.
//!
//! Rows stand in the order of the plan: candidate, replicate, then subset and case, or attempt and epoch.

use super::about::About;
use super::layout::{axis_cells, axis_columns, exact, measured, names, text};
use super::table::{Cell, Column, Kind, Show, Table};
use crate::results::{JobRow, MeasurementRow, SweepHead, SweepResults};
use proto::measure::CaseCounts;
use proto::spec::{Metric, Subset, Trainer};
use std::collections::HashMap;

/// The subsets that a job is evaluated on, in the order of the rows.
const SUBSETS: [Subset; 2] = [Subset::Validation, Subset::Test];

/// All jobs, with the scores of both evaluated subsets.
#[must_use]
pub fn jobs(results: &SweepResults) -> Table {
    let SweepResults { head, jobs, .. } = results;
    let mut columns = job_columns(head);
    columns.extend(exact(&["init_seed", "order_seed"]));
    columns.extend(text(&["split_hash", "state", "verdict"]));
    columns.extend(exact(&["attempts", "epochs", "best_epoch"]));
    let metrics = known_metrics(head);
    columns.extend(score_columns("val", &metrics));
    columns.extend(score_columns("test", &metrics));
    columns.push(Column::new("train_seconds", Kind::Seconds));
    columns.extend(exact(&["peak_mib"]));
    columns.push(Column::new("energy_joules", Kind::Measured));
    columns.extend(exact(&["parameters"]));
    columns.extend(text(&["device", "worker"]));
    // people are spared a column that no job fills
    let kept = Column::new("weights", Kind::Text);
    columns.push(if jobs.iter().any(|job| weights(job).is_some()) { kept } else { kept.shown(Show::Nothing) });
    columns.extend(text(&["message"]));
    let rows = in_plan_order(jobs).into_iter().map(|job| job_row(head, job)).collect();
    let mut table = About::sweep(head).table("jobs", columns, rows);
    let whole = [
        "weights",
        "split_hash",
        "device",
        "energy_joules",
        "peak_mib",
        "parameters",
        "order_seed",
        "init_seed",
        "worker",
        "attempts",
    ];
    table.spare = names(&whole);
    table.spare.extend(other_scores(head, &["val", "test"], &metrics));
    table.spare.extend(names(&["message", "epochs", "best_epoch"]));
    table.spare.extend([format!("val_{}", head.metric), "train_seconds".to_owned(), "verdict".to_owned()]);
    table.spare.extend(constant_axes(head));
    table
}

/// The axes on which all candidates have the same value.
fn constant_axes(head: &SweepHead) -> impl Iterator<Item = String> {
    let is_constant = |axis: usize| head.candidates.windows(2).all(|pair| pair[0].get(axis) == pair[1].get(axis));
    head.axes.iter().enumerate().filter(move |(axis, _)| is_constant(*axis)).map(|(_, name)| name.clone())
}

/// The columns of the scores by other metrics than the one that is shown.
fn other_scores(head: &SweepHead, prefixes: &[&str], metrics: &[Metric]) -> Vec<String> {
    let others = || metrics.iter().filter(|metric| **metric != head.metric);
    prefixes.iter().flat_map(|prefix| others().map(move |metric| format!("{prefix}_{metric}"))).collect()
}

fn job_row(head: &SweepHead, job: &JobRow) -> Vec<Cell> {
    let seeds = head.replicates.get(job.replicate);
    let scored = job.result.as_ref();
    let result = scored.map(|scored| &scored.result);
    let device = result.map(|result| match head.trainer {
        Trainer::Simulated => Trainer::Simulated.name(),
        Trainer::Candle => result.device.as_str(),
    });
    let mut row = job_cells(head, job);
    row.extend([
        seeds.map(|seeds| seeds.init_seed).into(),
        seeds.map(|seeds| seeds.order_seed).into(),
        result.and_then(|result| result.split_hash).map(|hash| Cell::Text(hash.to_string())).into(),
        job.state.name().into(),
        result.map(|result| result.verdict.name()).into(),
        job.attempts.into(),
        result.map(|result| result.epochs).into(),
        result.map(|result| result.best_epoch).filter(|epoch| *epoch > 0).into(),
    ]);
    for subset in SUBSETS {
        let score = |metric: &Metric| scored.and_then(|scored| scored.score(subset, *metric)).into();
        row.extend(known_metrics(head).iter().map(score));
    }
    row.extend([
        result.map(|result| result.train_seconds).into(),
        result.and_then(|result| result.extras.peak_mib).into(),
        result.and_then(|result| result.extras.energy_joules).into(),
        result.map(|result| result.parameters).into(),
        device.into(),
        scored.map(|scored| scored.worker.as_str()).into(),
        weights(job).as_deref().into(),
        job.message.as_deref().into(),
    ]);
    row
}

/// The name of the file with the weights that a job has kept.
fn weights(job: &JobRow) -> Option<String> {
    Some(job.result.as_ref()?.result.extras.weights.as_ref()?.name(job.job))
}

/// The pixels of every evaluated case.
#[must_use]
pub fn cases(results: &SweepResults) -> Table {
    let head = &results.head;
    let mut columns = job_columns(head);
    columns.extend(text(&["subset", "case"]));
    columns.extend(exact(&["tp", "fp", "fn", "tn"]));
    columns.extend(measured(&["iou", "thresholded_iou", "dice"]));
    let rows = in_plan_order(&results.jobs).into_iter().flat_map(|job| {
        let scored = job.result.iter();
        let subsets = scored.flat_map(|scored| SUBSETS.map(|subset| (subset, in_order(scored.cases(subset)))));
        subsets.flat_map(move |(subset, cases)| cases.into_iter().map(move |case| case_row(results, job, subset, case)))
    });
    let mut table = About::sweep(head).table("cases", columns, rows.collect());
    table.spare = names(&["tn", "fn", "fp", "tp"]);
    table
}

fn in_order(cases: &[CaseCounts]) -> Vec<&CaseCounts> {
    let mut cases: Vec<_> = cases.iter().collect();
    cases.sort_by_key(|case| case.case);
    cases
}

fn case_row(results: &SweepResults, job: &JobRow, subset: Subset, case: &CaseCounts) -> Vec<Cell> {
    let counts = &case.counts;
    let mut row = job_cells(&results.head, job);
    row.extend([subset.name().into(), Cell::Text(results.case(case.case))]);
    row.extend([counts.tp, counts.fp, counts.fn_, counts.tn].map(Cell::from));
    row.extend([counts.iou(), counts.thresholded_iou(), counts.dice()].map(Cell::from));
    row
}

/// The epochs of every attempt. Rows of other sweeps' jobs are left out.
#[must_use]
pub fn measurements(results: &SweepResults, measurements: &[MeasurementRow]) -> Table {
    let head = &results.head;
    let mut columns = job_columns(head);
    columns.extend(exact(&["attempt", "epoch"]));
    columns.extend(measured(&["train_loss"]));
    columns.extend(score_columns("val", &Metric::OF_EPOCHS));
    columns.push(Column::new("seconds", Kind::Seconds));
    let mut rows = with_job(&results.jobs, measurements);
    rows.sort_by_key(|(job, row)| (job.candidate, job.replicate, row.attempt, row.measurement.epoch));
    let rows = rows.into_iter().map(|(job, row)| {
        let measurement = &row.measurement;
        let mut cells = job_cells(head, job);
        cells.extend([row.attempt.0.into(), measurement.epoch.into(), measurement.train_loss.into()]);
        cells.extend(Metric::OF_EPOCHS.iter().map(|metric| measurement.validation.get(*metric).into()));
        cells.push(measurement.seconds.into());
        cells
    });
    let mut table = About::sweep(head).table("measurements", columns, rows.collect());
    table.spare = other_scores(head, &["val"], &Metric::OF_EPOCHS);
    table.spare.extend(names(&["seconds", "attempt"]));
    table
}

fn in_plan_order(jobs: &[JobRow]) -> Vec<&JobRow> {
    let mut jobs: Vec<_> = jobs.iter().collect();
    jobs.sort_by_key(|job| (job.candidate, job.replicate));
    jobs
}

fn with_job<'a>(jobs: &'a [JobRow], rows: &'a [MeasurementRow]) -> Vec<(&'a JobRow, &'a MeasurementRow)> {
    let jobs: HashMap<_, _> = jobs.iter().map(|job| (job.job, job)).collect();
    rows.iter().filter_map(|row| Some((*jobs.get(&row.job)?, row))).collect()
}

/// The columns with which a row says which job it belongs to.
fn job_columns(head: &SweepHead) -> Vec<Column> {
    let mut columns = vec![Column::new("job", Kind::Id)];
    columns.extend(axis_columns(&head.axes, &head.candidates));
    columns.push(Column::new("split_seed", Kind::Exact));
    columns
}

fn job_cells(head: &SweepHead, job: &JobRow) -> Vec<Cell> {
    let mut cells = vec![Cell::Id(job.job)];
    cells.extend(axis_cells(head.axes.len(), head.candidates.get(job.candidate)));
    cells.push(head.replicates.get(job.replicate).map(|seeds| seeds.split_seed).into());
    cells
}

fn score_columns(prefix: &str, metrics: &[Metric]) -> impl Iterator<Item = Column> {
    metrics.iter().map(move |metric| Column::new(format!("{prefix}_{metric}"), Kind::Measured))
}

/// The metrics that every job of the sweep has a score in.
fn known_metrics(head: &SweepHead) -> Vec<Metric> {
    let is_known = |metric: &Metric| !Metric::MEASURED.contains(metric) || head.measured.contains(metric);
    Metric::ALL.iter().copied().filter(is_known).collect()
}
