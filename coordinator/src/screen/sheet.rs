//! A table as the coordinator writes it for programs, read again: rows of named cells. The screen takes all its numbers from tables, so
//! they are the same whether a coordinator or a store has made them.

use crate::plan::AxisValue;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// Between the values of a name.
const SEPARATOR: &str = " \u{b7} ";
/// The first columns after the axes, in the tables of candidates and of jobs.
const AFTER_AXES: [&str; 2] = ["n", "split_seed"];

/// A table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    facts: Cells,
    rows: Vec<Row>,
}

/// A row of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    cells: Cells,
    /// The candidate, as people name it.
    pub(super) name: String,
}

/// Named values, in their order.
type Cells = Vec<(String, Value)>;

impl Sheet {
    /// Reads what `tables --format json` writes.
    ///
    /// # Errors
    /// If it is something else.
    pub fn read(json: &[u8]) -> serde_json::Result<Self> {
        let Object(mut facts) = serde_json::from_slice(json)?;
        let rows = facts.iter().position(|(key, _)| key == "rows").map(|place| facts.remove(place));
        // once more, as a value forgets the order of keys
        let Rows { rows: cells } = if rows.is_some() { serde_json::from_slice(json)? } else { Rows::default() };
        let cells: Vec<Cells> = cells.into_iter().map(|Object(cells)| cells).collect();
        let telling = telling(&cells);
        let rows = cells.into_iter().map(|cells| Row { name: name(&cells, &telling), cells });
        Ok(Self { facts, rows: rows.collect() })
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A fact about the whole table; empty if it is not there.
    pub(super) fn fact(&self, key: &str) -> &str {
        value(&self.facts, key).and_then(Value::as_str).unwrap_or_default()
    }
}

impl Row {
    pub(super) fn number(&self, column: &str) -> Option<f64> {
        value(&self.cells, column)?.as_f64()
    }

    pub(super) fn count(&self, column: &str) -> u64 {
        value(&self.cells, column).and_then(Value::as_u64).unwrap_or(0)
    }

    /// A text; empty if it is not there.
    pub(super) fn text(&self, column: &str) -> &str {
        value(&self.cells, column).and_then(Value::as_str).unwrap_or_default()
    }
}

fn value<'a>(cells: &'a Cells, key: &str) -> Option<&'a Value> {
    cells.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The values of the axes, with their names.
fn axes(cells: &Cells) -> impl Iterator<Item = (usize, &str, &Value)> {
    let axes = cells.iter().take_while(|(name, _)| !AFTER_AXES.contains(&name.as_str()));
    axes.enumerate().filter(|(_, (name, _))| name != "job").map(|(index, (name, value))| (index, name.as_str(), value))
}

/// The axes on which candidates differ; all of them if there is one candidate.
fn telling(rows: &[Cells]) -> Vec<usize> {
    let of_candidates = || rows.iter().filter(|cells| value(cells, "row").is_none_or(|row| row != "baseline"));
    let Some(first) = of_candidates().next() else { return Vec::new() };
    let all = || axes(first).map(|(index, ..)| index);
    let differs = |index: &usize| of_candidates().any(|cells| cells.get(*index) != first.get(*index));
    let telling: Vec<usize> = all().filter(differs).collect();
    if telling.is_empty() { all().collect() } else { telling }
}

fn name(cells: &Cells, telling: &[usize]) -> String {
    if value(cells, "row").is_some_and(|row| row == "baseline") {
        let label = cells.first().and_then(|(_, value)| value.as_str()).unwrap_or_default();
        return if label == "otsu" { "Otsu".to_owned() } else { label.replace('_', " ") };
    }
    let told = axes(cells).filter(|(index, ..)| telling.contains(index));
    let spoken: Vec<String> = told.filter_map(|(_, axis, value)| Some(axis_value(value)?.spoken(axis))).collect();
    spoken.join(SEPARATOR)
}

fn axis_value(value: &Value) -> Option<AxisValue> {
    match value {
        Value::String(name) => Some(AxisValue::Name(name.clone())),
        Value::Number(number) => match number.as_u64() {
            Some(integer) => Some(AxisValue::Integer(integer)),
            None => number.as_f64().map(AxisValue::Real),
        },
        _ => None,
    }
}

/// The rows alone.
#[derive(Default, serde::Deserialize)]
struct Rows {
    rows: Vec<Object>,
}

/// An object whose keys keep their order.
struct Object(Cells);

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut cells = Vec::new();
                while let Some(cell) = map.next_entry()? {
                    cells.push(cell);
                }
                Ok(Object(cells))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
