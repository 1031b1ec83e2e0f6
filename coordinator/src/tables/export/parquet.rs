//! Apache Parquet: one column per column, typed and optional, in one uncompressed row group. What stands above the table is in the
//! file's metadata, under the keys that JSON gives it.
//!
//! ```text
//!  ids, words            BYTE_ARRAY (String)
//!  whole numbers         INT64 (unsigned)
//!  all others            DOUBLE
//! ```

use crate::tables::table::{Cell, Kind, Table};
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use std::io;
use std::sync::Arc;

pub(super) fn write(table: &Table, out: &mut Vec<u8>) -> io::Result<()> {
    write_file(table, out).map_err(|error| match error {
        ParquetError::External(source) => io::Error::other(source),
        other => io::Error::other(other),
    })
}

fn write_file(table: &Table, out: &mut Vec<u8>) -> Result<(), ParquetError> {
    let typed: Vec<_> = (0..table.columns.len()).map(|column| typed(table, column)).collect();
    let fields = typed.iter().zip(&table.columns).map(|(values, column)| values.field(&column.name));
    let schema = Type::group_type_builder("row").with_fields(fields.collect::<Result<_, _>>()?).build()?;
    let mut file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties(table)))?;
    let mut group = file.next_row_group()?;
    for values in typed {
        if let Some(mut writer) = group.next_column()? {
            values.write(&mut writer)?;
            writer.close()?;
        }
    }
    group.close()?;
    file.close()?;
    Ok(())
}

fn properties(table: &Table) -> WriterProperties {
    let schema = ("schema", format!("splitsweep.{}/1", table.rows_name));
    let head = table.head.iter().map(|(key, cell)| (*key, cell.exact()));
    let metadata = std::iter::once(schema).chain(head);
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect();
    WriterProperties::builder()
        .set_created_by(concat!("splitsweep ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata))
        .build()
}

/// A column's values, each `None` where the cell is empty.
enum Values {
    Texts(Vec<Option<ByteArray>>),
    Integers(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
}

/// A column of whole numbers only is one of integers; a single fraction makes all of them reals.
fn typed(table: &Table, column: usize) -> Values {
    let cells = || table.rows.iter().map(move |row| row.get(column).unwrap_or(&Cell::Empty));
    let text = |cell: &Cell| (*cell != Cell::Empty).then(|| ByteArray::from(cell.exact().into_bytes()));
    match table.columns[column].kind {
        Kind::Id | Kind::Text => Values::Texts(cells().map(text).collect()),
        Kind::Exact if !cells().any(|cell| matches!(cell, Cell::Real(_))) => Values::Integers(
            cells()
                .map(|cell| match cell {
                    Cell::Integer(number) => Some(number.cast_signed()),
                    _ => None,
                })
                .collect(),
        ),
        Kind::Exact | Kind::Measured | Kind::Score | Kind::Seconds => Values::Reals(
            cells()
                .map(|cell| match cell {
                    Cell::Integer(number) => Some(*number as f64),
                    Cell::Real(number) => Some(*number),
                    _ => None,
                })
                .collect(),
        ),
    }
}

impl Values {
    fn field(&self, name: &str) -> Result<Arc<Type>, ParquetError> {
        let (physical, logical) = match self {
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Integers(_) => (Physical::INT64, Some(LogicalType::integer(64, false))),
            Self::Reals(_) => (Physical::DOUBLE, None),
        };
        let field = Type::primitive_type_builder(name, physical);
        field.with_logical_type(logical).with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
    }

    fn write(self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Texts(values) => write_column::<ByteArrayType>(values, writer),
            Self::Integers(values) => write_column::<Int64Type>(values, writer),
            Self::Reals(values) => write_column::<DoubleType>(values, writer),
        }
    }
}

/// Parquet stores a missing value as a definition level of 0, and no value.
fn write_column<T: DataType>(
    values: Vec<Option<T::T>>,
    writer: &mut SerializedColumnWriter<'_>,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
    let values: Vec<_> = values.into_iter().flatten().collect();
    writer.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(())
}
