//! Rows on stdout: a table on a terminal, CSV with a header row when piped or with `--csv`, JSON lines with `--json`.
//!
//! Figures keep all their digits in every form.

use std::io::{IsTerminal, Write};

use clap::Args;
use ordo_core::json::{self, MessageId, Style};

use crate::Failure;

/// How rows are printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Output {
    /// JSON lines
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV with a header row; the default when piped
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Csv,
    JsonLines,
}

impl Output {
    pub(crate) fn of(json: bool, csv: bool) -> Output {
        Output { json, csv }
    }

    pub(crate) fn format(self) -> Format {
        match self {
            Output { json: true, .. } => Format::JsonLines,
            Output { csv: true, .. } => Format::Csv,
            Output { .. } if std::io::stdout().is_terminal() => Format::Table,
            Output { .. } => Format::Csv,
        }
    }
}

/// Rows of text under column names.
#[derive(Debug)]
pub(crate) struct Table {
    columns: &'static [&'static str],
    /// Columns that are right-aligned.
    figures: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &'static [&'static str], figures: &'static [&'static str]) -> Table {
        Table { columns, figures, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Prints the rows; in JSON lines every cell is a text.
    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        let printed = match format {
            Format::Table => write(&self.aligned()),
            Format::Csv => {
                let rows = self.rows.iter().map(|row| row.iter().map(String::as_str).collect());
                print_csv([self.columns.to_vec()].into_iter().chain(rows))
            }
            Format::JsonLines => self.rows.iter().try_for_each(|row| write(&self.json_line(row))),
        };
        unless_pipe_broke(printed)
    }

    /// Columns two blanks apart, a rule under the header.
    pub(crate) fn aligned(&self) -> String {
        let widths = widths(self.columns, &self.rows);
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let mut text = aligned_line(self.columns, self.figures, &widths, self.columns);
        text.push_str(&aligned_line(self.columns, self.figures, &widths, &rule));
        for row in &self.rows {
            text.push_str(&aligned_line(self.columns, self.figures, &widths, row));
        }
        text
    }

    fn json_line(&self, row: &[String]) -> String {
        object(self.columns.iter().copied().zip(row.iter().map(String::as_str)))
    }
}

/// The widths of columns that hold these rows.
pub(crate) fn widths(columns: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let cells = |at: usize| rows.iter().map(move |row| row[at].chars().count());
    (0..columns.len()).map(|at| cells(at).chain([columns[at].len()]).max().unwrap_or(0)).collect()
}

/// A line of a table, its columns two blanks apart.
pub(crate) fn aligned_line<C: AsRef<str>>(columns: &[&str], figures: &[&str], widths: &[usize], cells: &[C]) -> String {
    let padded = cells.iter().zip(widths).zip(columns).map(|((cell, width), column)| {
        let cell = cell.as_ref();
        if figures.contains(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
}

/// Named values: a line each on a terminal, one row of CSV, one JSON object.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(&'static str, String)>);

impl Facts {
    /// Adds a value; `name` is its column in CSV and its member in JSON.
    pub(crate) fn push(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name, value.to_string()));
    }

    pub(crate) fn aligned(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        self.0.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
    }

    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        let (names, values): (Vec<_>, Vec<_>) = self.0.iter().map(|(name, value)| (*name, value.as_str())).unzip();
        let printed = match format {
            Format::Table => write(&self.aligned()),
            Format::Csv => print_csv([names, values].into_iter()),
            Format::JsonLines => write(&object(self.0.iter().map(|(name, value)| (*name, &**value)))),
        };
        unless_pipe_broke(printed)
    }
}

/// Prints encoded records as JSON lines.
pub(crate) fn print_json<'a>(message: MessageId, records: impl Iterator<Item = &'a [u8]>) -> Result<(), Failure> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    for record in records {
        line.clear();
        json::from_binary(message, record, Style::default(), &mut line)
            .map_err(|error| Failure::with_code(65, format!("a record cannot be read: {error:?}")))?;
        line.push(b'\n');
        if is_pipe_broken(out.write_all(&line))? {
            return Ok(());
        }
    }
    unless_pipe_broke(out.flush())
}

fn print_csv<'a>(rows: impl Iterator<Item = Vec<&'a str>>) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    for row in rows {
        writer.write_record(row).map_err(of_csv)?;
    }
    writer.flush()
}

/// An error of the CSV writer with its I/O kind, which distinguishes a closed pipe from a failure.
pub(crate) fn of_csv(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

/// A JSON line whose members are texts: a reader that parses numbers as floats does not round them.
pub(crate) fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let members: Vec<String> = members.map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    format!("{{{}}}\n", members.join(","))
}

/// Prints a text.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    unless_pipe_broke(write(text))
}

fn write(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}

/// Whether the reader of stdout has closed the pipe: then nothing more is printed.
pub(crate) fn is_pipe_broken(printed: std::io::Result<()>) -> Result<bool, Failure> {
    match printed {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(Failure::new(format!("stdout: {error}"))),
    }
}

/// A closed pipe, as in `ordo ... | head`, is no failure.
fn unless_pipe_broke(printed: std::io::Result<()>) -> Result<(), Failure> {
    is_pipe_broken(printed).map(drop)
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_right_aligned_and_lines_have_no_trailing_blanks() {
        let mut table = Table::new(&["Name", "Amount", "Text"], &["Amount"]);
        table.push(vec!["a".into(), "10.50".into(), String::new()]);
        table.push(vec!["longer".into(), "-1".into(), "x".into()]);
        let text = "Name    Amount  Text\n------  ------  ----\na        10.50\nlonger      -1  x\n";
        assert_eq!(table.aligned(), text);
    }

    #[test]
    fn texts_are_escaped_in_json() {
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
    }
}
