//! A fact as columns of the journal. The two facts that every job has are packed, the others are JSON.
//!
//! ```text
//!  granted    detail = token (16 bytes), worker (16)
//!  succeeded  detail = what follows (1 byte: 1 the grade, 2 the split)
//!                      grade: verdict (1), which scores (1, a bit each), those scores (8 each, little-endian)
//!                      split (16)
//!  the others detail = the whole fact as JSON
//! ```

use super::counts;
use crate::scheduler::{Fact, Grade};
use proto::ids::{Attempt, JobId, SplitHash, Token, WorkerId};
use proto::measure::{Scores, Verdict};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Row};

const VERDICTS: [Verdict; 4] = [Verdict::Trained, Verdict::Trivial, Verdict::Degenerate, Verdict::Diverged];

/// The columns that [`read`] reads in a store of that version.
pub(super) fn columns(version: i64) -> &'static str {
    if version < 4 { "fact" } else { "fact, job, attempt, detail" }
}

/// The columns `job`, `attempt` and `detail` of a fact.
///
/// # Errors
/// If it cannot be said in JSON.
pub(super) fn values(fact: &Fact) -> Result<[Value; 3], serde_json::Error> {
    let (job, attempt, detail) = match fact {
        Fact::Granted { job, attempt, token, worker } => {
            (job, attempt, [token.0.to_be_bytes(), worker.0.to_be_bytes()].concat())
        }
        Fact::Succeeded { job, attempt, grade, split } => (job, attempt, pack_grade(grade.as_ref(), *split)),
        other => return Ok([Value::Null, Value::Null, Value::Text(serde_json::to_string(other)?)]),
    };
    Ok([Value::Blob(job.0.to_be_bytes().to_vec()), Value::Integer(attempt.0.into()), Value::Blob(detail)])
}

/// The fact in a row whose columns from `first` on are [`columns`]; an error of the inner kind says what is wrong with it.
///
/// # Errors
/// If the row has no such columns.
pub(super) fn read(row: &Row<'_>, first: usize, version: i64) -> rusqlite::Result<Result<Fact, String>> {
    if version < 4 {
        let ValueRef::Text(json) = row.get_ref(first)? else { return Ok(Err("not a text".to_owned())) };
        return Ok(serde_json::from_slice(json).map_err(|error| error.to_string()));
    }
    let [name, job, attempt, detail] = [0, 1, 2, 3].map(|column| row.get_ref(first + column));
    Ok(unpack(name?, job?, attempt?, detail?).unwrap_or_else(|| Err("unknown fact".to_owned())))
}

/// Brings to a connection what turns facts and counts of version 3 into those of version 4: `job_of`, `attempt_of`, `detail_of` the JSON of
/// a fact, and `short` counts.
///
/// # Errors
/// If SQLite does not take them.
pub(super) fn bring_to(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    for (index, name) in ["job_of", "attempt_of", "detail_of"].into_iter().enumerate() {
        connection.create_scalar_function(name, 1, flags, move |context: &mut Context<'_>| {
            let failed = |error: serde_json::Error| Error::UserFunctionError(error.into());
            let fact = serde_json::from_str(context.get_raw(0).as_str()?).map_err(failed)?;
            let [job, attempt, detail] = values(&fact).map_err(failed)?;
            Ok(match index {
                0 => job,
                1 => attempt,
                _ => detail,
            })
        })?;
    }
    connection.create_scalar_function("short", 1, flags, |context| {
        let cases = counts::read(context.get_raw(0).as_blob()?, 3);
        Ok(counts::short(&cases.map_err(|what| Error::UserFunctionError(what.into()))?))
    })
}

fn unpack(
    name: ValueRef<'_>,
    job: ValueRef<'_>,
    attempt: ValueRef<'_>,
    detail: ValueRef<'_>,
) -> Option<Result<Fact, String>> {
    let (job, attempt, detail) = match (job, attempt, detail) {
        (ValueRef::Blob(job), ValueRef::Integer(attempt), ValueRef::Blob(detail)) => {
            (JobId(id(job)?), Attempt(attempt.try_into().ok()?), detail)
        }
        (ValueRef::Null, ValueRef::Null, ValueRef::Text(json)) => {
            return Some(serde_json::from_slice(json).map_err(|error| error.to_string()));
        }
        _ => return None,
    };
    match name {
        ValueRef::Text(b"granted") => {
            let (token, worker) = detail.split_at_checked(16)?;
            let (token, worker) = (Token(id(token)?), WorkerId(id(worker)?));
            Some(Ok(Fact::Granted { job, attempt, token, worker }))
        }
        ValueRef::Text(b"succeeded") => {
            let (grade, split) = unpack_grade(detail)?;
            Some(Ok(Fact::Succeeded { job, attempt, grade, split }))
        }
        _ => None,
    }
}

fn id(bytes: &[u8]) -> Option<u128> {
    Some(u128::from_be_bytes(bytes.try_into().ok()?))
}

fn pack_grade(grade: Option<&Grade>, split: Option<SplitHash>) -> Vec<u8> {
    let mut detail = vec![u8::from(grade.is_some()) | u8::from(split.is_some()) << 1];
    if let Some(Grade { verdict, validation }) = grade {
        let verdict = VERDICTS.iter().position(|known| known == verdict).unwrap_or_default();
        let scores = scores(validation);
        let mask = (0..).zip(&scores).fold(0, |mask, (bit, score)| mask | u8::from(score.is_some()) << bit);
        detail.extend([verdict as u8, mask]);
        detail.extend(scores.iter().flatten().flat_map(|score| score.to_le_bytes()));
    }
    detail.extend(split.iter().flat_map(|split| split.0.to_be_bytes()));
    detail
}

fn unpack_grade(detail: &[u8]) -> Option<(Option<Grade>, Option<SplitHash>)> {
    let (&there, mut rest) = detail.split_first()?;
    let mut grade = None;
    if there & 1 != 0 {
        let (&[verdict, mask], numbers) = rest.split_first_chunk()?;
        rest = numbers;
        let mut scores = [None; 7];
        for (_, score) in (0..).zip(&mut scores).filter(|(bit, _)| mask >> bit & 1 != 0) {
            let (number, after) = rest.split_first_chunk()?;
            (*score, rest) = (Some(f64::from_le_bytes(*number)), after);
        }
        let [loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy] = scores;
        let validation = Scores { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy };
        grade = Some(Grade { verdict: *VERDICTS.get(usize::from(verdict))?, validation });
    }
    match (there & 2 != 0, rest) {
        (true, rest) => Some((grade, Some(SplitHash(id(rest)?)))),
        (false, []) => Some((grade, None)),
        (false, _) => None,
    }
}

fn scores(scores: &Scores) -> [Option<f64>; 7] {
    let Scores { loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy } = *scores;
    [loss, iou, thresholded_iou, dice, sensitivity, specificity, accuracy]
}

/// The name of a fact: its tag in JSON.
pub(super) fn name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Submitted { .. } => "submitted",
        Fact::Pinned { .. } => "pinned",
        Fact::Rejected { .. } => "rejected",
        Fact::Cancelled { .. } => "cancelled",
        Fact::Deleted { .. } => "deleted",
        Fact::Granted { .. } => "granted",
        Fact::Revived { .. } => "revived",
        Fact::Released { .. } => "released",
        Fact::Recalled { .. } => "recalled",
        Fact::Lost { .. } => "lost",
        Fact::Stalled { .. } => "stalled",
        Fact::Failed { .. } => "failed",
        Fact::Succeeded { .. } => "succeeded",
        Fact::Looked { .. } => "looked",
        // such facts are never written
        Fact::Registered { .. }
        | Fact::Seen { .. }
        | Fact::Read { .. }
        | Fact::Silent { .. }
        | Fact::Offered { .. }
        | Fact::Draining { .. }
        | Fact::Renewed { .. }
        | Fact::Refused { .. }
        | Fact::Resumed { .. }
        | Fact::Progressed { .. }
        | Fact::Forgotten { .. } => "passing",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    fn succeeded(grade: Option<Grade>, split: Option<SplitHash>) -> Fact {
        Fact::Succeeded { job: JobId(1), attempt: Attempt(2), grade, split }
    }

    fn read_back(fact: &Fact) -> Option<Fact> {
        let [job, attempt, detail] = values(fact).unwrap();
        let name = name(fact);
        let read = unpack(ValueRef::Text(name.as_bytes()), (&job).into(), (&attempt).into(), (&detail).into());
        read.map(Result::unwrap)
    }

    #[test]
    fn what_every_job_has_is_read_back_whatever_scores_it_has() {
        let most = u128::MAX;
        let granted =
            Fact::Granted { job: JobId(most), attempt: Attempt(u32::MAX), token: Token(1), worker: WorkerId(most) };
        assert_eq!(read_back(&granted), Some(granted));
        for present in 0..1 << 7 {
            let score = |bit: u32| (present >> bit & 1 != 0).then_some(f64::from(bit) / 3.0);
            let validation = Scores {
                loss: score(0),
                iou: score(1),
                thresholded_iou: score(2),
                dice: score(3),
                sensitivity: score(4),
                specificity: score(5),
                accuracy: score(6),
            };
            for (verdict, split) in VERDICTS.into_iter().zip([None, Some(SplitHash(9)), None, Some(SplitHash(most))]) {
                let fact = succeeded(Some(Grade { verdict, validation }), split);
                assert_eq!(read_back(&fact), Some(fact));
            }
        }
        assert_eq!(read_back(&succeeded(None, None)), Some(succeeded(None, None)));
    }

    #[test]
    fn the_others_are_json_under_their_name() {
        let (job, attempt) = (JobId(1), Attempt(2));
        for fact in [
            Fact::Rejected { sweep: "s".to_owned(), problem: "p".to_owned() },
            Fact::Cancelled { sweep: "s".to_owned(), shared: true },
            Fact::Deleted { sweep: "s".to_owned() },
            Fact::Revived { job, attempt },
            Fact::Released { job, attempt, too_large: false },
            Fact::Released { job, attempt, too_large: true },
            Fact::Recalled { job, attempt },
            Fact::Lost { job, attempt },
            Fact::Stalled { job, attempt },
        ] {
            let json = serde_json::to_string(&fact).unwrap();
            assert!(json.starts_with(&format!("{{\"fact\":\"{}\"", name(&fact))), "{json}");
            assert_eq!(read_back(&fact), Some(fact));
        }
    }

    #[test]
    fn details_of_another_length_are_no_fact() {
        let grade = Grade { verdict: Verdict::Trained, validation: Scores { iou: Some(0.5), ..Scores::default() } };
        let whole = pack_grade(Some(&grade), Some(SplitHash(3)));
        assert!(unpack_grade(&whole).is_some());
        for length in 0..whole.len() {
            assert!(unpack_grade(&whole[..length]).is_none(), "{length} of {}", whole.len());
        }
        let longer = [pack_grade(Some(&grade), None), vec![0]].concat();
        assert!(unpack_grade(&longer).is_none());
    }
}
