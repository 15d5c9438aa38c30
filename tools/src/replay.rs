//! `ordo replay`: the state rebuilt from the record, offline; of any point, step by step, of two points, or with changes.

mod diff;
mod step;
mod what_if;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use ordo_core::proto::{AssetPosition, CashPosition, OrderState};
use ordo_core::views::{Record, Table as Records};
use ordo_history::investigation::{BeginError, Begun, begin};
use ordo_history::replay::{self, ReplayError};
use ordo_journal::ReadError;

use crate::journal::time;
use crate::listed::Listed;
use crate::logging::note;
use crate::place::{self, Place};
use crate::rows::Rows;
use crate::table::{Facts, Format, Output, print_json};
use crate::{Failure, check_folder};

/// Rebuilds the state from a journal
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ordo replay ./data --state balances --csv
  ordo replay ./data --until 2026-11-22T10:15:00Z --state orders
  ordo replay ./data --diff oms:100 oms:200
  ordo replay ./data --what-if changes.toml

A place is a number of the journal (123), a position (oms:123) or a time: a point of the one order in which the updates
of all feeds were applied, itself included. --diff goes from A to B, also where B comes first: what is told then is the
reverse; balances, holdings, orders and definitions are compared, in all their fields. Prints counts, time,
updates per second and the hash of the state. With --state the records are on stdout, the rest goes to stderr. Reads
only: safe on the folder of a running hub.

A file of changes, as TOML:
  [[change]]
  leave_out = \"XNAS:17\"
  [[change]]
  replace = \"XNAS:18\"          # or insert_after
  update = '{\"Type\": \"Action\", \"Action\": {...}}'
  [[change]]
  settings = { trade_retention_s = 86400 }   # completed_order_retention_s, idempotency_retention_s
or as JSON lines: {\"leave_out\": \"XNAS:17\"}
What is inserted at one place is applied in the order of the file. Settings hold from the beginning on, whatever the
record says of them; those not named are as recorded.")]
pub(crate) struct Replay {
    /// Folder of the journal
    dir: PathBuf,
    /// The last place to apply
    #[arg(long, value_name = "PLACE")]
    until: Option<Place>,
    /// Prints these records of the last state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Update by update, each with what it changed; waits for Enter on a terminal. With --json a line for each, and no
    /// waiting
    #[arg(long, conflicts_with_all = ["state", "diff", "what_if", "csv"])]
    step: bool,
    /// What differs between two places
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["until", "state", "what_if"])]
    diff: Option<Vec<Place>>,
    /// What would have come of it, with the changes that a file says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["until", "state"])]
    what_if: Option<PathBuf>,
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
    Requests,
}

/// Updates between two looks at the clock.
const UPDATES_PER_LOOK: u64 = 8192;

impl Replay {
    pub(crate) fn run(self) -> Result<(), Failure> {
        check_folder(&self.dir)?;
        if let Some(Ok(places)) = self.diff.as_deref().map(TryFrom::try_from) {
            return diff::run(&self.dir, places, self.output);
        }
        if let Some(file) = &self.what_if {
            return what_if::run(&self.dir, file, self.output);
        }
        if self.step {
            return step::run(&self.dir, self.until.as_ref(), self.output);
        }
        let begun = Instant::now();
        let mut replay = if self.no_snapshots || self.until.is_some() {
            open_beginning(&self.dir, self.until.as_slice())?
        } else {
            open_newest(&self.dir)?
        };
        let from_sequence = replay.engine().sequence();
        let bar = Progress::new();
        place::fold(&mut replay, self.until.as_ref(), |_| bar.tick()).map_err(of_replay)?;
        drop(bar);
        place::check_are_named(&mut replay, &self.until)?;
        let summary = summary(&replay, from_sequence, begun.elapsed());
        let format = self.output.format();
        let Some(state) = self.state else { return summary.print(format) };
        note!("{}", summary.aligned().trim_end());
        let views = replay.views();
        match state {
            State::Balances => print_records::<CashPosition>(views.balances(), format),
            State::Holdings => print_records::<AssetPosition>(views.holdings(), format),
            State::Orders => print_records::<OrderState>(views.orders(), format),
            State::Requests => Err(Failure::new("requests are not recorded by this build")),
        }
    }
}

/// A replay at the newest snapshot.
pub(crate) fn open_newest(dir: &Path) -> Result<replay::Replay, Failure> {
    replay::Replay::open(dir, replay::Options::default()).map_err(of_replay)
}

/// A replay at the beginning of what the folder still has of the record, to be applied up to each of some places.
pub(crate) fn open_beginning(dir: &Path, until: &[Place]) -> Result<replay::Replay, Failure> {
    let Begun { replay, archived } = begin(dir).map_err(|error| match error {
        BeginError::Replay(error) => of_replay(error),
        BeginError::NoState { archived } => of_archived(archived),
    })?;
    if archived > 0 {
        let (number, at) = (replay.engine().sequence(), time(replay.engine().time_ns()));
        if until.iter().any(|place| place.is_passed_by(replay.engine())) {
            return Err(Failure::new(format!(
                "what is asked for lies before the oldest state of this folder, at {number} ({at}); updates up to \
                 {archived} were archived: put those segments back, or ask for a later place"
            )));
        }
        note!("updates up to {archived} were archived: begins with the snapshot at {number} ({at})");
    }
    Ok(replay)
}

/// A bar that counts updates on a terminal, and goes when it is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    updates: std::cell::Cell<u64>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let style = ProgressStyle::with_template("{spinner} {human_pos} updates, {per_sec}");
        let bar = ProgressBar::new_spinner().with_style(style.expect("invariant: the template is valid"));
        Progress { bar, updates: std::cell::Cell::new(0) }
    }

    /// Lets something else be printed on the terminal.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// One more.
    pub(crate) fn tick(&self) {
        self.updates.set(self.updates.get() + 1);
        if self.updates.get().is_multiple_of(UPDATES_PER_LOOK) {
            self.bar.set_position(self.updates.get());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
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
    let mut rows = Rows::new(L::COLUMNS, L::FIGURES, format);
    for record in records.iter() {
        let record = L::decode(&*record.bytes);
        let record = record.map_err(|error| Failure::with_code(65, format!("a record cannot be read: {error}")))?;
        if rows.put(record.row()).is_break() {
            break;
        }
    }
    rows.finish().map(drop)
}

/// A failed replay as a command's failure.
pub(crate) fn of_replay(error: ReplayError) -> Failure {
    if let ReplayError::Read(ReadError::Archived { archived }) = error {
        return of_archived(archived);
    }
    let advice = if error.exit_code() == 65 { "; run 'ordo journal verify'" } else { "" };
    Failure::with_code(error.exit_code(), format!("{error}{advice}"))
}

fn of_archived(archived: u64) -> Failure {
    Failure::new(format!(
        "updates up to {archived} were archived, and no good snapshot of a state behind them is in the folder: put the \
         archived segments, or such a snapshot, back"
    ))
}
