//! `{"schema": "splitsweep.<rows>/1", "sweep": .., "rows": [{..}, ..]}`, one row per line; or several tables in one object, each under
//! the name of its rows. Keys are only ever added.

use crate::tables::table::{Cell, Column, Table, clean};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\"schema\":\"splitsweep.{}/1\"", table.rows_name)?;
    facts(&table.head, out)?;
    write!(out, ",\"rows\":")?;
    rows(table, out)?;
    writeln!(out, "}}")
}

/// An object of several tables: the facts above them all, the answer in words, then each table with its own facts and its rows.
pub(super) fn write_all(
    schema: &str,
    above: &[(&'static str, Cell)],
    answer: &[String],
    tables: &[Table],
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "{{\"schema\":\"splitsweep.{schema}/1\"")?;
    facts(above, out)?;
    write!(out, ",\n\"answer\":")?;
    serde_json::to_writer(&mut *out, answer)?;
    for table in tables {
        let own = table.head.strip_prefix(above).unwrap_or(&table.head);
        write!(out, ",\n\"{}\":{{\"n\":{}", table.rows_name, table.rows.len())?;
        facts(own, out)?;
        write!(out, ",\"rows\":")?;
        rows(table, out)?;
        write!(out, "}}")?;
    }
    writeln!(out, "}}")
}

fn facts(facts: &[(&'static str, Cell)], out: &mut dyn Write) -> io::Result<()> {
    for (key, cell) in facts {
        write!(out, ",\"{key}\":")?;
        serde_json::to_writer(&mut *out, cell)?;
    }
    Ok(())
}

fn rows(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "[")?;
    for (index, row) in table.rows.iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &JsonRow { columns: &table.columns, cells: row })?;
    }
    write!(out, "\n]")
}

struct JsonRow<'a> {
    columns: &'a [Column],
    cells: &'a [Cell],
}

impl Serialize for JsonRow<'_> {
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
            Self::Real(number) => serializer.serialize_f64(clean(*number)),
        }
    }
}
