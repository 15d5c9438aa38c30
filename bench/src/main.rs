//! `ordo-bench`: measures, and prints one JSON object; inserts figures of kept results into pages.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ordo_bench::conditions::Probe;
use ordo_bench::pages::{self, Sources};
use ordo_bench::report::{Report, Scale};
use ordo_bench::{history, ingest, large, latency, matching, parts, slow};
use ordo_gateway::hub::{Config, Durability};

#[derive(Parser)]
#[command(
    about = "Measures a hub on this machine: figures and their floors, by name",
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the blocks of figures in the pages, or renders them from newer results
    Pages(Pages),
}

#[derive(Args)]
struct Measure {
    /// Under 50 seconds instead of four minutes
    #[arg(long)]
    quick: bool,
    /// How long each figure is measured; below 5 the result is marked as quick
    #[arg(long, value_name = "S", default_value_t = Scale::FULL.length.as_secs_f64())]
    seconds: f64,
    /// One figure only, for profiling; `history` prints a result
    #[arg(long)]
    only: Option<Figure>,
    /// Durability of --only ingest, unloaded, paced and slow
    #[arg(long, default_value = "sync", value_parser = durability)]
    durability: Durability,
    /// Updates of --only history and image, accounts of --only large
    #[arg(long, default_value_t = 500_000)]
    updates: u64,
    /// Updates a second of --only paced
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// Load of --only history: the recorded order flow, or trades that the state keeps
    #[arg(long, default_value = "flow")]
    load: LoadName,
    /// Orders of a recording, for --load flow; without it the extract in this program
    #[arg(long, value_name = "FILE")]
    flow: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum LoadName {
    Flow,
    Trades,
}

#[derive(Clone, Copy, ValueEnum)]
enum Figure {
    Ingest,
    Unloaded,
    Paced,
    Echo,
    Codec,
    Engine,
    Slow,
    Large,
    History,
    Image,
    Matching,
}

#[derive(Args)]
struct Pages {
    /// Folder of the pages; paths of results are relative to it
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Takes the place of the result that blocks name NAME; without any, pages are only checked
    #[arg(value_name = "NAME=FILE", value_parser = source)]
    newer: Vec<(String, String)>,
    /// Also inserts quick results
    #[arg(long)]
    even_quick: bool,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Pages(pages)) => pages.run(),
        None => arguments.measure.run(),
    }
}

fn source(text: &str) -> Result<(String, String), String> {
    let (name, file) = text.split_once('=').ok_or("a result is given as NAME=FILE")?;
    Ok((name.to_owned(), file.to_owned()))
}

fn durability(text: &str) -> Result<Durability, String> {
    let mut config = Config::default();
    config.set("durability", text).map_err(|error| error.to_string())?;
    Ok(config.durability)
}

impl Pages {
    fn run(self) -> io::Result<()> {
        let newer: Sources = self.newer.into_iter().collect();
        for file in newer.values().filter(|file| file.ends_with(".json")) {
            let report = Report::from_json(&std::fs::read_to_string(self.root.join(file))?)?;
            if report.conditions.is_quick && !self.even_quick {
                return Err(io::Error::other(format!("{file} is a quick result: pages take full ones")));
            }
        }
        for page in pages::pages(&self.root).map_err(io::Error::other)? {
            let text = pages::rendered(&self.root, &page, &newer).map_err(io::Error::other)?;
            settle(&page, &text, newer.is_empty())?;
        }
        Ok(())
    }
}

/// Writes a page whose figures have changed; or reports it, where pages are only checked.
fn settle(page: &Path, text: &str, is_check: bool) -> io::Result<()> {
    if std::fs::read_to_string(page)? == text {
        return Ok(());
    }
    if is_check {
        return Err(io::Error::other(format!("{} differs from the results that it names", page.display())));
    }
    std::fs::write(page, text)?;
    eprintln!("wrote {}", page.display());
    Ok(())
}

impl Measure {
    fn run(self) -> io::Result<()> {
        let Some(figure) = self.only else {
            let full = Scale { length: self.length(), ..Scale::FULL };
            let scale = if self.quick { Scale::QUICK } else { full };
            let report = Report::measure(scale, |step| eprintln!("measuring: {step}"))?;
            print_result(&report);
            return Ok(());
        };
        self.only(figure)
    }

    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    fn only(self, figure: Figure) -> io::Result<()> {
        let (length, updates) = (self.length(), self.updates);
        match figure {
            Figure::Ingest => {
                println!("{:.0} updates/s", ingest::run(self.durability, length)?.updates_per_second());
            }
            Figure::Slow => {
                let slow = slow::run(self.durability, length)?;
                println!("{:.0} updates/s with fifty that read", slow.all_read.updates_per_second());
                println!("{:.0} updates/s with one that does not", slow.one_does_not.updates_per_second());
                println!("ratio {:.3}", slow.ratio());
            }
            Figure::Large => {
                let large = large::run(updates)?;
                println!("{:.0} bytes an account", large.bytes_an_account);
                println!("{:.0} bytes an open order", large.bytes_an_order);
                print(&large.applying);
            }
            Figure::History => self.history()?,
            Figure::Matching => {
                let compared = matching::run(updates, |at| eprintln!("measuring: {at}"));
                println!("{}", serde_json::to_string_pretty(&compared)?);
            }
            Figure::Image => println!("{:?}", parts::image(updates)),
            Figure::Engine => println!("{:.0} updates/s", parts::engine(length)),
            Figure::Codec => println!("{:?} ns", parts::codec(length)),
            Figure::Echo => print(&latency::echo(length)?),
            Figure::Unloaded => print(&latency::unloaded(self.durability, length)?),
            Figure::Paced => print(&latency::paced(self.durability, self.rate, length)?),
        }
        Ok(())
    }

    fn history(self) -> io::Result<()> {
        let (probe, length) = (Probe::begin(), self.length());
        let load = match self.load {
            LoadName::Flow => history::Load::Flow(self.flow),
            LoadName::Trades => history::Load::Trades,
        };
        let figures = history::run(&load, self.updates, length, |step| eprintln!("measuring: {step}"))?;
        print_result(&Report { conditions: probe.end(length), figures, ..Report::default() });
        Ok(())
    }
}

/// Prints a result, and on stderr what distorts its figures.
fn print_result(report: &Report) {
    report.conditions.flags.iter().for_each(|flag| eprintln!("warning: {flag}"));
    print!("{}", report.to_json());
}

fn print(latencies: &latency::Latencies) {
    for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
        println!("p{} {:.1} us", quantile * 100.0, latencies.value_at_quantile(quantile) as f64 / 1_000.0);
    }
}
