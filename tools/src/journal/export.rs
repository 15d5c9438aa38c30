//! `ordo journal export`: updates, events or trades as a table in a file, for analysis elsewhere.
//!
//! Rows are made and written one by one, whatever the size of the record. The file gets its name when it is whole; of
//! one that is interrupted nothing is left.

mod csv_file;
mod events;
#[cfg(feature = "parquet")]
mod parquet_file;
mod trades;
mod updates;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ordo_history::replay::Applied;
use tempfile::NamedTempFile;

use crate::place::Place;
use crate::replay::{Progress, open_beginning};
use crate::signals::StopAsked;
use crate::table::Facts;
use crate::table::Output;
use crate::window::Window;
use crate::{Failure, check_folder, check_is_outside};

/// Writes updates, events or trades to a file, for analysis
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ordo journal export ./data --to updates.csv
  ordo journal export ./data --to trades.csv --what trades --from 2026-11-22T00:00:00Z

The file's name says its form: .csv, or .parquet where this program was built with the feature of that name.
  updates  a row for each update as received, refused ones too, the update as JSON
  events   a row for each event that it caused, in each view, the record as JSON
  trades   a row for each trade, correction and cancel that was applied
A place is a number of the journal (123), a position (oms:123) or a time: a point of the one order in which the updates
of all feeds were applied. --from and --until are inclusive, and bound all feeds alike. Figures are texts with all their digits, times are UTC; Position is empty where an update took none. Reads only: safe on the folder
of a running hub.")]
pub(super) struct Export {
    /// Folder of the journal
    dir: PathBuf,
    /// File to write; one that is there is replaced
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value = "updates")]
    what: What,
    /// The first place to write
    #[arg(long, value_name = "PLACE")]
    from: Option<Place>,
    /// The last place to write
    #[arg(long, value_name = "PLACE")]
    until: Option<Place>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    Updates,
    Events,
    Trades,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Number,
    /// A number that may be missing.
    NumberIfAny,
    /// Nanoseconds since 1970 UTC.
    Time,
    Text,
}

type Columns = &'static [(&'static str, Type)];

/// One value of a row; of the type that its column says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    Number(i64),
    Nothing,
    Time(u64),
    Text(String),
}

type Row = Vec<Cell>;

/// A file that rows go to.
trait Sink {
    fn put(&mut self, row: &Row) -> Result<(), Failure>;

    /// All rows are there: the rest is written.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

impl What {
    fn columns(self) -> Columns {
        match self {
            What::Updates => updates::COLUMNS,
            What::Events => events::COLUMNS,
            What::Trades => trades::COLUMNS,
        }
    }

    fn rows(self, applied: &Applied<'_>, put: &mut dyn FnMut(Row) -> Result<(), Failure>) -> Result<(), Failure> {
        match self {
            What::Updates => put(updates::row(applied)?),
            What::Events => events::rows(applied, put),
            What::Trades => trades::row(applied)?.map_or(Ok(()), put),
        }
    }
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        check_is_outside(&self.dir, &self.to)?;
        let asked = StopAsked::install()?;
        let draft = draft_beside(&self.to)?;
        let mut sink = sink(&self.to, &draft, self.what.columns())?;
        let mut replay = open_beginning(&self.dir, self.until.as_slice())?;
        let bar = Progress::new();
        let mut rows = 0u64;
        let window = Window { from: self.from.as_ref(), to: self.until.as_ref() };
        window.go_through(
            &mut replay,
            || {
                bar.tick();
                // The draft goes with this.
                if asked.is_asked() { Err(Failure::new("interrupted: nothing is written")) } else { Ok(()) }
            },
            |applied| {
                self.what.rows(applied, &mut |row| {
                    rows += 1;
                    sink.put(&row)
                })?;
                Ok(ControlFlow::Continue(()))
            },
        )?;
        drop(bar);
        sink.finish()?;
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", self.to.display()));
        let bytes = draft.as_file().metadata().map_err(|error| failed(&error))?.len();
        draft.persist(&self.to).map_err(|error| failed(&error))?;
        let mut facts = Facts::default();
        facts.push("file", self.to.display());
        facts.push("rows", rows);
        facts.push("bytes", bytes);
        facts.print(self.output.format())
    }
}

/// The stamp's columns, which every row begins with.
fn place(applied: &Applied<'_>) -> Row {
    let stamp = &applied.outcome.stamp;
    let position = if stamp.position == 0 { Cell::Nothing } else { Cell::Number(stamp.position) };
    let sequence = applied.names.feed(stamp.feed).to_owned();
    vec![Cell::Number(stamp.sequence.cast_signed()), Cell::Text(sequence), position, Cell::Time(stamp.time_ns)]
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn draft_beside(to: &Path) -> Result<NamedTempFile, Failure> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new().prefix(".ordo-export-").suffix(".partial").tempfile_in(folder);
    draft.map_err(|error| Failure::new(format!("{}: {error}", folder.display())))
}

fn sink(to: &Path, draft: &NamedTempFile, columns: Columns) -> Result<Box<dyn Sink>, Failure> {
    let file = || draft.reopen().map_err(|error| Failure::new(format!("{}: {error}", to.display())));
    match to.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(Box::new(csv_file::CsvFile::begin(file()?, columns)?)),
        #[cfg(feature = "parquet")]
        Some("parquet") => Ok(Box::new(parquet_file::ParquetFile::begin(file()?, columns)?)),
        #[cfg(not(feature = "parquet"))]
        Some("parquet") => Err(Failure::new(
            "this program writes no Parquet; build it with 'cargo build --release -p ordo --features parquet', or write .csv",
        )),
        _ => Err(Failure::with_code(2, format!("{}: name a file that ends in .csv or .parquet", to.display()))),
    }
}
