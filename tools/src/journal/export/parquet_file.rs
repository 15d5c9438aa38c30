//! Rows as Parquet: texts as UTF-8, times as timestamps in nanoseconds UTC.
//!
//! A row group is gathered in memory and written as a whole: memory does not grow with the record.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{Cell, Columns, Row, Sink, Type};
use crate::Failure;

/// A row group is written when it has this many rows, or this many bytes of text. Larger: fewer groups, more memory.
const GROUP_ROWS: usize = 1 << 16;
const GROUP_BYTES: usize = 32 << 20;

/// See the module.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<File>,
    columns: Vec<Gathered>,
    rows: usize,
    bytes: usize,
}

/// A column of the row group that is being gathered.
enum Gathered {
    Numbers(Vec<i64>),
    /// The values, and for each row whether it has one.
    NumbersIfAny(Vec<i64>, Vec<i16>),
    Texts(Vec<ByteArray>),
}

impl ParquetFile {
    pub(super) fn begin(file: File, columns: Columns) -> Result<ParquetFile, Failure> {
        let fields: Vec<String> = columns.iter().map(|(name, kind)| field(name, *kind)).collect();
        let schema = parse_message_type(&format!("message rows {{ {} }}", fields.concat())).map_err(failed)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let columns = columns.iter().map(|(_, kind)| match kind {
            Type::Number | Type::Time => Gathered::Numbers(Vec::new()),
            Type::NumberIfAny => Gathered::NumbersIfAny(Vec::new(), Vec::new()),
            Type::Text => Gathered::Texts(Vec::new()),
        });
        Ok(ParquetFile { writer, columns: columns.collect(), rows: 0, bytes: 0 })
    }

    fn write_group(&mut self) -> Result<(), Failure> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for gathered in &mut self.columns {
            let missing = || failed("a column is missing");
            let mut column = group.next_column().map_err(failed)?.ok_or_else(missing)?;
            match gathered {
                Gathered::Numbers(values) => column.typed::<Int64Type>().write_batch(values, None, None),
                Gathered::NumbersIfAny(values, there) => {
                    column.typed::<Int64Type>().write_batch(values, Some(there), None)
                }
                Gathered::Texts(values) => column.typed::<ByteArrayType>().write_batch(values, None, None),
            }
            .map_err(failed)?;
            column.close().map_err(failed)?;
            gathered.clear();
        }
        group.close().map_err(failed)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Sink for ParquetFile {
    fn put(&mut self, row: &Row) -> Result<(), Failure> {
        for (gathered, cell) in self.columns.iter_mut().zip(row) {
            if let Cell::Text(text) = cell {
                self.bytes += text.len();
            }
            gathered.push(cell);
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS || self.bytes >= GROUP_BYTES { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        self.write_group()?;
        self.writer.finish().map_err(failed).map(drop)
    }
}

impl Gathered {
    fn push(&mut self, cell: &Cell) {
        match (self, cell) {
            (Gathered::Numbers(values), Cell::Number(number)) => values.push(*number),
            (Gathered::Numbers(values), Cell::Time(nanos)) => values.push(nanos.cast_signed()),
            (Gathered::NumbersIfAny(values, there), Cell::Number(number)) => {
                values.push(*number);
                there.push(1);
            }
            (Gathered::NumbersIfAny(_, there), Cell::Nothing) => there.push(0),
            (Gathered::Texts(values), Cell::Text(text)) => values.push(text.as_str().into()),
            _ => unreachable!("invariant: a cell is of its column's type"),
        }
    }

    fn clear(&mut self) {
        match self {
            Gathered::Numbers(values) => values.clear(),
            Gathered::NumbersIfAny(values, there) => {
                values.clear();
                there.clear();
            }
            Gathered::Texts(values) => values.clear(),
        }
    }
}

fn field(name: &str, kind: Type) -> String {
    match kind {
        Type::Number => format!("required int64 {name}; "),
        Type::NumberIfAny => format!("optional int64 {name}; "),
        Type::Time => format!("required int64 {name} (TIMESTAMP(NANOS,true)); "),
        Type::Text => format!("required binary {name} (UTF8); "),
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("the file cannot be written: {error}"))
}
