//! What must hold at the end of the demo.

use std::fmt;
use std::net::SocketAddr;

use ordo_bench::flow::{ACCOUNTS, OPENING_CASH, OPENING_STOCK};
use ordo_client::rest;
use ordo_core::dec::Dec;
use ordo_core::proto::{AssetPosition, BigNumber, CashPosition, OrderState, SubscriptionType};
use ordo_gateway::hub::{Config, Hub};
use ordo_history::replay::{Options, Replay};

use super::feed::Played;
use super::watch::Watched;
use crate::Failure;
use crate::listed::Listed;
use crate::serve::of_hub;

/// Each check, and whether it held.
#[derive(Debug, Default)]
pub(super) struct Checks {
    results: Vec<(String, bool)>,
    state_hash: u128,
}

impl Checks {
    fn note(&mut self, what: impl Into<String>, holds: bool) {
        self.results.push((what.into(), holds));
    }

    /// The views folded from the streams equal what REST answers.
    pub(super) fn folded_equals_rest(&mut self, addr: SocketAddr, watched: &Watched) -> Result<(), Failure> {
        self.equals_rest::<CashPosition>(addr, watched, "/balance", "folded")?;
        self.equals_rest::<AssetPosition>(addr, watched, "/holding", "folded")?;
        self.equals_rest::<OrderState>(addr, watched, "/order", "folded")
    }

    fn equals_rest<L: Listed>(
        &mut self,
        addr: SocketAddr,
        watched: &Watched,
        path: &str,
        what: &str,
    ) -> Result<(), Failure> {
        let folded = watched.records::<L>()?;
        let answer = rest::get(addr, path).map_err(Failure::new)?;
        let mut answered = answer.records::<L>(L::MESSAGE).map_err(Failure::new)?;
        // Both in the order of their keys; the keys are the first columns.
        answered.sort_by_cached_key(Listed::row);
        let mut sorted = folded;
        sorted.sort_by_cached_key(Listed::row);
        self.note(format!("{what}: {} records equal GET {path}", answered.len()), sorted == answered);
        Ok(())
    }

    /// What the recording says must come out of it, whatever the hub is made of.
    pub(super) fn flow_adds_up(&mut self, played: &Played, watched: &Watched) -> Result<(), Failure> {
        let expected = played.transactions();
        let transactions = watched.events(SubscriptionType::Transactions);
        self.note(format!("{transactions} of {expected} transactions"), transactions == expected);
        self.note(format!("{} updates refused", played.refused()), played.refused() == 0);
        let opening = |each: i64| Dec::whole(each * ACCOUNTS as i64);
        let balances = watched.records::<CashPosition>()?;
        let cash = sum(balances.iter().flat_map(|record| [record.balance, record.unbooked_transactions]));
        self.note(format!("cash only changes hands: {}", shown(cash)), cash == Some(opening(OPENING_CASH)));
        let holdings = watched.records::<AssetPosition>()?;
        let stock = sum(holdings.iter().map(|record| record.quantity));
        self.note(format!("stock only changes hands: {}", shown(stock)), stock == Some(opening(OPENING_STOCK)));
        Ok(())
    }

    /// Stops the hub, replays its record from the beginning, and starts it again at the same address.
    pub(super) fn restart(&mut self, hub: Hub, config: Config, watched: &Watched) -> Result<Hub, Failure> {
        let stopped = hub.stop().map_err(of_hub)?;
        self.state_hash = stopped.state_hash;
        let failed = |error: ordo_history::replay::ReplayError| Failure::with_code(error.exit_code(), error);
        let mut replay =
            Replay::open(&config.data, Options { snapshots: false, ..Options::default() }).map_err(failed)?;
        let updates = replay.run().map_err(failed)?;
        let is_same = replay.engine().state_hash() == stopped.state_hash;
        self.note(format!("replayed {updates} updates: state {:032x}", replay.engine().state_hash()), is_same);
        let hub = Hub::start(config).map_err(of_hub)?;
        let addr = hub.addr();
        self.equals_rest::<CashPosition>(addr, watched, "/balance", "restarted")?;
        self.equals_rest::<AssetPosition>(addr, watched, "/holding", "restarted")?;
        self.equals_rest::<OrderState>(addr, watched, "/order", "restarted")?;
        Ok(hub)
    }

    /// Stops the restarted hub, which nobody has written to: its state is that of the first one.
    pub(super) fn stops_as_it_was(&mut self, hub: Hub) -> Result<(), Failure> {
        let stopped = hub.stop().map_err(of_hub)?;
        let is_same = stopped.state_hash == self.state_hash;
        self.note(format!("restarted and stopped: state {:032x}", stopped.state_hash), is_same);
        Ok(())
    }

    pub(super) fn verdict(&self) -> Result<(), Failure> {
        match self.results.iter().filter(|(_, holds)| !holds).count() {
            0 => Ok(()),
            count => Err(Failure::new(format!("{count} of {} checks failed: see above", self.results.len()))),
        }
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.iter().try_for_each(|(what, holds)| {
            let word = if *holds { "ok    " } else { "FAILED" };
            writeln!(f, "{word}  {what}")
        })
    }
}

/// None where it cannot be held.
fn sum(figures: impl Iterator<Item = Option<BigNumber>>) -> Option<Dec> {
    figures.flatten().try_fold(Dec::ZERO, |sum, figure| sum.plus(figure.dec()).ok())
}

fn shown(figure: Option<Dec>) -> String {
    figure.map_or_else(|| "too large".into(), |figure| figure.to_string())
}
