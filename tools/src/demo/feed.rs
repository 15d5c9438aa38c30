//! The adapter of the demo: deposits and stock, then the flow, its first part paced and the rest flat out.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ordo_bench::flow::{self, Flow, FlowCounts, Removal};
use ordo_client::Adapter;
use ordo_core::proto::ExternalAction;

use super::watch::Clock;
use crate::Failure;
use crate::signals::StopAsked;

pub(super) const FEED: &str = "bitstamp";

/// Updates of the paced part.
const PACED_UPDATES: u64 = 4_000;
/// One update each.
const PACE: Duration = Duration::from_millis(1);
/// An update is sent this much before it is due at the earliest: a sleep ends late, so the rest is waited out awake.
const AWAKE: Duration = Duration::from_micros(200);
/// How long the hub may take for what is in flight.
const PATIENCE: Duration = Duration::from_secs(120);
/// Updates between two looks at the progress bar and at signals.
const UPDATES_PER_LOOK: u64 = 1024;

/// What was played, and how fast it was durable.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) counts: FlowCounts,
    pub(super) transfers: u64,
    paced: u64,
    paced_took: Duration,
    flat_out: u64,
    took: Duration,
    refused: usize,
}

impl Played {
    /// Updates that moved cash and stock.
    pub(super) fn transactions(&self) -> u64 {
        self.transfers + self.counts.trade_legs
    }

    pub(super) fn refused(&self) -> usize {
        self.refused
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlowCounts { created, trade_legs, cancelled, .. } = self.counts;
        writeln!(f, "{created} orders, {trade_legs} sides of trades, {cancelled} cancellations")?;
        let rate = self.flat_out as f64 / self.took.as_secs_f64();
        let (count, took) = (self.flat_out, self.took.as_secs_f64());
        writeln!(f, "flat out: {count} updates durable in {took:.2} s, {rate:.0} a second, four views streamed")?;
        let rate = self.paced as f64 / self.paced_took.as_secs_f64();
        writeln!(f, "paced: {} updates, {rate:.0} a second", self.paced)
    }
}

/// Plays everything; returns when all of it is durable.
pub(super) fn play(
    addr: SocketAddr,
    recording: Option<&Path>,
    clock: &Clock,
    asked: &StopAsked,
) -> Result<Played, Failure> {
    let mut flow = match recording {
        Some(orders) => Flow::open(orders, Removal::AtOnce).map_err(Failure::new)?,
        None => Flow::shipped(Removal::AtOnce),
    };
    let adapter = Adapter::open(addr, FEED).map_err(Failure::new)?;
    let mut player = Player { adapter, asked, bar: bar(), position: 0 };
    let opening = flow::opening();
    let transfers = opening.len() as u64;
    for action in opening {
        player.submit(action)?;
    }
    player.wait()?;
    let begun = Instant::now();
    let paced = player.play_paced(&mut flow, clock)?;
    let paced_took = begun.elapsed();
    player.wait()?;
    let begun = Instant::now();
    let flat_out = player.play_flat_out(&mut flow)?;
    player.wait()?;
    let took = begun.elapsed();
    player.bar.finish_and_clear();
    let refused = player.adapter.take_responses().iter().filter(|answer| !answer.errors.is_empty()).count();
    player.adapter.close(PATIENCE).map_err(Failure::new)?;
    Ok(Played { counts: flow.counts(), transfers, paced, paced_took, flat_out, took, refused })
}

struct Player<'a> {
    adapter: Adapter,
    asked: &'a StopAsked,
    bar: ProgressBar,
    position: i64,
}

impl Player<'_> {
    fn submit(&mut self, action: ExternalAction) -> Result<(), Failure> {
        self.position += 1;
        self.adapter.submit(self.position, action).map_err(Failure::new)?;
        if (self.position as u64).is_multiple_of(UPDATES_PER_LOOK) {
            self.bar.set_position(self.position as u64);
            if self.asked.is_asked() {
                return Err(Failure::new("interrupted"));
            }
        }
        Ok(())
    }

    /// Until all that was submitted is durable.
    fn wait(&mut self) -> Result<(), Failure> {
        self.adapter.wait_bookmark(self.position, PATIENCE).map(|_| ()).map_err(Failure::new)
    }

    /// An update is due every `PACE`, whether the one before is through or not; latency counts from then.
    fn play_paced(&mut self, flow: &mut Flow, clock: &Clock) -> Result<u64, Failure> {
        let begun = Instant::now();
        let mut count = 0;
        for action in flow.take(PACED_UPDATES as usize) {
            let action = action.map_err(Failure::new)?;
            let due = begun + PACE * count as u32;
            wait_until(due);
            clock.expect(self.position + 1, due);
            self.submit(action)?;
            self.adapter.poll().map_err(Failure::new)?;
            count += 1;
        }
        Ok(count)
    }

    fn play_flat_out(&mut self, flow: &mut Flow) -> Result<u64, Failure> {
        let mut count = 0;
        for action in flow {
            self.submit(action.map_err(Failure::new)?)?;
            count += 1;
        }
        Ok(count)
    }
}

fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > AWAKE {
        std::thread::sleep(left - AWAKE);
    }
    while Instant::now() < due {
        std::thread::yield_now();
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} updates submitted, {per_sec}");
    ProgressBar::new_spinner().with_style(style.expect("invariant: the template is valid"))
}
