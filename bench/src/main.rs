//! `ordo-bench`: measures, and prints one JSON object. `--only` runs one figure, for profiling.

use std::io;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use ordo_bench::report::{Report, Scale};
use ordo_bench::{history, ingest, large, latency, matching, parts, slow};
use ordo_gateway::hub::Durability;

#[derive(Parser)]
#[command(about = "Measures a hub on this machine: figures and their floors, by name")]
struct Arguments {
    /// Under 50 seconds instead of minutes
    #[arg(long)]
    quick: bool,
    /// One figure only
    #[arg(long)]
    only: Option<Figure>,
    #[arg(long, default_value = "sync")]
    durability: String,
    #[arg(long, default_value_t = 500_000)]
    updates: u64,
    /// Updates a second, of the paced run
    #[arg(long, default_value_t = 50_000)]
    rate: u64,
    /// What a history is of: `flow`, the recorded order flow; `trades`, of which every one is kept
    #[arg(long, default_value = "flow")]
    load: LoadName,
    /// The orders of a recording that takes the place of the one carried along, for `flow`
    #[arg(long)]
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

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let Some(figure) = arguments.only else {
        let scale = if arguments.quick { Scale::QUICK } else { Scale::FULL };
        let report = Report::measure(scale, |at| eprintln!("measuring: {at}"))?;
        print!("{}", report.to_json());
        return Ok(());
    };
    let durability = match arguments.durability.as_str() {
        "async" => Durability::Async,
        "sync-each" => Durability::SyncEach,
        _ => Durability::Sync,
    };
    let updates = arguments.updates;
    match figure {
        Figure::Ingest => println!("{:.0} updates/s", ingest::run(durability, updates)?.updates_per_second()),
        Figure::Slow => {
            let slow = slow::run(durability, updates)?;
            let (all_read, one_does_not) = (slow.all_read, slow.one_does_not);
            println!("{:.0} updates/s where all read", all_read.updates_per_second());
            println!("{:.0} updates/s where one does not", one_does_not.updates_per_second());
            println!("{:.3} of it", slow.ratio());
        }
        Figure::Large => {
            let large = large::run(updates)?;
            println!("{:.0} bytes an account", large.bytes_an_account);
            println!("{:.0} bytes an open order", large.bytes_an_order);
            print(&large.applying);
        }
        Figure::History => {
            let load = match arguments.load {
                LoadName::Flow => history::Load::Flow(arguments.flow),
                LoadName::Trades => history::Load::Trades,
            };
            let report = history::run(&load, updates, |at| eprintln!("measuring: {at}"))?;
            println!("{}", serde_json::to_string_pretty(&report)?);
        }
        Figure::Matching => {
            let compared = matching::run(updates, |at| eprintln!("measuring: {at}"));
            println!("{}", serde_json::to_string_pretty(&compared)?);
        }
        Figure::Image => println!("{:?}", parts::image(updates)),
        Figure::Engine => println!("{:.0} updates/s", parts::engine(updates)),
        Figure::Codec => println!("{:?} ns", parts::codec(updates)),
        Figure::Echo => print(&latency::echo(updates)?),
        Figure::Unloaded => print(&latency::unloaded(durability, updates)?),
        Figure::Paced => print(&latency::paced(durability, arguments.rate, updates)?),
    }
    Ok(())
}

fn print(latencies: &latency::Latencies) {
    for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
        println!("p{} {:.1} us", quantile * 100.0, latencies.value_at_quantile(quantile) as f64 / 1_000.0);
    }
}
