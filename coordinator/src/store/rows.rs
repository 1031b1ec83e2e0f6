//! Rows of the store as typed values, whatever the version of the store. Judges none of them.

use proto::extras::{Artifact, Evidence, KeptWeights, Rule};
use proto::ids::{Attempt, SplitHash, WeightsHash};
use proto::measure::{Measured, Measurement, Scores};
use proto::spec::Metric;
use proto::text::Line;
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type, ValueRef};

/// A row of `results`.
pub(super) struct RawResult {
    pub(super) attempt: u32,
    pub(super) worker: String,
    pub(super) verdict: String,
    pub(super) epochs: u32,
    pub(super) best_epoch: u32,
    pub(super) train_seconds: f64,
    pub(super) parameters: i64,
    pub(super) device: String,
    pub(super) val_loss: Option<f64>,
    pub(super) val_cases: Vec<u8>,
    pub(super) test_loss: Option<f64>,
    pub(super) test_cases: Vec<u8>,
    pub(super) split_hash: Option<u128>,
    pub(super) baselines: Option<u128>,
    pub(super) is_sound: bool,
}

impl RawResult {
    pub(super) fn read(row: &Row<'_>, version: i64) -> rusqlite::Result<Self> {
        let since_2 = |name: &str| if version < 2 { Ok(None) } else { hash(row, name) };
        Ok(Self {
            attempt: row.get("attempt")?,
            worker: row.get("worker")?,
            verdict: row.get("verdict")?,
            epochs: row.get("epochs")?,
            best_epoch: row.get("best_epoch")?,
            train_seconds: row.get("train_seconds")?,
            parameters: row.get("parameters")?,
            device: row.get("device")?,
            val_loss: row.get("val_loss")?,
            val_cases: row.get("val_cases")?,
            test_loss: row.get("test_loss")?,
            test_cases: row.get("test_cases")?,
            split_hash: since_2("split_hash")?,
            baselines: since_2("baselines")?,
            is_sound: row.get("sound")?,
        })
    }
}

/// A hash, as 16 bytes or, before version 4, as 32 digits.
fn hash(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<u128>> {
    let invalid = |error: FromSqlError| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error.into());
    Ok(match row.get_ref(name)? {
        ValueRef::Null => None,
        ValueRef::Text(_) => row.get::<_, String>(name)?.parse().ok().map(|hash: SplitHash| hash.0),
        value => {
            let bytes = value.as_blob().map_err(invalid)?;
            Some(u128::from_be_bytes(bytes.try_into().map_err(|_| invalid(FromSqlError::InvalidType))?))
        }
    })
}

/// A measurement, and the attempt that it is of.
pub(super) fn measurement(row: &Row<'_>) -> rusqlite::Result<(Attempt, Measurement)> {
    let validation = Scores {
        loss: row.get("val_loss")?,
        iou: row.get("val_iou")?,
        thresholded_iou: row.get("val_thresholded_iou")?,
        dice: row.get("val_dice")?,
        sensitivity: row.get("val_sensitivity")?,
        specificity: row.get("val_specificity")?,
        accuracy: row.get("val_accuracy")?,
    };
    let (epoch, train_loss, seconds) = (row.get("epoch")?, row.get("train_loss")?, row.get("seconds")?);
    Ok((Attempt(row.get("attempt")?), Measurement { epoch, train_loss, validation, seconds }))
}

/// Where weights are.
pub(super) fn weights(row: &Row<'_>) -> rusqlite::Result<KeptWeights> {
    let (bytes, place): (i64, String) = (row.get("bytes")?, row.get("place")?);
    let hash = WeightsHash(hash(row, "hash")?.unwrap_or_default());
    Ok(KeptWeights { hash, bytes: bytes as u64, place: Line::name(&place) })
}

/// What was measured by a metric on the validation and on the test cases.
pub(super) fn measured(row: &Row<'_>) -> rusqlite::Result<(Measured, Measured)> {
    let invalid = |what: &'static str| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, what.into());
    let metric = Metric::from_name(&row.get::<_, String>("metric")?).ok_or_else(|| invalid("unknown metric"))?;
    let values = |name: &str| {
        let bytes: Vec<u8> = row.get(name)?;
        let (words, []) = bytes.as_chunks::<8>() else { return Err(invalid("cut off values")) };
        let value = |word: &[u8; 8]| Some(f64::from_le_bytes(*word)).filter(|value| value.is_finite());
        Ok(Measured { metric, values: words.iter().map(value).collect() })
    };
    Ok((values("val_cases")?, values("test_cases")?))
}

/// A rule that hit; `None` for one of a newer build.
pub(super) fn evidence(row: &Row<'_>) -> rusqlite::Result<Option<Evidence>> {
    let (rule, found, bound): (String, _, _) = (row.get("rule")?, row.get("found")?, row.get("bound")?);
    Ok(Rule::from_name(&rule).map(|rule| Evidence { rule, found, bound }))
}

/// A picture of a segmentation.
pub(super) fn artifact(row: &Row<'_>) -> rusqlite::Result<Artifact> {
    let (case, rank, of) = (row.get("case_index")?, row.get("rank")?, row.get("cases")?);
    Ok(Artifact { case, rank, of, iou: row.get("iou")?, png: row.get("png")? })
}
