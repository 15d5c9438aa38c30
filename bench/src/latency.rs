//! Latency from an order's trade going in to the last of its four events coming out, over real sockets.
//!
//! `unloaded`: one at a time, the next when the last event of the one before has come. `paced`: a fixed rate whatever
//! comes back, measured from the time at which each was meant to be sent, so that a stall counts for all it delayed.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use ordo_gateway::hub::{Config, Durability, Hub};

use crate::echo::Echo;
use crate::ingest::{drain, is_update, open_feed, subscribe_all};
use crate::load::{Frames, VIEWS};
use crate::raw::RawConnection;

const WARM: u64 = 2_000;
/// A latency above this counts as this.
const WORST_NS: u64 = 60_000_000_000;

/// Percentiles in nanoseconds.
pub type Latencies = Histogram<u64>;

pub(crate) fn histogram() -> Latencies {
    Histogram::new_with_bounds(1, WORST_NS, 3).expect("valid bounds")
}

/// Round trips through the echo, one at a time, with messages of the size of a trade.
///
/// # Errors
/// If the connection fails.
pub fn echo(count: u64) -> io::Result<Latencies> {
    let server = Echo::start()?;
    let mut connection = RawConnection::open(server.addr())?;
    let mut writer = connection.writer()?;
    let frames = Frames::trades(1..1_001);
    let mut latencies = histogram();
    for at in 0..WARM + count {
        let start = Instant::now();
        writer.write_all(frames.get(at as usize % 1_000))?;
        wait_for(&mut connection, 1, |_| true)?;
        if at >= WARM {
            latencies.saturating_record(start.elapsed().as_nanos() as u64);
        }
    }
    drop(connection);
    Ok(latencies)
}

/// One update at a time through a hub.
///
/// # Errors
/// If the hub does not start or a connection fails.
pub fn unloaded(durability: Durability, count: u64) -> io::Result<Latencies> {
    with_hub(durability, |addr| {
        let (mut subscriber, mut writer) = connect(addr)?;
        let frames = Frames::trades(1..WARM + count + 1);
        let mut latencies = histogram();
        for at in 0..WARM + count {
            let start = Instant::now();
            writer.write_all(frames.get(at as usize))?;
            wait_for(&mut subscriber, VIEWS.len(), is_update)?;
            if at >= WARM {
                latencies.saturating_record(start.elapsed().as_nanos() as u64);
            }
        }
        Ok(latencies)
    })
}

/// Updates at a fixed rate through a hub.
///
/// # Errors
/// If the hub does not start or a connection fails.
pub fn paced(durability: Durability, per_second: u64, count: u64) -> io::Result<Latencies> {
    with_hub(durability, |addr| paced_through(addr, 1, per_second, count))
}

/// The same through a hub that runs already, whose feed is at the position before `first`.
///
/// # Errors
/// If a connection fails.
pub fn paced_through(addr: SocketAddr, first: u64, per_second: u64, count: u64) -> io::Result<Latencies> {
    let (mut subscriber, mut writer) = connect(addr)?;
    let frames = Frames::trades(first..first + WARM + count);
    let start = Instant::now() + Duration::from_millis(20);
    let due = move |at: u64| start + Duration::from_nanos(at * 1_000_000_000 / per_second);
    let reader = thread::spawn(move || -> io::Result<Latencies> {
        let mut latencies = histogram();
        let mut events = 0;
        let per_update = VIEWS.len() as u64;
        while events < (WARM + count) * per_update {
            let before = events;
            subscriber.read_messages(|payload| events += u64::from(is_update(payload)))?;
            let now = Instant::now();
            for at in before / per_update..events / per_update {
                if at >= WARM {
                    latencies.saturating_record(now.saturating_duration_since(due(at)).as_nanos() as u64);
                }
            }
        }
        Ok(latencies)
    });
    let mut at = 0;
    while at < WARM + count {
        let now = Instant::now();
        let first = at;
        while at < WARM + count && due(at) <= now {
            at += 1;
        }
        if at > first {
            let start = if first == 0 { 0 } else { frames.ends[first as usize - 1] };
            writer.write_all(&frames.bytes[start..frames.ends[at as usize - 1]])?;
        } else {
            thread::sleep(due(at) - now);
        }
    }
    let latencies = reader.join().map_err(|_| io::Error::other("the reader panicked"))??;
    writer.shutdown(std::net::Shutdown::Both)?;
    Ok(latencies)
}

/// How many updates such a run makes in all.
pub fn paced_updates(count: u64) -> u64 {
    WARM + count
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

/// A subscriber, and the writing half of an open feed whose Bookmarks somebody reads.
fn connect(addr: SocketAddr) -> io::Result<(RawConnection, std::net::TcpStream)> {
    let subscriber = subscribe_all(addr)?;
    let feed = open_feed(addr)?;
    let writer = feed.writer()?;
    thread::spawn(move || drain(feed));
    Ok((subscriber, writer))
}

/// Blocks until `wanted` messages that count have come. A client that polls instead would take a core from what it
/// measures: the end of a write to the disk needs one too.
fn wait_for(connection: &mut RawConnection, wanted: usize, counts: impl Fn(&[u8]) -> bool) -> io::Result<()> {
    let mut seen = 0;
    while seen < wanted {
        connection.read_messages(|payload| seen += usize::from(counts(payload)))?;
    }
    Ok(())
}
