//! Facts and records as rows of a transaction.

use super::sqlite::VERSION;
use super::{counts, facts};
use crate::clock::now_ms;
use crate::scheduler::{Fact, Record};
use proto::extras::{Artifact, BaselineCounts, Evidence, Extras, KeptWeights};
use proto::ids::{Attempt, BaselinesHash, JobId};
use proto::measure::{Evaluation, JobResult, Measurement};
use proto::spec::Metric;
use rusqlite::{Transaction, params};
use std::collections::BTreeSet;

/// Writes the durable ones of the facts, and the records.
///
/// # Errors
/// If SQLite does not take them.
pub(super) fn write(transaction: &Transaction<'_>, facts: &[Fact], records: &[Record]) -> rusqlite::Result<()> {
    let at = now_ms().cast_signed();
    let mut last = transaction.prepare_cached("SELECT coalesce(max(seq), 0) FROM journal")?;
    let last: i64 = last.query_row([], |row| row.get(0))?;
    let mut journal = transaction
        .prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, seal(?1, ?2, ?3, ?4, ?5, ?6))")?;
    for (seq, fact) in (last + 1..).zip(facts.iter().filter(|fact| fact.is_durable())) {
        let values = facts::values(fact).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let [job, attempt, detail] = values;
        journal.execute(params![seq, at, facts::name(fact), job, attempt, detail])?;
    }
    if facts.iter().any(|fact| matches!(fact, Fact::Deleted { .. })) {
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    for record in records {
        match record {
            Record::Erased { jobs } => erase(transaction, jobs)?,
            Record::Measurements { job, attempt, measurements } => {
                write_measurements(transaction, *job, *attempt, measurements)?;
            }
            Record::Result { job, attempt, worker, result } => {
                let Extras { baselines, artifacts, weights, evidence, peak_mib, energy_joules } = &result.extras;
                let baselines = write_baselines(transaction, baselines)?;
                write_result(transaction, *job, *attempt, worker, result, baselines)?;
                write_artifacts(transaction, *job, artifacts)?;
                write_measured(transaction, *job, result)?;
                weights.iter().try_for_each(|weights| write_weights(transaction, *job, weights))?;
                write_evidence(transaction, *job, evidence)?;
                peak_mib.iter().try_for_each(|peak| write_peak(transaction, *job, *peak))?;
                energy_joules.iter().try_for_each(|joules| write_energy(transaction, *job, *joules))?;
            }
        }
    }
    Ok(())
}

/// A measurement that is handed in again stays as it was first written.
fn write_measurements(
    transaction: &Transaction<'_>,
    job: JobId,
    attempt: Attempt,
    measurements: &[Measurement],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO measurements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
         seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12))",
    )?;
    let job = job.0.to_be_bytes();
    for Measurement { epoch, train_loss, validation, seconds } in measurements {
        insert.execute(params![
            job,
            attempt.0,
            epoch,
            train_loss,
            validation.loss,
            validation.iou,
            validation.thresholded_iou,
            validation.dice,
            validation.sensitivity,
            validation.specificity,
            validation.accuracy,
            seconds
        ])?;
    }
    Ok(())
}

/// The primary key makes a second result of a job impossible.
fn write_result(
    transaction: &Transaction<'_>,
    job: JobId,
    attempt: Attempt,
    worker: &str,
    result: &JobResult,
    baselines: Option<BaselinesHash>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO results VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
         seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15))",
    )?;
    // SQLite turns NaN into NULL and keeps infinities; both mean "not finite" here
    let loss = |evaluation: &Evaluation| Some(evaluation.loss).filter(|loss| loss.is_finite());
    insert.execute(params![
        job.0.to_be_bytes(),
        attempt.0,
        worker,
        result.verdict.name(),
        result.epochs,
        result.best_epoch,
        result.train_seconds,
        result.parameters as i64,
        result.device,
        loss(&result.validation),
        counts::short(&result.validation.cases),
        loss(&result.test),
        counts::short(&result.test.cases),
        result.split_hash.map(|hash| hash.0.to_be_bytes()),
        baselines.map(|hash| hash.0.to_be_bytes())
    ])?;
    Ok(())
}

/// Writes what was measured on the masks, a row a metric.
fn write_measured(transaction: &Transaction<'_>, job: JobId, result: &JobResult) -> rusqlite::Result<()> {
    let insert = "INSERT INTO measured VALUES (?1, ?2, ?3, ?4, seal(?1, ?2, ?3, ?4))";
    let values = |evaluation: &Evaluation, metric: Metric| {
        let measured = evaluation.measured.iter().find(|measured| measured.metric == metric);
        let values = measured.into_iter().flat_map(|measured| &measured.values);
        values.flat_map(|value| value.unwrap_or(f64::NAN).to_le_bytes()).collect::<Vec<_>>()
    };
    let metrics: BTreeSet<_> =
        [&result.validation, &result.test].iter().flat_map(|of| &of.measured).map(|measured| measured.metric).collect();
    for metric in metrics {
        let (validation, test) = (values(&result.validation, metric), values(&result.test, metric));
        transaction.prepare_cached(insert)?.execute(params![job.0.to_be_bytes(), metric.name(), validation, test])?;
    }
    Ok(())
}

/// Writes the baselines unless they are there already; the hash is that of their content.
fn write_baselines(
    transaction: &Transaction<'_>,
    baselines: &[BaselineCounts],
) -> rusqlite::Result<Option<BaselinesHash>> {
    if baselines.is_empty() {
        return Ok(None);
    }
    let mut content = Vec::new();
    for BaselineCounts { baseline, validation, test } in baselines {
        let (name, validation, test) = (baseline.name(), counts::plain(validation), counts::plain(test));
        content.extend(format!("{name} {} {}\n", validation.len(), test.len()).into_bytes());
        content.extend(validation.iter().chain(&test));
    }
    let hash = BaselinesHash::of(&content);
    let insert = "INSERT OR IGNORE INTO baselines VALUES (?1, ?2, ?3, ?4, seal(?1, ?2, ?3, ?4))";
    let mut insert = transaction.prepare_cached(insert)?;
    for BaselineCounts { baseline, validation, test } in baselines {
        let (validation, test) = (counts::short(validation), counts::short(test));
        insert.execute(params![hash.0.to_be_bytes(), baseline.name(), validation, test])?;
    }
    Ok(Some(hash))
}

/// Deletes what is kept of these jobs, and the baselines that no other result came with.
fn erase(transaction: &Transaction<'_>, jobs: &[JobId]) -> rusqlite::Result<()> {
    for table in ["results", "measurements", "artifacts", "weights", "measured", "evidence", "memory", "energy"] {
        let mut delete = transaction.prepare_cached(&format!("DELETE FROM {table} WHERE job = ?1"))?;
        for job in jobs {
            delete.execute([job.0.to_be_bytes()])?;
        }
    }
    let unused = "DELETE FROM baselines WHERE hash NOT IN (SELECT baselines FROM results WHERE baselines IS NOT NULL)";
    transaction.execute(unused, []).map(drop)
}

fn write_weights(transaction: &Transaction<'_>, job: JobId, weights: &KeptWeights) -> rusqlite::Result<()> {
    let insert = "INSERT INTO weights VALUES (?1, ?2, ?3, ?4, seal(?1, ?2, ?3, ?4))";
    let KeptWeights { hash, bytes, place } = weights;
    let values = params![job.0.to_be_bytes(), hash.0.to_be_bytes(), *bytes as i64, &**place];
    transaction.prepare_cached(insert)?.execute(values).map(drop)
}

fn write_evidence(transaction: &Transaction<'_>, job: JobId, evidence: &[Evidence]) -> rusqlite::Result<()> {
    let insert = "INSERT INTO evidence VALUES (?1, ?2, ?3, ?4, ?5, seal(?1, ?2, ?3, ?4, ?5))";
    let mut insert = transaction.prepare_cached(insert)?;
    for (place, Evidence { rule, found, bound }) in (1_u32..).zip(evidence) {
        insert.execute(params![job.0.to_be_bytes(), place, rule.name(), found, bound])?;
    }
    Ok(())
}

fn write_peak(transaction: &Transaction<'_>, job: JobId, peak_mib: u32) -> rusqlite::Result<()> {
    let insert = "INSERT INTO memory VALUES (?1, ?2, seal(?1, ?2))";
    transaction.prepare_cached(insert)?.execute(params![job.0.to_be_bytes(), peak_mib]).map(drop)
}

fn write_energy(transaction: &Transaction<'_>, job: JobId, joules: f64) -> rusqlite::Result<()> {
    let insert = "INSERT INTO energy VALUES (?1, ?2, seal(?1, ?2))";
    transaction.prepare_cached(insert)?.execute(params![job.0.to_be_bytes(), joules]).map(drop)
}

fn write_artifacts(transaction: &Transaction<'_>, job: JobId, artifacts: &[Artifact]) -> rusqlite::Result<()> {
    let insert = "INSERT INTO artifacts VALUES (?1, ?2, ?3, ?4, ?5, ?6, seal(?1, ?2, ?3, ?4, ?5, ?6))";
    let mut insert = transaction.prepare_cached(insert)?;
    for Artifact { case, rank, of, iou, png } in artifacts {
        insert.execute(params![job.0.to_be_bytes(), rank, of, case, iou, png])?;
    }
    Ok(())
}
