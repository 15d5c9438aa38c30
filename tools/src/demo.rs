//! `ordo demo`: recorded order flow through a hub, over its protocol, with nothing else installed.
//!
//! One process: a hub, an adapter that submits the recorded flow, four subscribers that fold the views. They communicate
//! over sockets and share the cores: the figures include all of them.
//!
//! Absent on purpose: any access to the hub's state but the protocol. Not built yet: client requests, the built-in venue.

mod checks;
mod feed;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ordo_core::proto::{AssetPosition, CashPosition, OrderState};
use ordo_gateway::hub::{Config, Hub, Wait};
use tempfile::TempDir;

use crate::listed::{self, Listed};
use crate::serve::of_hub;
use crate::settings::Settings;
use crate::signals::StopAsked;
use crate::table::print;
use crate::{Failure, logging};
use checks::Checks;
use feed::Played;
use watch::{Clock, Watched, Watchers};

/// Plays recorded order flow through a hub and checks the results
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ordo demo --exit

Starts a hub on a fresh folder and submits six minutes of a Bitcoin order book (Bitstamp, BTC/USD) through a feed
adapter, first paced to measure latency, then as fast as the hub accepts, while subscribers fold the views. Then prints
balances, holdings and orders, and checks that the folded views equal the answers of REST, and that a replay and a
restart give the same state. Without --exit the hub stays up until Ctrl-C.")]
pub(crate) struct Demo {
    /// Empty folder for the journal [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Orders of another recording, .csv or .csv.gz; its trades are read from the file beside it
    #[arg(long, value_name = "FILE")]
    flow: Option<PathBuf>,
    /// Setting of the hub, as for `ordo serve`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Stops when done; exits 0 if every check passed
    #[arg(long)]
    exit: bool,
}

/// Accounts whose records are shown.
const SHOWN: [&str; 3] = ["00", "01", "02"];
/// Orders shown of each, the newest.
const ORDERS_SHOWN_MAX: usize = 4;
/// A signal is noticed within this time.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Demo {
    pub(crate) fn run(self) -> Result<(), Failure> {
        logging::start("warn");
        let asked = StopAsked::install()?;
        let folder = Folder::of(self.data.as_deref())?;
        let data = folder.path();
        let config = self.config(data)?;
        let hub = Hub::start(config.clone()).map_err(of_hub)?;
        hub.define_request_statuses().map_err(of_hub)?;
        let addr = hub.addr();
        print(&format!("hub on {addr}, data in {}\n", data.display()))?;
        let clock = Clock::start();
        let watchers = Watchers::start(addr, &clock)?;
        let played = feed::play(addr, self.flow.as_deref(), &clock, &asked)?;
        let watched = watchers.finish()?;
        let mut checks = Checks::default();
        checks.folded_equals_rest(addr, &watched)?;
        checks.flow_adds_up(&played, &watched)?;
        show(&played, &watched)?;
        let hub = checks.restart(hub, Config { listen: addr, ..config }, &watched)?;
        if self.exit {
            checks.stops_as_it_was(hub)?;
            print(&format!("\n{checks}"))?;
        } else {
            print(&format!("\n{checks}"))?;
            stay(&hub, &asked)?;
            hub.stop().map_err(of_hub)?;
        }
        checks.verdict()
    }

    fn config(&self, data: &Path) -> Result<Config, Failure> {
        let mut config = Config::new(data);
        config.dev = true;
        // Clients and hub share the cores: a hub that yields without sleeping would delay the kernel's completion of syncs.
        config.wait = Wait::Park;
        let mut settings = Settings::on(config);
        settings.read_command_line(&self.set)?;
        Ok(settings.config)
    }
}

/// The folder of the journal; a temporary one is removed when this is dropped.
enum Folder {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Folder {
    fn of(data: Option<&Path>) -> Result<Folder, Failure> {
        let Some(data) = data else {
            let folder = tempfile::Builder::new().prefix("ordo-demo-").tempdir();
            return folder.map(Folder::Temporary).map_err(|error| Failure::new(format!("temporary folder: {error}")));
        };
        let is_used = data.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if is_used {
            return Err(Failure::with_code(2, format!("{} is not empty: choose another --data", data.display())));
        }
        Ok(Folder::Given(data.into()))
    }

    fn path(&self) -> &Path {
        match self {
            Folder::Given(path) => path,
            Folder::Temporary(folder) => folder.path(),
        }
    }
}

fn show(played: &Played, watched: &Watched) -> Result<(), Failure> {
    print(&format!("\n{}\n", shown::<CashPosition>(watched, usize::MAX)?))?;
    print(&format!("{}\n", shown::<AssetPosition>(watched, usize::MAX)?))?;
    print(&format!("{}\n", shown::<OrderState>(watched, ORDERS_SHOWN_MAX)?))?;
    print(&played.to_string())?;
    print(&watched.latency_text())
}

/// The folded records of the accounts that are shown, the last few of each.
fn shown<L: Listed>(watched: &Watched, of_each_max: usize) -> Result<String, Failure> {
    let records = watched.records::<L>()?;
    let last_of = |account: &'static str| {
        let is_its = move |record: &&L| record.account().account_id == account;
        let its: Vec<&L> = records.iter().filter(is_its).collect();
        its.into_iter().rev().take(of_each_max).rev().collect::<Vec<&L>>()
    };
    Ok(listed::table(SHOWN.into_iter().flat_map(last_of)).aligned())
}

fn stay(hub: &Hub, asked: &StopAsked) -> Result<(), Failure> {
    let (addr, owner) = (hub.addr(), ordo_bench::flow::OWNER);
    print(&format!(
        "\nthe hub stays up on http://{addr}; Ctrl-C stops it. Try:\n  \
         curl http://{addr}/balance/for/{owner}/00\n  curl http://{addr}/order/for/{owner}/00\n"
    ))?;
    while !asked.is_asked() {
        if let Some(fault) = hub.wait_fault(LOOK_EVERY) {
            return Err(Failure::with_code(fault.exit_code(), fault));
        }
    }
    Ok(())
}
