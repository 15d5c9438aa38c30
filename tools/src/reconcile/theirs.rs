//! A custodian's file.

use std::collections::BTreeSet;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use ordo_core::dec::Dec;

use super::{Column, Figures, Key, Kind, Records};
use crate::Failure;

/// What a file says, row by row. Rows that cannot be read are named on stderr.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) kind: Kind,
    pub(super) records: Records,
    /// Which of the kind's figures the file has.
    pub(super) columns: Vec<bool>,
    /// Of rows that cannot be read, the records that they are about, where that much can be.
    pub(super) unread: BTreeSet<Key>,
    pub(super) bad_rows: usize,
}

/// Where the columns stand in a file.
struct Layout {
    keys: Vec<usize>,
    figures: Vec<Option<usize>>,
}

impl Theirs {
    pub(super) fn read(kind: Kind, file: &Path) -> Result<Theirs, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
        let reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_path(file);
        let mut reader = reader.map_err(|error| failed(&error))?;
        let layout = Layout::of(kind, reader.headers().map_err(|error| failed(&error))?).map_err(|why| failed(&why))?;
        let columns = layout.figures.iter().map(Option::is_some).collect();
        let mut theirs = Theirs { kind, records: Records::new(), columns, unread: BTreeSet::new(), bad_rows: 0 };
        for row in reader.records() {
            let (line, taken) = match &row {
                Ok(row) => (row.position().map_or(0, csv::Position::line), theirs.take(&layout, row)),
                Err(error) if error.is_io_error() => return Err(failed(error)),
                Err(error) => (error.position().map_or(0, csv::Position::line), Err("it is not UTF-8".into())),
            };
            if let Err(why) = taken {
                theirs.bad_rows += 1;
                eprintln!("{} line {line}: {why}", file.display());
            }
        }
        Ok(theirs)
    }

    fn take(&mut self, layout: &Layout, row: &StringRecord) -> Result<(), String> {
        let key = layout.key(self.kind, row)?;
        let taken = layout.figures(self.kind, row).and_then(|figures| {
            if self.records.contains_key(&key) {
                return Err(format!("{} stands there twice", key.join("/")));
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

impl Layout {
    fn of(kind: Kind, headers: &StringRecord) -> Result<Layout, String> {
        let place = |column: &Column| headers.iter().position(|header| column.contains(&header));
        let missing = |column: &Column| format!("column {} is missing", column.join(" or "));
        let keys = kind.keys().iter().map(|column| place(column).ok_or_else(|| missing(column)));
        let keys = keys.collect::<Result<_, String>>()?;
        let figures: Vec<Option<usize>> = kind.figures().iter().map(place).collect();
        if figures[0].is_none() {
            return Err(missing(&kind.figures()[0]));
        }
        Ok(Layout { keys, figures })
    }

    fn key(&self, kind: Kind, row: &StringRecord) -> Result<Key, String> {
        let cells = self.keys.iter().zip(kind.keys());
        cells
            .map(|(at, column)| match row.get(*at) {
                None => Err(format!("{} is missing", column[0])),
                // An owner may be without a name, and an asset without a market.
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
    fn a_row_that_cannot_be_read_is_not_taken_for_a_record() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cash.csv");
        let text = "Owner,Account,Currency,Amount\nO,A,AUD,1.50\nO,A,AUD,2\nO,B,AUD,many\nO,,AUD,1\nO,C\n";
        std::fs::write(&file, text).unwrap();
        let theirs = Theirs::read(Kind::Balance, &file).ok().unwrap();
        assert_eq!((theirs.records.len(), theirs.bad_rows), (1, 4));
        let unread: Vec<String> = theirs.unread.iter().map(|key| key.join("/")).collect();
        assert_eq!(unread, ["O/A/AUD", "O/B/AUD"], "a record that stands there twice says nothing");
    }

    #[test]
    fn a_file_without_a_column_that_must_be_there_is_none() {
        let headers = StringRecord::from(vec!["OwnerID", "AccountID", "Exchange", "Code", "Amount"]);
        assert_eq!(Layout::of(Kind::Holding, &headers).err().unwrap(), "column Quantity is missing");
    }
}
