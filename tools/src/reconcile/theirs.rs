//! A custodian's file.

use std::collections::BTreeSet;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use ordo_core::dec::Dec;

use super::{Column, Figures, Key, Kind, Records};
use crate::logging::note;
use crate::{Failure, input_file};

/// The records of a file. Rows that cannot be read are reported on stderr.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) kind: Kind,
    pub(super) records: Records,
    /// For each of the kind's figures, whether the file has its column.
    pub(super) columns: Vec<bool>,
    /// The keys of rows that cannot be read, where the key can.
    pub(super) unread: BTreeSet<Key>,
    pub(super) bad_rows: usize,
}

/// The columns of a file.
struct Layout {
    keys: Vec<usize>,
    figures: Vec<Option<usize>>,
    /// Number of columns, those that are not compared included.
    length: usize,
}

impl Theirs {
    pub(super) fn read(kind: Kind, file: &Path) -> Result<Theirs, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
        let bytes = input_file::read(file, input_file::TABLE_BYTES_MAX)?;
        let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(&*bytes);
        let headers = reader.headers().map_err(|error| failed(&error))?;
        let line = line_of(headers.position(), &bytes);
        let layout = Layout::of(kind, headers);
        let layout = layout.map_err(|why| Failure::new(format!("{} line {line}: {why}", file.display())))?;
        let columns = layout.figures.iter().map(Option::is_some).collect();
        let mut theirs = Theirs { kind, records: Records::new(), columns, unread: BTreeSet::new(), bad_rows: 0 };
        for row in reader.records() {
            let (line, taken) = match &row {
                Ok(row) => (line_of(row.position(), &bytes), theirs.take(&layout, row)),
                Err(error) => (line_of(error.position(), &bytes), Err("it is not UTF-8".into())),
            };
            if let Err(why) = taken {
                theirs.bad_rows += 1;
                note!("{} line {line}: {why}", file.display());
            }
        }
        Ok(theirs)
    }

    fn take(&mut self, layout: &Layout, row: &StringRecord) -> Result<(), String> {
        let key = layout.key(self.kind, row)?;
        let taken = layout.check_length(row).and_then(|()| layout.figures(self.kind, row)).and_then(|figures| {
            if self.records.contains_key(&key) {
                return Err(format!("{} is there twice", key.join("/")));
            }
            Ok(figures)
        });
        match taken {
            Ok(figures) => {
                self.records.insert(key, figures);
                Ok(())
            }
            Err(why) => {
                self.unread.insert(key);
                Err(why)
            }
        }
    }
}

/// The line in which a row begins. The reader's position is the end of the row before: blank lines, and the second half
/// of a CRLF, lie between.
fn line_of(position: Option<&csv::Position>, bytes: &[u8]) -> u64 {
    let Some(position) = position else { return 1 };
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let between = bytes.iter().skip(from).take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + between.filter(|byte| **byte == b'\n').count() as u64
}

impl Layout {
    fn of(kind: Kind, headers: &StringRecord) -> Result<Layout, String> {
        let named = |column: &Column| {
            let headers = headers.iter().enumerate();
            headers.filter(|(_, header)| column.contains(header)).collect::<Vec<_>>()
        };
        for column in kind.keys().iter().chain(kind.figures()) {
            if let [(_, one), (_, other), ..] = named(column)[..] {
                return Err(format!("columns {one} and {other} mean the same: leave one out"));
            }
        }
        let place = |column: &Column| named(column).first().map(|(at, _)| *at);
        let missing = |column: &Column| format!("column {} is missing", column.join(" or "));
        let keys = kind.keys().iter().map(|column| place(column).ok_or_else(|| missing(column)));
        let keys = keys.collect::<Result<_, String>>()?;
        let figures: Vec<Option<usize>> = kind.figures().iter().map(place).collect();
        if figures[0].is_none() {
            return Err(missing(&kind.figures()[0]));
        }
        Ok(Layout { keys, figures, length: headers.len() })
    }

    /// Refuses a row with more or fewer cells than columns: most often a figure such as `5,000.00` without quotes.
    fn check_length(&self, row: &StringRecord) -> Result<(), String> {
        if row.len() == self.length {
            return Ok(());
        }
        Err(format!("{} cells under {} columns; a cell that contains a comma needs quotes", row.len(), self.length))
    }

    fn key(&self, kind: Kind, row: &StringRecord) -> Result<Key, String> {
        let cells = self.keys.iter().zip(kind.keys());
        cells
            .map(|(at, column)| match row.get(*at) {
                None => Err(format!("{} is missing", column[0])),
                // Owner and exchange may be empty.
                Some("") if !matches!(column[0], "OwnerID" | "Exchange") => Err(format!("{} is empty", column[0])),
                Some(cell) => Ok(cell.to_owned()),
            })
            .collect()
    }

    fn figures(&self, kind: Kind, row: &StringRecord) -> Result<Figures, String> {
        let columns = self.figures.iter().zip(kind.figures()).enumerate();
        columns
            .map(|(number, (at, column))| match at.and_then(|at| row.get(at)) {
                None | Some("") if number == 0 => Err(format!("{} is empty", column[0])),
                None | Some("") => Ok(None),
                Some(cell) => {
                    let figure = cell.parse::<Dec>().map_err(|_| format!("{}: '{cell}' is no figure", column[0]));
                    figure.map(Some)
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_is_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cash.csv");
        let text = "Owner,Account,Currency,Amount\nO,A,AUD,1.50\nO,A,AUD,2\nO,B,AUD,many\nO,,AUD,1\nO,C\n";
        std::fs::write(&file, text).unwrap();
        let theirs = Theirs::read(Kind::Balance, &file).ok().unwrap();
        assert_eq!((theirs.records.len(), theirs.bad_rows), (1, 4));
        let unread: Vec<String> = theirs.unread.iter().map(|key| key.join("/")).collect();
        assert_eq!(unread, ["O/A/AUD", "O/B/AUD"], "a record that is there twice counts as unread");
    }

    #[test]
    fn a_row_of_another_length_than_the_header_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cash.csv");
        let text = "OwnerID,AccountID,Currency,Balance\nO,A,AUD,5,000.00\nO,B,AUD,\"5\"\nO,C,AUD\nO,D,AUD,1,\n";
        std::fs::write(&file, text).unwrap();
        let theirs = Theirs::read(Kind::Balance, &file).ok().unwrap();
        assert_eq!((theirs.records.len(), theirs.bad_rows), (1, 3));
        let unread: Vec<String> = theirs.unread.iter().map(|key| key.join("/")).collect();
        assert_eq!(unread, ["O/A/AUD", "O/C/AUD", "O/D/AUD"]);
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let text = "\r\nA,B\r\n\r\n1,2\r\n\"x\ny\",2\n\n3,4\r\n";
        let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
        assert_eq!(line_of(reader.headers().unwrap().position(), text.as_bytes()), 2);
        let lines = reader.records().map(|row| line_of(row.unwrap().position(), text.as_bytes()));
        assert_eq!(lines.collect::<Vec<_>>(), [4, 5, 8]);
    }

    #[test]
    fn columns_with_the_same_meaning_are_refused() {
        for headers in [
            ["OwnerID", "AccountID", "Currency", "Balance", "Balance"],
            ["OwnerID", "AccountID", "Currency", "Owner", "Balance"],
            ["OwnerID", "AccountID", "Currency", "Amount", "Balance"],
        ] {
            let refused = Layout::of(Kind::Balance, &StringRecord::from(headers.to_vec())).err().unwrap();
            assert!(refused.ends_with(" mean the same: leave one out"), "{refused}");
        }
        let others = StringRecord::from(vec!["OwnerID", "AccountID", "Currency", "Balance", "Note", "Note"]);
        assert!(Layout::of(Kind::Balance, &others).is_ok(), "columns that are not compared may be there twice");
    }

    #[test]
    fn a_missing_required_column_is_refused() {
        let headers = StringRecord::from(vec!["OwnerID", "AccountID", "Exchange", "Code", "Amount"]);
        assert_eq!(Layout::of(Kind::Holding, &headers).err().unwrap(), "column Quantity is missing");
    }
}
