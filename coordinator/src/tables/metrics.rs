//! Several metrics of the same runs in one table.

use super::about::Analysed;
use super::candidates::{by_score, runs, strong};
use super::layout::{axis_cells, axis_columns};
use super::table::{Cell, Column, Kind, Show, Table};
use crate::analysis::answer::answer;
use crate::analysis::comparison::Performance;

/// Columns of each metric: the mean, its standard deviation and the number of runs.
const PER_METRIC: usize = 3;

/// The candidates, then the baselines, with `mean ± sd` of each metric; the best by the first metric comes first.
///
/// In each column the leader by that metric stands out, and those that are not told apart from it.
#[must_use]
pub fn side_by_side(metrics: &[Analysed]) -> Table {
    let Some(first) = metrics.first() else { return Table::default() };
    let axes = first.observations.axes.len();
    let values: Vec<_> = first.observations.candidates.iter().map(|candidate| candidate.values.clone()).collect();
    let mut columns = axis_columns(&first.observations.axes, &values);
    columns.extend(metrics.iter().flat_map(|of| metric_columns(&of.analysis.metric)));
    let candidate = |(index, values): (usize, &Vec<_>)| {
        let mut row = axis_cells(axes, Some(values));
        row.extend(metrics.iter().flat_map(|of| metric_cells(of.analysis.candidates.get(index))));
        row
    };
    // a baseline has no loss
    let named = metrics.iter().map(|of| &of.analysis.baselines).max_by_key(|baselines| baselines.len());
    let baseline = |baseline: &Performance| {
        let mut row = axis_cells(axes, None);
        if let Some(name) = row.first_mut() {
            *name = baseline.label.as_str().into();
        }
        let same = |of: &Analysed| of.analysis.baselines.iter().position(|other| other.label == baseline.label);
        row.extend(metrics.iter().flat_map(|of| metric_cells(same(of).map(|place| &of.analysis.baselines[place]))));
        row
    };
    let baselines = named.into_iter().flatten().map(baseline);
    let rows: Vec<_> = values.iter().enumerate().map(candidate).chain(baselines).collect();
    let order = by_score(&first.analysis).into_iter().take(values.len()).chain(values.len()..rows.len());
    let order = order.collect();
    let mut table = first.about.table("candidates", columns, rows);
    let names: Vec<_> = metrics.iter().map(|of| of.analysis.metric.as_str()).collect();
    // beside the objective's own metric the others say by which metric the epoch was chosen
    let of_all = metrics.iter().filter_map(|of| of.about.scores.strip_prefix(&*of.analysis.metric));
    let of_all = of_all.filter(|words| words.starts_with(" of ")).max_by_key(|words| words.len()).unwrap_or("");
    table.title = format!("candidates of {}: {}{of_all}", first.about.name, names.join(", "));
    table.head.retain(|(key, _)| *key != "metric" && *key != "better");
    table.listed = Some(order);
    let place = |metric: usize| axes + metric * PER_METRIC;
    let cells = metrics.iter().enumerate();
    table.strong =
        cells.flat_map(|(metric, of)| strong(&of.analysis).into_iter().map(move |row| (row, place(metric)))).collect();
    table.strong.sort_unstable();
    table.notes = vec![format!("Mean ± standard deviation over {}.", runs(&first.analysis))];
    table.answer = metrics.iter().filter_map(|of| answer(&of.analysis).best.into_iter().next()).collect();
    table
}

fn metric_columns(metric: &str) -> [Column; PER_METRIC] {
    [
        Column::new(metric, Kind::Score).shown(Show::NamedSpread),
        Column::new(format!("{metric}_sd"), Kind::Score),
        Column::new(format!("{metric}_n"), Kind::Exact).shown(Show::Nothing),
    ]
}

fn metric_cells(row: Option<&Performance>) -> [Cell; PER_METRIC] {
    let scores = row.map(|row| &row.scores);
    [
        scores.and_then(|scores| scores.mean).into(),
        scores.and_then(|scores| scores.sd).into(),
        scores.map(|scores| scores.n).into(),
    ]
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
    let is_of_all = |(key, _): &(&str, Cell)| {
        ["file", "replicate", "replicates", "sweep", "trainer", "data", "subset", "epoch", "objective"].contains(key)
    };
    let head = first.head.into_iter().filter(is_of_all).collect();
    Table { head, columns, rows, rows_name: first.rows_name, title: first.title, ..Table::default() }
}
