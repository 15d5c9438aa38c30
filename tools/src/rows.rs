//! `Rows`: any number of rows on stdout. CSV and JSON lines are printed row by row, a table batch by batch.
//!
//! A column of a table is as wide as its widest cell so far, so that at most one batch is in memory.

use std::io::{StdoutLock, Write};
use std::ops::ControlFlow;

use crate::Failure;
use crate::table::{Format, aligned_line, is_pipe_broken, object, of_csv, widths};

/// Rows of a table from which the widths of its columns are computed.
const BATCH: usize = 1000;

/// See the module. Columns of figures are right-aligned.
pub(crate) struct Rows<W: Write = StdoutLock<'static>> {
    columns: &'static [&'static str],
    figures: &'static [&'static str],
    to: To<W>,
    count: u64,
    /// Set once printing has ended: with a failure, or without one where the pipe was closed.
    ended: Option<Option<Failure>>,
}

enum To<W: Write> {
    Csv(Box<csv::Writer<W>>),
    JsonLines(std::io::BufWriter<W>),
    Table { out: W, batch: Vec<Vec<String>>, widths: Vec<usize>, is_begun: bool },
}

impl Rows {
    pub(crate) fn new(columns: &'static [&'static str], figures: &'static [&'static str], format: Format) -> Rows {
        Rows::on(std::io::stdout().lock(), columns, figures, format)
    }
}

impl<W: Write> Rows<W> {
    fn on(out: W, columns: &'static [&'static str], figures: &'static [&'static str], format: Format) -> Rows<W> {
        let to = match format {
            Format::Csv => To::Csv(Box::new(csv::Writer::from_writer(out))),
            Format::JsonLines => To::JsonLines(std::io::BufWriter::new(out)),
            Format::Table => To::Table { out, batch: Vec::new(), widths: Vec::new(), is_begun: false },
        };
        Rows { columns, figures, to, count: 0, ended: None }
    }

    /// Prints a row. Breaks once printing has ended; `finish` returns the failure.
    pub(crate) fn put(&mut self, row: Vec<String>) -> ControlFlow<()> {
        debug_assert_eq!(row.len(), self.columns.len());
        let printed = match &mut self.to {
            To::Csv(writer) => put_csv(writer, (self.count == 0).then_some(self.columns), &row),
            To::JsonLines(out) => {
                let members = self.columns.iter().copied().zip(row.iter().map(String::as_str));
                out.write_all(object(members).as_bytes())
            }
            To::Table { batch, .. } => {
                batch.push(row);
                if batch.len() < BATCH { Ok(()) } else { self.print_batch() }
            }
        };
        self.printed(printed)
    }

    /// Prints a JSON line that holds more than a row.
    pub(crate) fn put_json(&mut self, line: &str) -> ControlFlow<()> {
        let To::JsonLines(out) = &mut self.to else { unreachable!("invariant: only where JSON lines are printed") };
        let printed = out.write_all(line.as_bytes());
        self.printed(printed)
    }

    /// Prints the last batch, and the header where there was no row; the number of rows.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        if self.ended.is_none() {
            let printed = match &mut self.to {
                To::Csv(writer) if self.count == 0 => writer.write_record(self.columns).map_err(of_csv),
                To::Csv(_) | To::JsonLines(_) => Ok(()),
                To::Table { .. } => self.print_batch(),
            };
            let flushed = printed.and_then(|()| match &mut self.to {
                To::Csv(writer) => writer.flush(),
                To::JsonLines(out) => out.flush(),
                To::Table { out, .. } => out.flush(),
            });
            is_pipe_broken(flushed)?;
        }
        match self.ended {
            Some(Some(failure)) => Err(failure),
            Some(None) | None => Ok(self.count),
        }
    }

    fn printed(&mut self, printed: std::io::Result<()>) -> ControlFlow<()> {
        self.count += 1;
        self.ended = match is_pipe_broken(printed) {
            Ok(false) => return ControlFlow::Continue(()),
            Ok(true) => Some(None),
            Err(failure) => Some(Some(failure)),
        };
        ControlFlow::Break(())
    }

    fn print_batch(&mut self) -> std::io::Result<()> {
        let To::Table { out, batch, widths: widest, is_begun } = &mut self.to else { return Ok(()) };
        let wide = widths(self.columns, batch);
        widest.resize(wide.len(), 0);
        widest.iter_mut().zip(wide).for_each(|(widest, wide)| *widest = wide.max(*widest));
        let mut text = String::new();
        if !std::mem::replace(is_begun, true) {
            let rule: Vec<String> = widest.iter().map(|width| "-".repeat(*width)).collect();
            text.push_str(&aligned_line(self.columns, self.figures, widest, self.columns));
            text.push_str(&aligned_line(self.columns, self.figures, widest, &rule));
        }
        for row in batch.drain(..) {
            text.push_str(&aligned_line(self.columns, self.figures, widest, &row));
        }
        out.write_all(text.as_bytes())
    }
}

fn put_csv<W: Write>(writer: &mut csv::Writer<W>, header: Option<&[&str]>, row: &[String]) -> std::io::Result<()> {
    if let Some(header) = header {
        writer.write_record(header).map_err(of_csv)?;
    }
    writer.write_record(row).map_err(of_csv)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format, rows: impl IntoIterator<Item = [&'static str; 2]>) -> String {
        let mut out = Vec::new();
        let mut printing = Rows::on(&mut out, &["Name", "Amount"], &["Amount"], format);
        for row in rows {
            assert!(printing.put(row.map(str::to_owned).into()).is_continue());
        }
        printing.finish().expect("rows are printed");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn rows_are_printed_as_a_whole_table_would_be() {
        let rows = || [["a", "1.50"], ["b,c", "-12"]];
        assert_eq!(printed(Format::Csv, rows()), "Name,Amount\na,1.50\n\"b,c\",-12\n");
        let lines = "{\"Name\":\"a\",\"Amount\":\"1.50\"}\n{\"Name\":\"b,c\",\"Amount\":\"-12\"}\n";
        assert_eq!(printed(Format::JsonLines, rows()), lines);
        let table = "Name  Amount\n----  ------\na       1.50\nb,c      -12\n";
        assert_eq!(printed(Format::Table, rows()), table);
    }

    #[test]
    fn without_rows_only_the_header_is_printed() {
        let none = || [] as [[&str; 2]; 0];
        assert_eq!(printed(Format::Csv, none()), "Name,Amount\n");
        assert_eq!(printed(Format::JsonLines, none()), "");
        assert_eq!(printed(Format::Table, none()), "Name  Amount\n----  ------\n");
    }

    #[test]
    fn a_long_table_has_one_header_and_its_columns_only_grow() {
        let rows = (0..2 * BATCH + 1).map(|n| if n == BATCH { ["long name", "1"] } else { ["a", "1"] });
        let text = printed(Format::Table, rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 * BATCH + 3);
        assert_eq!((lines[2], lines[BATCH + 1]), ("a          1", "a          1"));
        assert_eq!(lines[BATCH + 2..BATCH + 4], ["long name       1", "a               1"]);
        assert_eq!(lines[2 * BATCH + 2], "a               1");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut rows = Rows::on(Gone, &["Name"], &[], Format::Csv);
        let row = || vec!["x".repeat(1 << 20)];
        assert!((0..4).any(|_| rows.put(row()).is_break()));
        assert!(rows.finish().is_ok());
    }
}
