//! `{"schema": "splitsweep.<rows>/1", "sweep": .., "rows": [{..}, ..]}`, a row a line. Keys are only ever added.

use crate::analysis::table::{Cell, Column, Table};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\"schema\":\"splitsweep.{}/1\"", table.rows_name)?;
    for (key, cell) in &table.head {
        write!(out, ",\"{key}\":")?;
        serde_json::to_writer(&mut *out, cell)?;
    }
    write!(out, ",\"rows\":[")?;
    for (index, row) in table.rows.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &Row { columns: &table.columns, cells: row })?;
    }
    writeln!(out, "\n]}}")
}

struct Row<'a> {
    columns: &'a [Column],
    cells: &'a [Cell],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.cells.len()))?;
        for (column, cell) in self.columns.iter().zip(self.cells) {
            map.serialize_entry(&column.name, cell)?;
        }
        map.end()
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_none(),
            Self::Id(id) => id.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_u64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
        }
    }
}
