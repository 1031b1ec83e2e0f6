//! Columns and cells, as several tables lay them out.

use super::table::{Cell, Column, Kind, Show};
use crate::plan::AxisValue;

/// A column, and how its cells are read off a line.
pub(super) struct Field<L> {
    column: Column,
    /// Its cell.
    pub(super) cell: fn(&L) -> Cell,
}

impl<L> Field<L> {
    pub(super) fn exact(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Exact, cell)
    }

    pub(super) fn measured(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Measured, cell)
    }

    pub(super) fn score(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Score, cell)
    }

    pub(super) fn seconds(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Seconds, cell)
    }

    pub(super) fn text(name: &str, cell: fn(&L) -> Cell) -> Self {
        Self::new(name, Kind::Text, cell)
    }

    pub(super) fn new(name: impl Into<String>, kind: Kind, cell: fn(&L) -> Cell) -> Self {
        Self { column: Column::new(name, kind), cell }
    }

    /// A column that only programs get.
    pub(super) fn hidden(self) -> Self {
        self.shown(Show::Nothing)
    }

    pub(super) fn shown(self, show: Show) -> Self {
        Self { column: self.column.shown(show), ..self }
    }
}

/// The columns of the fields, and the cells of each line.
pub(super) fn laid_out<L>(fields: Vec<Field<L>>, lines: &[L]) -> (Vec<Column>, Vec<Vec<Cell>>) {
    let rows = lines.iter().map(|line| fields.iter().map(|field| (field.cell)(line)).collect()).collect();
    (fields.into_iter().map(|field| field.column).collect(), rows)
}

pub(super) fn axis_columns(axes: &[String], candidates: &[Vec<Option<AxisValue>>]) -> Vec<Column> {
    let kind = |axis: usize| Kind::of(candidates.iter().find_map(|values| values.get(axis)?.as_ref()));
    axes.iter().enumerate().map(|(index, axis)| Column::new(axis, kind(index))).collect()
}

pub(super) fn axis_cells(axes: usize, values: Option<&Vec<Option<AxisValue>>>) -> Vec<Cell> {
    (0..axes).map(|axis| values.and_then(|values| values.get(axis)?.as_ref()).into()).collect()
}

pub(super) fn exact(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, Kind::Exact)).collect()
}

pub(super) fn measured(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, Kind::Measured)).collect()
}

pub(super) fn scores(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, Kind::Score)).collect()
}

/// Names of columns, as a table keeps them.
pub(super) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(super) fn text(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column::new(*name, Kind::Text)).collect()
}
