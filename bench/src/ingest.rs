//! Updates a second over one feed connection, with all four events of each published to a subscriber.
//!
//! One thread writes frames as fast as the hub reads them, one reads the subscriber's connection and counts events. The
//! clock runs from the first byte written to the last event read, after a tenth of the time to warm the hub up.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ordo_core::proto::{EventMessage, EventMessageType, RequestMessage};
use ordo_gateway::hub::{Config, Durability, Hub};
use prost::Message;

use crate::load::{self, Trades, VIEWS};
use crate::raw::{RawConnection, put_frame};

/// Updates of one write: as many as the socket buffer of a busy adapter holds.
const WRITE_UPDATES: u64 = 128;
/// Updates sent whose events have not been read. Their events fit into a subscriber's queue in the hub, so that the
/// reader (which shares the cores with the hub) is not closed as a slow subscriber.
const IN_FLIGHT_MAX: u64 = 4_096;
const EVENTS_EACH: u64 = VIEWS.len() as u64;

/// The result of a run.
#[derive(Debug, Clone, Copy)]
pub struct Ingest {
    pub updates: u64,
    pub elapsed: Duration,
}

impl Ingest {
    #[must_use]
    pub fn updates_per_second(&self) -> f64 {
        self.updates as f64 / self.elapsed.as_secs_f64()
    }
}

/// Starts a hub on a fresh folder and sends trades to it for `length`.
///
/// # Errors
/// If the hub does not start or a connection fails.
pub fn run(durability: Durability, length: Duration) -> io::Result<Ingest> {
    let folder = tempfile::tempdir()?;
    run_in(folder.path(), durability, length)
}

/// The same on a folder that the caller keeps.
///
/// # Errors
/// As [`run`].
pub fn run_in(folder: &Path, durability: Durability, length: Duration) -> io::Result<Ingest> {
    let mut config = Config::new(folder);
    config.dev = true;
    config.durability = durability;
    let hub = Hub::start(config).map_err(io::Error::other)?;
    let result = drive(hub.addr(), length);
    hub.stop().map_err(io::Error::other)?;
    result
}

/// Sends trades to a running hub, on a feed that has no position yet.
///
/// # Errors
/// If a connection fails.
pub fn drive(addr: SocketAddr, length: Duration) -> io::Result<Ingest> {
    let mut subscriber = subscribe_all(addr)?;
    let feed = open_feed(addr)?;
    let writer = feed.writer()?;
    let bookmarks = thread::spawn(move || drain(feed));
    let progress = Arc::new(Progress::default());
    let counted = progress.clone();
    let reading = thread::spawn(move || counted.count_events(&mut subscriber));
    let trades = Trades::from_position(load::FIRST);
    let mut sender = Sender { writer, trades, sent: 0, frames: Vec::new(), progress };
    sender.send_for(length / 10)?;
    sender.wait_until_read(sender.sent)?;
    let (start, warm) = (Instant::now(), sender.sent);
    sender.send_for(length)?;
    sender.send_last()?;
    let end = reading.join().map_err(|_| io::Error::other("the reader panicked"))??;
    sender.writer.shutdown(std::net::Shutdown::Both)?;
    let _ = bookmarks.join();
    Ok(Ingest { updates: sender.sent - warm, elapsed: end.duration_since(start) })
}

/// The number of events read, for the sender; the number of all that will come, for the reader.
#[derive(Debug)]
struct Progress {
    read: AtomicU64,
    wanted: AtomicU64,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress { read: AtomicU64::new(0), wanted: AtomicU64::new(u64::MAX) }
    }
}

/// `Progress::read` once the reader has ended.
const ENDED: u64 = u64::MAX;

impl Progress {
    /// Reads until all events have come; the time of the last.
    fn count_events(&self, subscriber: &mut RawConnection) -> io::Result<Instant> {
        let mut events = 0;
        while events < self.wanted.load(Ordering::Acquire) {
            let read = subscriber.read_messages(|payload| events += u64::from(is_update(payload)));
            self.read.store(if read.is_ok() { events } else { ENDED }, Ordering::Release);
            read?;
        }
        Ok(Instant::now())
    }
}

/// The writing half of a feed connection.
struct Sender {
    writer: TcpStream,
    trades: Trades,
    sent: u64,
    frames: Vec<u8>,
    progress: Arc<Progress>,
}

impl Sender {
    fn send_for(&mut self, length: Duration) -> io::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < length {
            self.send()?;
        }
        Ok(())
    }

    /// One write more, which the reader knows to be the last before its events can come.
    fn send_last(&mut self) -> io::Result<()> {
        self.progress.wanted.store((self.sent + WRITE_UPDATES) * EVENTS_EACH, Ordering::Release);
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        self.wait_until_read(self.sent.saturating_sub(IN_FLIGHT_MAX))?;
        self.frames.clear();
        (0..WRITE_UPDATES).for_each(|_| self.trades.put_next(&mut self.frames));
        self.sent += WRITE_UPDATES;
        self.writer.write_all(&self.frames)
    }

    fn wait_until_read(&self, updates: u64) -> io::Result<()> {
        loop {
            match self.progress.read.load(Ordering::Acquire) {
                ENDED => return Err(io::Error::other("the subscriber's connection ended")),
                events if events >= updates * EVENTS_EACH => return Ok(()),
                _ => thread::yield_now(),
            }
        }
    }
}

/// Opens the feed; returns when it is open.
pub(crate) fn open_feed(addr: SocketAddr) -> io::Result<RawConnection> {
    let mut feed = RawConnection::open(addr)?;
    send(&feed, &load::open())?;
    let mut seen = 0;
    while seen < 2 {
        feed.read_messages(|_| seen += 1)?;
    }
    Ok(feed)
}

/// A connection subscribed to the four views, their snapshots read.
pub(crate) fn subscribe_all(addr: SocketAddr) -> io::Result<RawConnection> {
    let mut subscriber = RawConnection::open(addr)?;
    for view in VIEWS {
        send(&subscriber, &load::subscribe(view))?;
    }
    send(&subscriber, &load::synchronise())?;
    let mut finished = 0;
    while finished < VIEWS.len() {
        subscriber.read_messages(|payload| {
            let message = EventMessage::decode(payload).unwrap_or_default();
            finished += usize::from(message.r#type == EventMessageType::SnapshotFinish as i32);
        })?;
    }
    Ok(subscriber)
}

pub(crate) fn send(connection: &RawConnection, message: &RequestMessage) -> io::Result<()> {
    let mut frame = Vec::new();
    put_frame(&mut frame, &message.encode_to_vec());
    connection.writer()?.write_all(&frame)
}

/// Whether a message is an Update. The hub encodes the type first: its bytes distinguish an Update from Bookmarks and Responses.
pub(crate) fn is_update(payload: &[u8]) -> bool {
    payload.starts_with(&[0x10, 0xc8, 0x01])
}

/// Reads Bookmarks until the connection ends: the hub takes an adapter that does not read for disconnected.
pub(crate) fn drain(mut feed: RawConnection) {
    while feed.read_messages(|_| {}).is_ok() {}
}
