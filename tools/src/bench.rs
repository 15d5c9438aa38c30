//! `ordo bench`: figures of this machine, beside their floors of the same run.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ordo_bench::report::{Report, Scale};

use crate::Failure;
use crate::logging::note;
use crate::table::{self, Output, Table};

/// Measures latency and throughput
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo bench --quick --json
  ordo bench --html report.html
  ordo bench compare before.json after.json

Every figure stands beside a floor or a peer of the same run: on a shared machine only their ratios mean something.")]
pub(crate) struct Bench {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// Under 50 seconds instead of minutes
    #[arg(long)]
    quick: bool,
    /// One JSON object on stdout; else a table, CSV when piped
    #[arg(long)]
    json: bool,
    /// Writes a report with percentile plots; the full run writes ordo-bench.html where nothing is said
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Keeps the JSON result
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    Compare(Compare),
}

/// Tells two results apart, figure by figure
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo bench compare before.json after.json")]
struct Compare {
    before: PathBuf,
    after: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Where a full run leaves its report.
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
        let mut table = Table::new(&["Figure", "Before", "After", "Ratio"], &["Before", "After", "Ratio"]);
        for (name, was) in &before.figures {
            let Some(is) = after.figures.get(name) else { continue };
            let ratio = if *was == 0.0 { String::new() } else { format!("{:.2}", is / was) };
            table.push(vec![name.clone(), shown(*was), shown(*is), ratio]);
        }
        let missing = before.figures.keys().filter(|name| !after.figures.contains_key(*name)).count();
        let new = after.figures.keys().filter(|name| !before.figures.contains_key(*name)).count();
        if missing + new > 0 && std::io::stderr().is_terminal() {
            note!("{missing} figures of the first are not in the second, {new} are new in it");
        }
        table.print(self.output.format())
    }
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn read(path: &Path) -> Result<Report, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Report::from_json(&text).map_err(|error| Failure::new(format!("{}: no result of a bench: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    note!("wrote {}", path.display());
    Ok(())
}
