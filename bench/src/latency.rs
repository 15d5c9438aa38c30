//! Latency of a trade: from its frame written to the last of its four events read, over real sockets.
//!
//! `unloaded`: one trade at a time, the next when the last event of the one before has been read. `paced`: a fixed rate,
//! whatever comes back, measured from the time at which each trade was due, so that a stall counts for every trade that
//! it delayed.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ordo_gateway::hub::{Config, Durability, Hub};

use crate::echo::Echo;
use crate::ingest::{drain, is_update, open_feed, subscribe_all};
use crate::load::{self, Trades, VIEWS};
use crate::raw::RawConnection;

/// Trades of a paced run before latencies are recorded.
const WARM: u64 = 2_000;
/// A latency above this counts as this.
const WORST_NS: u64 = 60_000_000_000;
const EVENTS_EACH: u64 = VIEWS.len() as u64;

/// Percentiles in nanoseconds.
pub type Latencies = Histogram<u64>;

pub(crate) fn histogram() -> Latencies {
    Histogram::new_with_bounds(1, WORST_NS, 3).expect("valid bounds")
}

/// Round trips through a WebSocket echo for `length`, one at a time, with messages of the size of a trade.
///
/// # Errors
/// If the connection fails.
pub fn echo(length: Duration) -> io::Result<Latencies> {
    let server = Echo::start()?;
    let mut connection = RawConnection::open(server.addr())?;
    let writer = connection.writer()?;
    let latencies = one_by_one(writer, length, || wait_for(&mut connection, 1, |_| true));
    drop(connection);
    latencies
}

/// One trade at a time through a fresh hub, for `length`.
///
/// # Errors
/// If the hub does not start or a connection fails.
pub fn unloaded(durability: Durability, length: Duration) -> io::Result<Latencies> {
    with_hub(durability, |addr| {
        let (mut subscriber, writer) = connect(addr)?;
        one_by_one(writer, length, || wait_for(&mut subscriber, VIEWS.len(), is_update))
    })
}

/// Writes one trade after another, and records latencies after a quarter of `length`; `wait` returns when all messages
/// that a trade brings back have been read.
fn one_by_one(
    mut writer: TcpStream,
    length: Duration,
    mut wait: impl FnMut() -> io::Result<()>,
) -> io::Result<Latencies> {
    let mut trades = Trades::from_position(load::FIRST);
    let (mut frame, mut latencies) = (Vec::new(), histogram());
    let (begun, warm) = (Instant::now(), length / 4);
    loop {
        frame.clear();
        trades.put_next(&mut frame);
        let start = Instant::now();
        writer.write_all(&frame)?;
        wait()?;
        if start.duration_since(begun) >= warm {
            latencies.saturating_record(start.elapsed().as_nanos() as u64);
        }
        if begun.elapsed() >= warm + length && !latencies.is_empty() {
            return Ok(latencies);
        }
    }
}

/// Trades at a fixed rate through a fresh hub, for `length`.
///
/// # Errors
/// If the hub does not start or a connection fails.
pub fn paced(durability: Durability, per_second: u64, length: Duration) -> io::Result<Latencies> {
    with_hub(durability, |addr| paced_through(addr, load::FIRST, per_second, length))
}

/// The same through a running hub, whose feed is before position `first`.
///
/// # Errors
/// If a connection fails.
pub fn paced_through(addr: SocketAddr, first: u64, per_second: u64, length: Duration) -> io::Result<Latencies> {
    let (subscriber, writer) = connect(addr)?;
    let schedule = Schedule {
        start: Instant::now() + Duration::from_millis(20),
        per_second,
        count: paced_updates(per_second, length),
    };
    let reader = thread::spawn(move || schedule.read(subscriber));
    schedule.write(&writer, Trades::from_position(first))?;
    let latencies = reader.join().map_err(|_| io::Error::other("the reader panicked"))??;
    writer.shutdown(std::net::Shutdown::Both)?;
    Ok(latencies)
}

/// The number of trades of a paced run, those included that warm the hub up.
#[must_use]
pub fn paced_updates(per_second: u64, length: Duration) -> u64 {
    WARM + (per_second as f64 * length.as_secs_f64()) as u64
}

/// When each trade of a paced run is due.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    start: Instant,
    per_second: u64,
    count: u64,
}

impl Schedule {
    fn due(&self, at: u64) -> Instant {
        self.start + Duration::from_nanos(at * 1_000_000_000 / self.per_second)
    }

    /// Writes every trade when it is due; those that are overdue together.
    fn write(&self, mut writer: &TcpStream, mut trades: Trades) -> io::Result<()> {
        let (mut at, mut frames) = (0, Vec::new());
        while at < self.count {
            let now = Instant::now();
            frames.clear();
            while at < self.count && self.due(at) <= now {
                trades.put_next(&mut frames);
                at += 1;
            }
            if frames.is_empty() {
                thread::sleep(self.due(at) - now);
            } else {
                writer.write_all(&frames)?;
            }
        }
        Ok(())
    }

    /// Reads the events of every trade, and records the latency of its last one.
    fn read(&self, mut subscriber: RawConnection) -> io::Result<Latencies> {
        let (mut latencies, mut events) = (histogram(), 0);
        while events < self.count * EVENTS_EACH {
            let before = events;
            subscriber.read_messages(|payload| events += u64::from(is_update(payload)))?;
            let now = Instant::now();
            for at in (before / EVENTS_EACH).max(WARM)..events / EVENTS_EACH {
                latencies.saturating_record(now.saturating_duration_since(self.due(at)).as_nanos() as u64);
            }
        }
        Ok(latencies)
    }
}

fn with_hub(durability: Durability, run: impl FnOnce(SocketAddr) -> io::Result<Latencies>) -> io::Result<Latencies> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::new(folder.path());
    config.dev = true;
    config.durability = durability;
    let hub = Hub::start(config).map_err(io::Error::other)?;
    let result = run(hub.addr());
    hub.stop().map_err(io::Error::other)?;
    result
}

/// A subscriber to the four views, and the writing half of an open feed whose Bookmarks a thread reads.
fn connect(addr: SocketAddr) -> io::Result<(RawConnection, TcpStream)> {
    let subscriber = subscribe_all(addr)?;
    let feed = open_feed(addr)?;
    let writer = feed.writer()?;
    thread::spawn(move || drain(feed));
    Ok((subscriber, writer))
}

/// Blocks until `wanted` messages that count have been read. A client that polls would take a core from the hub that it
/// measures, and from the kernel's completion of a write to the disk.
fn wait_for(connection: &mut RawConnection, wanted: usize, counts: impl Fn(&[u8]) -> bool) -> io::Result<()> {
    let mut seen = 0;
    while seen < wanted {
        connection.read_messages(|payload| seen += usize::from(counts(payload)))?;
    }
    Ok(())
}
