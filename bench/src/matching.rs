//! The matching core beside matching crates of the registry: the same messages, reports over a ring to another thread.
//!
//! Each engine gets the opening book untimed, then all messages as fast as it takes them. Throughput is measured with
//! reports crossing the ring in batches of a kilobyte; the time of a message (clock read before and after it, its reports
//! sent before the second) in another pass. Of three runs the median counts; peers run once, since they take minutes.
//!
//! Not included: decoding messages, risk, journal, sockets. Peers are compiled in with the feature `peers`.

mod flow;
#[cfg(feature = "peers")]
mod peers;
#[cfg(test)]
mod recorded;
mod ring;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use ordo_core::venue::{Book, Rules, Sink};
use serde::Serialize;

use crate::latency::{Latencies, histogram};
use flow::{Counts, Flow, Message, SCENARIOS};
use ring::{Reports, Seen};

/// Runs of the matching core in each scenario.
const RUNS: usize = 3;
const SEED: u64 = 20_261_124;

/// What is measured.
trait Engine {
    fn apply<S: Sink>(&mut self, message: &Message, sink: &mut S);
}

struct Ordo(Book);

impl Ordo {
    fn new() -> Ordo {
        let mut book = Book::new(Rules::default());
        book.reserve(1 << 15);
        Ordo(book)
    }
}

impl Engine for Ordo {
    #[inline]
    fn apply<S: Sink>(&mut self, message: &Message, sink: &mut S) {
        message.apply(&mut self.0, sink);
    }
}

/// One scenario: its flow, and the engines by name.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub scenario: &'static str,
    pub flow: Counts,
    pub engines: BTreeMap<&'static str, Figures>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    pub messages_per_second: f64,
    /// The same on one thread, reports only counted: what the engine takes without the ring.
    pub alone_messages_per_second: f64,
    /// Of one message, both clock reads included.
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub p999_ns: u64,
    pub max_ns: u64,
    pub fills: u64,
    pub volume: u64,
}

/// All scenarios, each of so many messages.
pub fn run(messages: u64, mut progress: impl FnMut(&str)) -> Vec<Comparison> {
    SCENARIOS
        .iter()
        .map(|scenario| {
            progress(scenario.name);
            let flow = Flow::make(*scenario, messages as usize, SEED);
            Comparison { scenario: scenario.name, flow: flow.counts, engines: engines(&flow) }
        })
        .collect()
}

fn engines(flow: &Flow) -> BTreeMap<&'static str, Figures> {
    let ours = median((0..RUNS).map(|_| figures(flow, Ordo::new)).collect());
    BTreeMap::from([
        ("ordo", ours),
        #[cfg(feature = "peers")]
        ("lobster", figures(flow, peers::Lobster::new)),
        #[cfg(feature = "peers")]
        ("orderbook-rs", figures(flow, peers::OrderBookRs::new)),
    ])
}

fn median(mut runs: Vec<Figures>) -> Figures {
    runs.sort_by(|a, b| a.messages_per_second.total_cmp(&b.messages_per_second));
    runs[runs.len() / 2]
}

fn figures<E: Engine>(flow: &Flow, engine: impl Fn() -> E) -> Figures {
    let (messages_per_second, seen) = throughput(flow, engine());
    let latencies = latencies(flow, engine());
    let at = |quantile| latencies.value_at_quantile(quantile);
    Figures {
        messages_per_second,
        alone_messages_per_second: alone(flow, engine()),
        p50_ns: at(0.5),
        p99_ns: at(0.99),
        p999_ns: at(0.999),
        max_ns: latencies.max(),
        fills: seen.fills,
        volume: seen.volume,
    }
}

fn throughput<E: Engine>(flow: &Flow, mut engine: E) -> (f64, Seen) {
    let mut reports = Reports::start();
    flow.opening.iter().for_each(|message| engine.apply(message, &mut reports));
    let start = Instant::now();
    flow.messages.iter().for_each(|message| engine.apply(message, &mut reports));
    reports.flush();
    let elapsed = start.elapsed();
    (flow.messages.len() as f64 / elapsed.as_secs_f64(), reports.finish())
}

fn alone<E: Engine>(flow: &Flow, mut engine: E) -> f64 {
    let mut seen = Seen::default();
    flow.opening.iter().for_each(|message| engine.apply(message, &mut seen));
    let start = Instant::now();
    flow.messages.iter().for_each(|message| engine.apply(message, &mut seen));
    let elapsed = start.elapsed();
    black_box(seen);
    flow.messages.len() as f64 / elapsed.as_secs_f64()
}

fn latencies<E: Engine>(flow: &Flow, mut engine: E) -> Latencies {
    let mut reports = Reports::start();
    let mut latencies = histogram();
    flow.opening.iter().for_each(|message| engine.apply(message, &mut reports));
    for message in &flow.messages {
        let start = Instant::now();
        engine.apply(message, &mut reports);
        reports.flush();
        latencies.saturating_record(start.elapsed().as_nanos() as u64);
    }
    let _ = reports.finish();
    latencies
}
