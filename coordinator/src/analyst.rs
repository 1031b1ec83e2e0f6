//! What people ask of a store: a sweep's results, made into the table they want.
//!
//! ```text
//!  results --analysis--> Analysed --+--tables--> Table
//!  results ------------------------+
//! ```

use crate::results::{self, ResultsError};
use crate::store::Reader;
use crate::tables::table::Table;
use crate::tables::{self, Analysed, TableKind};

/// A table of a sweep; of the one submitted last if the name is empty.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn table(reader: &Reader, sweep: &str, kind: TableKind) -> Result<Table, ResultsError> {
    let results = results::read(reader, sweep)?;
    let analysed = || Analysed::of(&results);
    Ok(match kind {
        TableKind::Candidates => tables::candidates(&analysed()),
        TableKind::Pairs => tables::pairs(&analysed()),
        TableKind::Ranks => tables::ranks(&analysed()),
        TableKind::Effects => tables::effects(&analysed()),
        TableKind::Variance => tables::variance(&analysed()),
        TableKind::Jobs => tables::jobs(&results),
        TableKind::Cases => tables::cases(&results),
        TableKind::Measurements => tables::measurements(&results, &results::measurements(reader, &results.jobs)?),
        TableKind::Looks => tables::looks(&results),
    })
}
