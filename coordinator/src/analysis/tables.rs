//! Rows -> the four tables.
//!
//! ```text
//!  candidates    a row a candidate: the objective over its replicates
//!  jobs          a row a job: seeds, state, scores of both subsets
//!  cases         a row a case of a job's subset: counts of pixels
//!  measurements  a row an epoch of an attempt
//! ```
//!
//! Rows stand in the order of the plan: candidate, replicate, then subset and case, or attempt and epoch.

use super::rows::{CaseRow, JobRow, MeasurementRow, ResultColumns, RowState, SweepHead};
use super::stats::Summary;
use super::table::{Cell, Column, Kind, Table};
use crate::plan::Objective;
use proto::ids::JobId;
use proto::measure::{Scores, Verdict};
use proto::spec::{Metric, Subset, Trainer};
use std::collections::HashMap;

/// The result table: each candidate's objective over its replicates.
///
/// `n` counts the jobs that have a score. A training without a score diverged, and is counted in `diverged`; so nothing is
/// averaged away unseen.
#[must_use]
pub fn candidates(head: &SweepHead, objective: &Objective, jobs: &[JobRow]) -> Table {
    let mut columns = axis_columns(head);
    columns.extend(exact(&["n", "jobs", "failed"]));
    columns.extend(measured(&["mean", "sd", "min", "max"]));
    columns.extend(exact(&["trivial", "degenerate", "diverged"]));
    // a sweep whose candidates all have every replicate needs no such column
    let drops = jobs.iter().any(|job| job.state == RowState::Dropped);
    columns.extend(exact(if drops { &["dropped"] } else { &[] }));
    let mut jobs_of = vec![Vec::new(); head.candidates.len()];
    for job in in_plan_order(jobs) {
        if let Some(of) = jobs_of.get_mut(job.candidate) {
            of.push(job);
        }
    }
    let rows = jobs_of.iter().enumerate().map(|(candidate, jobs)| {
        let mut row = axis_cells(head, candidate);
        row.extend(candidate_cells(objective, jobs, drops));
        row
    });
    let rows = rows.collect();
    let Objective { metric, subset, epoch } = objective;
    let mut table =
        table(head, "candidates", &format!("{metric} of the {subset} subset, {epoch} epoch"), columns, rows);
    table.head.extend([
        ("metric", Cell::from(metric.name())),
        ("subset", Cell::from(subset.name())),
        ("epoch", Cell::from(epoch.name())),
    ]);
    table
}

fn candidate_cells(objective: &Objective, jobs: &[&JobRow], drops: bool) -> Vec<Cell> {
    let results: Vec<_> = jobs.iter().filter_map(|job| job.result.as_ref()).collect();
    let scores: Vec<f64> = results.iter().filter_map(|result| score(result, objective)).collect();
    let summary = Summary::of(&scores);
    let in_state = |state| jobs.iter().filter(|job| job.state == state).count();
    let verdicts = |verdict| Cell::from(results.iter().filter(|result| result.verdict == verdict).count());
    let counts = [summary.n, jobs.len(), in_state(RowState::Failed)].map(Cell::from);
    let dropped = drops.then(|| Cell::from(in_state(RowState::Dropped)));
    let numbers = [summary.mean, summary.sd, summary.min, summary.max].map(Cell::from);
    let verdicts = [Verdict::Trivial, Verdict::Degenerate, Verdict::Diverged].map(verdicts);
    counts.into_iter().chain(numbers).chain(verdicts).chain(dropped).collect()
}

/// A job's value of the objective.
fn score(result: &ResultColumns, objective: &Objective) -> Option<f64> {
    let scores = match objective.subset {
        Subset::Validation => &result.validation,
        Subset::Test => &result.test,
        Subset::Train => return None,
    };
    scores.get(objective.metric).filter(|score| score.is_finite())
}

/// All jobs, with the scores of both evaluated subsets.
#[must_use]
pub fn jobs(head: &SweepHead, jobs: &[JobRow]) -> Table {
    let mut columns = job_columns(head);
    columns.extend(exact(&["init_seed", "order_seed"]));
    columns.extend(text(&["split_hash", "state", "verdict"]));
    columns.extend(exact(&["attempts", "epochs", "best_epoch"]));
    columns.extend(score_columns("val"));
    columns.extend(score_columns("test"));
    columns.push(column("train_seconds", Kind::Seconds));
    columns.extend(exact(&["parameters"]));
    columns.extend(text(&["device", "worker", "message"]));
    let rows = in_plan_order(jobs).into_iter().map(|job| job_row(head, job)).collect();
    table(head, "jobs", "", columns, rows)
}

fn job_row(head: &SweepHead, job: &JobRow) -> Vec<Cell> {
    let seeds = head.replicates.get(job.replicate);
    let result = job.result.as_ref();
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
    row.extend(score_cells(result.map(|result| &result.validation)));
    row.extend(score_cells(result.map(|result| &result.test)));
    row.extend([
        result.map(|result| result.train_seconds).into(),
        result.map(|result| result.parameters).into(),
        device.into(),
        result.map(|result| result.worker.as_str()).into(),
        job.message.as_deref().into(),
    ]);
    row
}

/// The pixels of every case. Rows of jobs that are not in `jobs` are left out.
#[must_use]
pub fn cases(head: &SweepHead, jobs: &[JobRow], cases: &[CaseRow]) -> Table {
    let mut columns = job_columns(head);
    columns.extend(text(&["subset", "case"]));
    columns.extend(exact(&["tp", "fp", "fn", "tn"]));
    columns.extend(measured(&["iou", "thresholded_iou", "dice"]));
    let mut rows = with_job(jobs, cases, |case| case.job);
    rows.sort_by_key(|(job, case)| (job.candidate, job.replicate, case.subset, case.counts.case));
    let rows = rows.into_iter().map(|(job, case)| {
        let counts = &case.counts.counts;
        let mut row = job_cells(head, job);
        row.extend([case.subset.name().into(), case.case.as_str().into()]);
        row.extend([counts.tp, counts.fp, counts.fn_, counts.tn].map(Cell::from));
        row.extend([counts.iou(), counts.thresholded_iou(), counts.dice()].map(Cell::from));
        row
    });
    table(head, "cases", "", columns, rows.collect())
}

/// The epochs of every attempt. Rows of jobs that are not in `jobs` are left out.
#[must_use]
pub fn measurements(head: &SweepHead, jobs: &[JobRow], measurements: &[MeasurementRow]) -> Table {
    let mut columns = job_columns(head);
    columns.extend(exact(&["attempt", "epoch"]));
    columns.extend(measured(&["train_loss"]));
    columns.extend(score_columns("val"));
    columns.push(column("seconds", Kind::Seconds));
    let mut rows = with_job(jobs, measurements, |row| row.job);
    rows.sort_by_key(|(job, row)| (job.candidate, job.replicate, row.attempt, row.measurement.epoch));
    let rows = rows.into_iter().map(|(job, row)| {
        let measurement = &row.measurement;
        let mut cells = job_cells(head, job);
        cells.extend([row.attempt.0.into(), measurement.epoch.into(), measurement.train_loss.into()]);
        cells.extend(score_cells(Some(&measurement.validation)));
        cells.push(measurement.seconds.into());
        cells
    });
    table(head, "measurements", "", columns, rows.collect())
}

fn table(head: &SweepHead, rows_name: &'static str, of: &str, columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Table {
    let simulated = match head.trainer {
        Trainer::Simulated => " (simulated: the numbers are made up)",
        Trainer::Candle => "",
    };
    let separator = if of.is_empty() { "" } else { ": " };
    Table {
        rows_name,
        title: format!("{} of {}{simulated}{separator}{of}", rows_name, head.sweep),
        head: vec![
            ("sweep", head.sweep.as_str().into()),
            ("trainer", head.trainer.name().into()),
            ("data", head.content.map_or(Cell::Empty, |content| Cell::Text(content.to_string()))),
        ],
        columns,
        rows,
    }
}

fn in_plan_order(jobs: &[JobRow]) -> Vec<&JobRow> {
    let mut jobs: Vec<_> = jobs.iter().collect();
    jobs.sort_by_key(|job| (job.candidate, job.replicate));
    jobs
}

fn with_job<'a, R>(jobs: &'a [JobRow], rows: &'a [R], id: fn(&R) -> JobId) -> Vec<(&'a JobRow, &'a R)> {
    let jobs: HashMap<_, _> = jobs.iter().map(|job| (job.job, job)).collect();
    rows.iter().filter_map(|row| Some((*jobs.get(&id(row))?, row))).collect()
}

/// The columns with which a row says which job it belongs to.
fn job_columns(head: &SweepHead) -> Vec<Column> {
    let mut columns = vec![column("job", Kind::Id)];
    columns.extend(axis_columns(head));
    columns.push(column("split_seed", Kind::Exact));
    columns
}

fn job_cells(head: &SweepHead, job: &JobRow) -> Vec<Cell> {
    let mut cells = vec![Cell::Id(job.job)];
    cells.extend(axis_cells(head, job.candidate));
    cells.push(head.replicates.get(job.replicate).map(|seeds| seeds.split_seed).into());
    cells
}

fn axis_columns(head: &SweepHead) -> Vec<Column> {
    let kind = |axis: usize| Kind::of(head.candidates.iter().find_map(|values| values.get(axis)?.as_ref()));
    head.axes.iter().enumerate().map(|(index, axis)| column(axis, kind(index))).collect()
}

fn axis_cells(head: &SweepHead, candidate: usize) -> Vec<Cell> {
    let values = head.candidates.get(candidate);
    (0..head.axes.len()).map(|axis| values.and_then(|values| values.get(axis)?.as_ref()).into()).collect()
}

fn score_columns(prefix: &str) -> impl Iterator<Item = Column> + '_ {
    Metric::ALL.iter().map(move |metric| column(&format!("{prefix}_{metric}"), Kind::Measured))
}

fn score_cells(scores: Option<&Scores>) -> impl Iterator<Item = Cell> + '_ {
    Metric::ALL.iter().map(move |metric| scores.and_then(|scores| scores.get(*metric)).into())
}

fn exact(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| column(name, Kind::Exact)).collect()
}

fn measured(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| column(name, Kind::Measured)).collect()
}

fn text(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| column(name, Kind::Text)).collect()
}

fn column(name: &str, kind: Kind) -> Column {
    Column { name: name.to_owned(), kind }
}
