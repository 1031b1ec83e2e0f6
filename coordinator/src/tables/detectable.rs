//! How many splits it takes: the least difference that is told apart, by number of splits.

use super::about::Analysed;
use super::layout::{self, laid_out};
use super::table::{Cell, Show, Table};
use crate::analysis::comparison::{Design, Detectable};
use crate::text::measured;

type Field = layout::Field<Detectable>;

/// Numbers of splits, ascending. Differences are in standard deviations of the pairs' differences; `typical_sd` above the table
/// turns them into scores.
#[must_use]
pub fn detectable(of: &Analysed) -> Table {
    let power = &of.analysis.power;
    let (columns, rows) = laid_out(fields(), &power.detectable);
    let mut table = of.about.table("detectable", columns, rows);
    table.head.extend([
        ("power", Cell::from(of.analysis.options.power)),
        ("typical_sd", power.typical_sd.into()),
        ("pairs", power.pairs.into()),
        ("floor", power.floor.into()),
    ]);
    table.notes = vec![format!(
        "The least difference told apart with {:.0} % power, in standard deviations of a pair's differences; of one pair on new data never less than {}.",
        100.0 * of.analysis.options.power,
        measured(power.floor)
    )];
    table
}

/// The same before a sweep runs.
#[must_use]
pub fn foresight(design: &Design) -> Table {
    let (columns, rows) = laid_out(fields(), &design.table());
    let title =
        format!("least difference told apart with {:.0} % power, in sd of a pair's differences", 100.0 * design.power);
    Table { rows_name: "foresight", title, columns, rows, ..Table::default() }
}

fn fields() -> Vec<Field> {
    vec![
        Field::exact("splits", |line| line.splits.into()),
        Field::measured("this_pool", |line| line.this_pool.into()).shown(Show::As("this pool")),
        Field::measured("new_data", |line| line.new_data.into()).shown(Show::As("new data")),
        Field::measured("new_data_all_pairs", |line| line.new_data_all_pairs.into())
            .shown(Show::As("new data, all pairs")),
        Field::measured("this_pool_all_pairs", |line| line.this_pool_all_pairs.into())
            .shown(Show::As("this pool, all pairs")),
    ]
}
