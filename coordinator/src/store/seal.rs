//! The checksum that each row bears: whoever reads a row sees whether a bit of it was flipped on the disk.
//!
//! It is a function of SQL, `seal(column, ...)`, so that it is taken of the values as SQLite keeps them.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

/// The tables whose rows bear a seal.
pub(super) const TABLES: [&str; 10] = [
    "journal",
    "results",
    "measurements",
    "baselines",
    "artifacts",
    "weights",
    "measured",
    "evidence",
    "memory",
    "energy",
];

/// In SQL, whether a row of the table is as it was written.
pub(super) fn is_sound(table: &str) -> String {
    let columns = match table {
        "journal" => "seq, at, fact, job, attempt, detail",
        "results" => {
            "job, attempt, worker, verdict, epochs, best_epoch, train_seconds, parameters, device, val_loss, val_cases, \
             test_loss, test_cases, split_hash, baselines"
        }
        "measurements" => {
            "job, attempt, epoch, train_loss, val_loss, val_iou, val_thresholded_iou, val_dice, val_sensitivity, \
             val_specificity, val_accuracy, seconds"
        }
        "baselines" => "hash, baseline, val_cases, test_cases",
        "measured" => "job, metric, val_cases, test_cases",
        "weights" => "job, hash, bytes, place",
        "evidence" => "job, place, rule, found, bound",
        "memory" => "job, peak_mib",
        "energy" => "job, joules",
        _ => "job, rank, cases, case_index, iou, png",
    };
    format!("seal = seal({columns})")
}

/// Brings the function to a connection.
///
/// # Errors
/// If SQLite does not take it.
pub(super) fn bring_to(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("seal", -1, flags, |context| Ok(seal(context)))
}

/// The first 64 bits of the BLAKE3 hash of the values, each with its type and length.
fn seal(context: &Context<'_>) -> i64 {
    // of one piece: a hasher takes small pieces slowly
    let mut row = Vec::with_capacity(256);
    for index in 0..context.len() {
        let (kind, bytes): (u8, &[u8]) = match context.get_raw(index) {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => (1, &number.to_le_bytes()),
            ValueRef::Real(number) => (2, &number.to_le_bytes()),
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        row.push(kind);
        row.extend((bytes.len() as u64).to_le_bytes());
        row.extend(bytes);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(&row).as_bytes()[..8]);
    i64::from_le_bytes(first)
}
