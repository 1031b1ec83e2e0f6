//! Several metrics of the same runs in one table.

use super::about::Analysed;
use super::layout::{axis_cells, axis_columns};
use super::table::{Cell, Column, Kind, Table};

/// The candidates with their mean score in each metric, in the file's order.
#[must_use]
pub fn side_by_side(metrics: &[Analysed]) -> Table {
    let Some(first) = metrics.first() else { return Table::default() };
    let values: Vec<_> = first.observations.candidates.iter().map(|candidate| candidate.values.clone()).collect();
    let mut columns = axis_columns(&first.observations.axes, &values);
    columns.extend(metrics.iter().map(|of| Column::new(&of.analysis.metric, Kind::Measured)));
    let row = |(index, values): (usize, &Vec<_>)| {
        let mut row = axis_cells(first.observations.axes.len(), Some(values));
        row.extend(metrics.iter().map(|of| Cell::from(of.analysis.candidates[index].scores.mean)));
        row
    };
    let rows = values.iter().enumerate().map(row).collect();
    let title = format!("means of {}, one column per metric", first.about.name);
    Table { rows_name: "candidates", title, columns, rows, ..Table::default() }
}

/// The same table of each metric, one beneath the other, with the metric's name in front. A table that lacks a column of another has
/// empty cells there.
#[must_use]
pub fn stacked(metrics: &[Analysed], table: impl Fn(&Analysed) -> Table) -> Table {
    let tables: Vec<Table> = metrics.iter().map(table).collect();
    let mut columns = vec![Column::new("metric", Kind::Text)];
    for column in tables.iter().flat_map(|table| &table.columns) {
        if !columns.iter().any(|known| known.name == column.name) {
            columns.push(column.clone());
        }
    }
    let mut rows = Vec::new();
    for (of, table) in metrics.iter().zip(&tables) {
        let place = |column: &Column| table.columns.iter().position(|own| own.name == column.name);
        let places: Vec<Option<usize>> = columns[1..].iter().map(place).collect();
        rows.extend(table.rows.iter().map(|row| {
            let cells = places.iter().map(|place| place.map_or(Cell::Empty, |place| row[place].clone()));
            std::iter::once(Cell::from(of.analysis.metric.as_str())).chain(cells).collect::<Vec<_>>()
        }));
    }
    let Some(first) = tables.into_iter().next() else { return Table::default() };
    let is_of_the_file = |(key, _): &(&str, Cell)| ["file", "replicate", "replicates"].contains(key);
    let head = first.head.into_iter().filter(is_of_the_file).collect();
    Table { head, columns, rows, rows_name: first.rows_name, title: first.title, ..Table::default() }
}
