//! `ordo bench`: figures of a hub on this machine, beside floors of the same run.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ordo_bench::report::{Report, Scale};

use crate::Failure;
use crate::input_file::{CHANGES_BYTES_MAX, read_text};
use crate::logging::note;
use crate::table::{self, Output, Table};

/// Measures latency and throughput of a hub on this machine
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo bench --quick --json
  ordo bench --html report.html
  ordo bench compare before.json after.json

Every figure stands beside a floor or a peer of the same run: on a shared machine only ratios can be compared. The result
states its conditions (commit, compiler, profile, kernel, file system, load, steal), with a flag for each that distorts
the figures; a quick run, of less than 5 s a figure, is one of them.")]
pub(crate) struct Bench {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// Takes under 50 seconds instead of four minutes; the result is marked as quick
    #[arg(long)]
    quick: bool,
    /// Prints one JSON object; without it a table, CSV when piped
    #[arg(long)]
    json: bool,
    /// Writes a report with percentile plots [default: ordo-bench.html for a full run, none for a quick one]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Writes the JSON result to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    Compare(Compare),
}

/// Compares two results, figure by figure
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo bench compare before.json after.json")]
struct Compare {
    before: PathBuf,
    after: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// The report of a full run.
const HTML: &str = "ordo-bench.html";

impl Bench {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if let Some(BenchCommand::Compare(compare)) = self.command {
            return compare.run();
        }
        let scale = if self.quick { Scale::QUICK } else { Scale::FULL };
        let bar = ProgressBar::new(Report::STEPS);
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len} {msg}");
        bar.set_style(style.expect("invariant: the template is valid"));
        let report = Report::measure(scale, |step| {
            bar.set_message(step.to_owned());
            bar.inc(1);
        });
        bar.finish_and_clear();
        let report = report.map_err(Failure::new)?;
        note_flags("this run", &report);
        let json = report.to_json();
        if let Some(path) = self.html.or_else(|| (!self.quick).then(|| HTML.into())) {
            write(&path, &report.to_html())?;
        }
        if let Some(path) = &self.out {
            write(path, &json)?;
        }
        if self.json {
            return table::print(&json);
        }
        let mut table = Table::new(&["Figure", "Value"], &["Value"]);
        report.figures.iter().for_each(|(name, value)| table.push(vec![name.clone(), shown(*value)]));
        table.print(Output::default().format())
    }
}

impl Compare {
    fn run(self) -> Result<(), Failure> {
        let (before, after) = (read(&self.before)?, read(&self.after)?);
        note_flags(&self.before.display().to_string(), &before);
        note_flags(&self.after.display().to_string(), &after);
        let mut table = Table::new(&["Figure", "Before", "After", "Ratio"], &["Before", "After", "Ratio"]);
        for (name, was) in &before.figures {
            let Some(is) = after.figures.get(name) else { continue };
            let ratio = if *was == 0.0 { String::new() } else { format!("{:.2}", is / was) };
            table.push(vec![name.clone(), shown(*was), shown(*is), ratio]);
        }
        let missing = before.figures.keys().filter(|name| !after.figures.contains_key(*name)).count();
        let new = after.figures.keys().filter(|name| !before.figures.contains_key(*name)).count();
        if missing + new > 0 && std::io::stderr().is_terminal() {
            note!("{missing} figures are in the first result only, {new} in the second only");
        }
        table.print(self.output.format())
    }
}

/// Reports what distorts the figures of a result.
fn note_flags(result: &str, report: &Report) {
    report.conditions.flags.iter().for_each(|flag| note!("warning: {result}: {flag}"));
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn read(path: &Path) -> Result<Report, Failure> {
    let text = read_text(path, CHANGES_BYTES_MAX)?;
    Report::from_json(&text)
        .map_err(|error| Failure::new(format!("{}: not a result of a bench: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    note!("wrote {}", path.display());
    Ok(())
}
