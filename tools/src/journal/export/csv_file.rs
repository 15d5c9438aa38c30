//! Rows as CSV: a header row, times as ISO-8601.

use std::fs::File;

use super::{Cell, Columns, Row, Sink};
use crate::Failure;
use crate::journal::time;

/// See the module.
pub(super) struct CsvFile(csv::Writer<File>);

impl CsvFile {
    pub(super) fn begin(file: File, columns: Columns) -> Result<CsvFile, Failure> {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(columns.iter().map(|(name, _)| name)).map_err(failed)?;
        Ok(CsvFile(writer))
    }
}

impl Sink for CsvFile {
    fn put(&mut self, row: &Row) -> Result<(), Failure> {
        for cell in row {
            match cell {
                Cell::Number(number) => self.0.write_field(number.to_string()),
                Cell::Nothing => self.0.write_field(""),
                Cell::Time(nanos) => self.0.write_field(time(*nanos)),
                Cell::Text(text) => self.0.write_field(text),
            }
            .map_err(failed)?;
        }
        self.0.write_record(None::<&[u8]>).map_err(failed)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        self.0.flush().map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("the file cannot be written: {error}"))
}
