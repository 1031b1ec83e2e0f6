//! Which part of a table somebody wants to see: columns, rows and their order, and the room that there is.
//!
//! Whoever names columns gets these and no others. Where nobody does, a table for the terminal leaves out the columns that people can do
//! without, until its lines fit.

use super::export::Format;
use super::table::{Cell, Column, Frame, Show, Table};
use proto::file::nearest;
use std::cmp::Ordering;
use textwrap::core::display_width;

/// In the place of names: every column.
const ALL: &str = "all";

/// What somebody wants to see of a table. The default is the whole table, as wide as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// The columns by name or by title, in their order; `all` for every column; those of the table if empty.
    pub columns: Vec<String>,
    /// The column that the rows are sorted by; with a minus before it the greatest comes first.
    pub sort: Option<String>,
    /// Number of rows, from the first.
    pub top: Option<usize>,
    /// What is around it.
    pub frame: Frame,
}

/// A column that a table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// No column has that name.
    #[error("the table of {rows_name} has no column `{name}`;{} there are: {}", meant.as_ref().map_or_else(String::new, |name| format!(" did you mean `{name}`?")), known.join(", "))]
    Unknown {
        /// What the table's rows are.
        rows_name: &'static str,
        /// What was asked for.
        name: String,
        /// The name that it may have been meant to be.
        meant: Option<String>,
        /// All names.
        known: Vec<String>,
    },
    /// A column is named twice.
    #[error("the column `{0}` is named twice")]
    Twice(String),
}

impl Shape {
    /// The part of the table that is wanted, and the titles of the columns that were left out for want of room.
    ///
    /// # Errors
    /// If the table has no such column.
    pub fn apply(&self, table: Table, format: Format) -> Result<(Table, Vec<String>), ShapeError> {
        let mut table = self.rows(table)?;
        table = self.columns(table)?;
        table.frame = self.frame.clone();
        let cuts = format == Format::Table && self.columns.is_empty();
        let left_out = self.frame.width.filter(|_| cuts).map(|width| cut(&mut table, width));
        Ok((table, left_out.unwrap_or_default()))
    }

    /// Sorts the rows and takes the first of them, in the order in which people see them.
    fn rows(&self, table: Table) -> Result<Table, ShapeError> {
        if self.sort.is_none() && self.top.is_none() {
            return Ok(table);
        }
        let mut order = table.listed.clone().unwrap_or_else(|| (0..table.rows.len()).collect());
        if let Some(name) = &self.sort {
            let (name, descends) = name.strip_prefix('-').map_or((name.as_str(), false), |name| (name, true));
            let place = find(&table, name)?;
            order.sort_by(|a, b| compare(&table.rows[*a][place], &table.rows[*b][place], descends));
        }
        order.truncate(self.top.unwrap_or(usize::MAX));
        let place = |row: usize| order.iter().position(|kept| *kept == row);
        let strong = table.strong.iter().filter_map(|(row, column)| Some((place(*row)?, *column)));
        let mut strong: Vec<_> = strong.collect();
        strong.sort_unstable();
        let rows = order.iter().map(|row| table.rows[*row].clone()).collect();
        Ok(Table { rows, strong, listed: None, ..table })
    }

    /// The columns that are named. Two that belong together are shown as one only where both are named, one after the other, or their
    /// common title.
    fn columns(&self, table: Table) -> Result<Table, ShapeError> {
        if self.columns.is_empty() {
            return Ok(table);
        }
        if self.columns.iter().any(|name| name == ALL) {
            return Ok(with_every_column(table));
        }
        let mut places = Vec::new();
        for name in &self.columns {
            let place = find(&table, name)?;
            let is_title = table.columns[place].takes_the_next() && table.columns[place].name != *name;
            let named = if is_title { place..=place + 1 } else { place..=place };
            if named.clone().any(|place| places.contains(&place)) {
                return Err(ShapeError::Twice(name.clone()));
            }
            places.extend(named);
        }
        let column = |index: usize| {
            let column = &table.columns[places[index]];
            let has_next = places.get(index + 1) == Some(&(places[index] + 1));
            match column.show {
                Show::Nothing => column.clone().shown(Show::Plainly),
                _ if column.takes_the_next() && !has_next => column.clone().shown(Show::Plainly),
                _ => column.clone(),
            }
        };
        let columns = (0..places.len()).map(column).collect();
        let row = |row: &Vec<Cell>| places.iter().map(|place| row[*place].clone()).collect();
        let rows = table.rows.iter().map(row).collect();
        let new_place = |column: usize| places.iter().position(|place| *place == column);
        let strong = table.strong.iter().filter_map(|(row, column)| Some((*row, new_place(*column)?)));
        let mut strong: Vec<_> = strong.collect();
        strong.sort_unstable();
        Ok(Table { columns, rows, strong, ..table })
    }
}

/// The place of a column, by its name or by its title.
fn find(table: &Table, name: &str) -> Result<usize, ShapeError> {
    let by_name = table.columns.iter().position(|column| column.name == name);
    let is_titled = |column: &Column| column.show != Show::Nothing && column.title().eq_ignore_ascii_case(name);
    by_name.or_else(|| table.columns.iter().position(is_titled)).ok_or_else(|| {
        let known: Vec<_> = table.columns.iter().map(|column| column.name.clone()).collect();
        let names: Vec<_> = known.iter().map(String::as_str).collect();
        let meant = nearest(name, &names);
        ShapeError::Unknown { rows_name: table.rows_name, name: name.to_owned(), meant, known }
    })
}

/// The table with the columns that only programs get.
fn with_every_column(mut table: Table) -> Table {
    let mut is_second = false;
    for column in &mut table.columns {
        if !is_second && column.show == Show::Nothing {
            column.show = Show::Plainly;
        }
        is_second = !is_second && column.takes_the_next();
    }
    table
}

/// Numbers before words; empty cells last, whichever way.
fn compare(a: &Cell, b: &Cell, descends: bool) -> Ordering {
    let number = |cell: &Cell| match cell {
        Cell::Integer(number) => Some(*number as f64),
        Cell::Real(number) => Some(*number),
        Cell::Empty | Cell::Id(_) | Cell::Text(_) => None,
    };
    let turned = |order: Ordering| if descends { order.reverse() } else { order };
    match (a, b, number(a), number(b)) {
        (Cell::Empty, Cell::Empty, ..) => Ordering::Equal,
        (Cell::Empty, ..) => Ordering::Greater,
        (_, Cell::Empty, ..) => Ordering::Less,
        (.., Some(a), Some(b)) => turned(a.total_cmp(&b)),
        (.., Some(_), None) => Ordering::Less,
        (.., None, Some(_)) => Ordering::Greater,
        (a, b, None, None) => turned(a.exact().cmp(&b.exact())),
    }
}

/// Leaves out columns until the lines fit, the spare ones in their order; then puts back what there is room for. The titles of those
/// that are left out, in the table's order.
fn cut(table: &mut Table, width: usize) -> Vec<String> {
    let view = table.view();
    let size = |index: usize| {
        let cells = view.rows.iter().map(|row| display_width(&row[index].0.to_string()));
        cells.chain([display_width(&view.titles[index].0)]).max().unwrap_or(0) + GAP
    };
    let shown: Vec<usize> = table.shown().collect();
    let sizes: Vec<usize> = (0..shown.len()).map(size).collect();
    let spare = |name: &String| shown.iter().position(|place| table.columns[*place].name == *name);
    let spare: Vec<usize> = table.spare.iter().filter_map(spare).collect();
    // the last column needs no gap behind it
    let room = width + 1;
    let mut total: usize = sizes.iter().sum();
    let mut out = Vec::new();
    for index in spare {
        if total <= room {
            break;
        }
        total -= sizes[index];
        out.push(index);
    }
    for place in (0..out.len()).rev() {
        if total + sizes[out[place]] <= room {
            total += sizes[out.remove(place)];
        }
    }
    out.sort_unstable();
    let titles = out.iter().map(|index| view.titles[*index].0.clone()).collect();
    for index in out {
        table.hide(shown[index]);
    }
    titles
}

/// Spaces around a cell, as the writer of tables sets them.
const GAP: usize = 2;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod tests {
    use super::*;
    use crate::tables::export::render;
    use crate::tables::table::Kind;

    fn table() -> Table {
        let rows = [("bce", 0.5, 0.25, Some(3_u64)), ("dice", 0.75, 0.125, None), ("focal", 0.25, 0.5, Some(1))];
        let row = |(loss, mean, sd, failed): &(&str, f64, f64, Option<u64>)| {
            vec![Cell::from(*loss), (*mean).into(), (*sd).into(), (*failed).into(), Cell::from(0.1 + 0.2)]
        };
        Table {
            rows_name: "candidates",
            title: "a table".to_owned(),
            columns: vec![
                Column::new("loss", Kind::Text),
                Column::new("mean", Kind::Score).shown(Show::Spread("mean ± sd")),
                Column::new("sd", Kind::Score),
                Column::new("failed", Kind::Exact),
                Column::new("median", Kind::Score).shown(Show::Nothing),
            ],
            rows: rows.iter().map(row).collect(),
            strong: vec![(1, 1)],
            listed: Some(vec![1, 0, 2]),
            spare: vec!["failed".to_owned()],
            ..Table::default()
        }
    }

    fn written(shape: &Shape, format: Format) -> (String, Vec<String>) {
        let (table, left_out) = shape.apply(table(), format).unwrap();
        (String::from_utf8(render(&table, format).unwrap()).unwrap(), left_out)
    }

    fn named(columns: &[&str]) -> Shape {
        Shape { columns: columns.iter().map(|name| (*name).to_owned()).collect(), ..Shape::default() }
    }

    fn loss_of_each(shape: &Shape) -> Vec<String> {
        let (text, _) = written(shape, Format::Csv);
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn rows_are_sorted_by_any_column_with_empty_cells_last() {
        let sorted = |name: &str| loss_of_each(&Shape { sort: Some(name.to_owned()), ..Shape::default() });
        assert_eq!(sorted("mean"), ["focal", "bce", "dice"]);
        assert_eq!(sorted("-mean ± sd"), ["dice", "bce", "focal"]);
        assert_eq!(
            (sorted("failed"), sorted("-failed")),
            (vec!["focal".into(), "bce".into(), "dice".into()], vec!["bce".into(), "focal".into(), "dice".into()])
        );
        assert_eq!(loss_of_each(&Shape::default()), ["bce", "dice", "focal"], "programs get the plan's order");
        assert_eq!(
            loss_of_each(&Shape { top: Some(2), ..Shape::default() }),
            ["dice", "bce"],
            "the first that people see"
        );
    }

    #[test]
    fn what_stands_out_moves_with_its_row_and_its_column() {
        let shape = Shape { sort: Some("sd".to_owned()), ..named(&["sd", "mean", "loss"]) };
        let (table, _) = shape.apply(table(), Format::Latex).unwrap();
        assert_eq!((table.strong.as_slice(), &table.rows[0][1]), ([(0, 1)].as_slice(), &Cell::Real(0.75)));
    }

    #[test]
    fn columns_that_belong_together_are_joined_only_where_both_are_named() {
        let header =
            |columns: &[&str]| written(&named(columns), Format::Table).0.lines().nth(2).unwrap().trim().to_owned();
        assert_eq!(header(&["loss", "mean", "sd"]), "loss         mean ± sd");
        assert_eq!(header(&["mean ± sd", "loss"]), "mean ± sd  loss");
        assert_eq!(header(&["sd", "mean", "median"]), "sd    mean  median");
        assert!(header(&["all"]).ends_with("failed  median"));
        assert_eq!(written(&named(&["mean ± sd"]), Format::Csv).0.lines().next(), Some("mean,sd"));
        assert_eq!(written(&named(&["median"]), Format::Csv).0.lines().nth(1), Some("0.3"), "digits that are known");
    }

    #[test]
    fn a_column_that_is_not_there_is_named_with_those_that_are() {
        let message = |columns: &[&str]| named(columns).apply(table(), Format::Csv).unwrap_err().to_string();
        assert_eq!(
            message(&["medain"]),
            "the table of candidates has no column `medain`; did you mean `median`? there are: loss, mean, sd, failed, median"
        );
        assert_eq!(message(&["sd", "mean ± sd"]), "the column `mean ± sd` is named twice");
    }

    #[test]
    fn a_table_is_cut_to_the_room_that_there_is_and_says_what_is_left_out() {
        let at = |width: usize| {
            written(
                &Shape { frame: Frame { width: Some(width), ..Frame::default() }, ..Shape::default() },
                Format::Table,
            )
        };
        let widest = |text: &str| text.lines().map(display_width).max().unwrap();
        let (whole, left_out) = at(31);
        assert_eq!((widest(&whole), left_out.len()), (31, 0));
        let (text, left_out) = at(30);
        assert_eq!((widest(&text), left_out), (23, vec!["failed".to_owned()]), "{text}");
        assert_eq!(at(1).1, ["failed"], "what is not spare stays");
    }
}
