//! What a sweep will tell apart, by the number of its splits.

use super::layout::{self, laid_out};
use super::table::{Kind, Show, Table};
use crate::analysis::foresight::{Design, ToldApart};

type Field = layout::Field<ToldApart>;

/// Numbers of splits, ascending; differences in standard deviations of a pair's differences.
#[must_use]
pub fn foresight(design: &Design) -> Table {
    let field = |name, title, cell| Field::new(name, Kind::Measured, cell).shown(Show::As(title));
    let fields = vec![
        Field::exact("splits", |row| row.splits.into()),
        field("this_pool", "this pool", |row| row.this_pool.into()),
        field("this_pool_all_pairs", "this pool, all pairs", |row| row.this_pool_all_pairs.into()),
        field("new_data", "new data", |row| row.new_data.into()),
        field("new_data_all_pairs", "new data, all pairs", |row| row.new_data_all_pairs.into()),
    ];
    let (columns, rows) = laid_out(fields, &design.table());
    let title =
        format!("least difference told apart with {:.0} % power, in sd of a pair's differences", 100.0 * design.power);
    Table { rows_name: "foresight", title, columns, rows, ..Table::default() }
}
