//! `ordo replay`: the state rebuilt from the record, offline.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use ordo_core::proto::{AssetPosition, CashPosition, OrderState};
use ordo_core::views::{Record, Table as Records};
use ordo_gateway::replay::{self, ReplayError};

use crate::listed::{self, Listed};
use crate::table::{Facts, Format, Output, print_json};
use crate::{Failure, check_folder};

/// Rebuilds the state from a journal
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo replay ./data --state balances --csv

Prints counts, time, updates per second and the hash of the state. With --state the records are on stdout, the rest
goes to stderr. Reads only: safe on the folder of a running hub.")]
pub(crate) struct Replay {
    /// Folder of the journal
    dir: PathBuf,
    /// Prints these records of the last state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// From the beginning of the record, whatever snapshots there are
    #[arg(long)]
    no_snapshots: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Balances,
    Holdings,
    Orders,
}

/// Updates between two looks at the clock.
const UPDATES_PER_LOOK: u64 = 8192;

impl Replay {
    pub(crate) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        let options = replay::Options { snapshots: !self.no_snapshots, ..replay::Options::default() };
        let begun = Instant::now();
        let mut replay = replay::Replay::open(&self.dir, options).map_err(of_replay)?;
        let from_sequence = replay.engine().sequence();
        let bar = spinner();
        while replay.next().map_err(of_replay)?.is_some() {
            if replay.updates().is_multiple_of(UPDATES_PER_LOOK) {
                bar.set_position(replay.updates());
            }
        }
        bar.finish_and_clear();
        let summary = summary(&replay, from_sequence, begun.elapsed());
        let format = self.output.format();
        let Some(state) = self.state else { return summary.print(format) };
        eprint!("{}", summary.aligned());
        let views = replay.views();
        match state {
            State::Balances => print_records::<CashPosition>(views.balances(), format),
            State::Holdings => print_records::<AssetPosition>(views.holdings(), format),
            State::Orders => print_records::<OrderState>(views.orders(), format),
        }
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} updates, {per_sec}");
    ProgressBar::new_spinner().with_style(style.expect("invariant: the template is valid"))
}

fn summary(replay: &replay::Replay, from_sequence: u64, took: Duration) -> Facts {
    let engine = replay.engine();
    let counts = engine.counts();
    let mut facts = Facts::default();
    facts.push("from_sequence", from_sequence);
    facts.push("to_sequence", engine.sequence());
    facts.push("updates", replay.updates());
    facts.push("refused", engine.oddities().refused);
    facts.push("seconds", format!("{:.3}", took.as_secs_f64()));
    facts.push("updates_per_second", format!("{:.0}", replay.updates() as f64 / took.as_secs_f64()));
    facts.push("accounts", counts.accounts);
    facts.push("balances", counts.balances);
    facts.push("holdings", counts.holdings);
    facts.push("orders", counts.orders);
    facts.push("trades", counts.trades);
    facts.push("feeds", counts.feeds);
    facts.push("state_hash", format!("{:032x}", engine.state_hash()));
    facts.push("events_hash", format!("{:032x}", engine.events_hash()));
    facts
}

fn print_records<L: Listed>(records: &Records<Record>, format: Format) -> Result<(), Failure> {
    if format == Format::JsonLines {
        return print_json(L::MESSAGE, records.iter().map(|record| &*record.bytes));
    }
    let unreadable = |error| Failure::with_code(65, format!("a record cannot be read: {error}"));
    let records = records.iter().map(|record| L::decode(&*record.bytes).map_err(unreadable));
    let records = records.collect::<Result<Vec<L>, Failure>>()?;
    listed::table(&records).print(format)
}

/// A failed replay as a command's failure.
pub(crate) fn of_replay(error: ReplayError) -> Failure {
    let advice = if error.exit_code() == 65 { "; run 'ordo journal verify'" } else { "" };
    Failure::with_code(error.exit_code(), format!("{error}{advice}"))
}
