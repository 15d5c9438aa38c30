//! Updates per second over one feed connection, with all four events of each published to a subscriber.
//!
//! One thread writes frames as fast as the hub takes them, one reads the subscriber's connection and counts. The clock
//! runs from the first byte written to the last event read.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ordo_core::proto::{EventMessage, EventMessageType, RequestMessage};
use ordo_gateway::hub::{Config, Durability, Hub};
use prost::Message;

use crate::load::{self, Frames, VIEWS};
use crate::raw::{RawConnection, put_frame};

/// Updates of a write: what a busy adapter's socket buffer takes at once.
const WRITE_UPDATES: usize = 128;
/// Updates sent whose events have not been read: less than a subscriber's queue in the hub holds, so that the reader
/// (which shares the machine with the hub) is not closed for being slow.
const IN_FLIGHT_MAX: u64 = 4_096;

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub struct Ingest {
    pub updates: u64,
    pub events: u64,
    pub elapsed: Duration,
}

impl Ingest {
    pub fn updates_per_second(&self) -> f64 {
        self.updates as f64 / self.elapsed.as_secs_f64()
    }
}

/// Starts a hub on a fresh folder and drives `updates` trades through it, after a tenth as many to warm it.
///
/// # Errors
/// If the hub does not start or a connection fails.
pub fn run(durability: Durability, updates: u64) -> io::Result<Ingest> {
    let folder = tempfile::tempdir()?;
    run_in(folder.path(), durability, updates)
}

/// The same on a folder that stays.
///
/// # Errors
/// As [`run`].
pub fn run_in(folder: &std::path::Path, durability: Durability, updates: u64) -> io::Result<Ingest> {
    let mut config = Config::new(folder);
    config.dev = true;
    config.durability = durability;
    let hub = Hub::start(config).map_err(io::Error::other)?;
    let result = drive(hub.addr(), updates);
    hub.stop().map_err(io::Error::other)?;
    result
}

/// Drives a hub that runs already, on a feed that has no position yet.
///
/// # Errors
/// If a connection fails.
pub fn drive(addr: SocketAddr, updates: u64) -> io::Result<Ingest> {
    let warm = updates / 10;
    let mut subscriber = subscribe_all(addr)?;
    let feed = open_feed(addr)?;
    let mut writer = feed.writer()?;
    let drain = thread::spawn(move || drain(feed));
    let (first, second) = (Frames::trades(1..warm + 1), Frames::trades(warm + 1..warm + updates + 1));
    let read = Arc::new(AtomicU64::new(0));
    let counted = read.clone();
    let reading = thread::spawn(move || count_events(&mut subscriber, (warm + updates) * EVENTS_EACH, &counted));
    write_paced(&mut writer, &first, 0, &read)?;
    while read.load(Ordering::Relaxed) < warm * EVENTS_EACH {
        thread::yield_now();
    }
    let start = Instant::now();
    write_paced(&mut writer, &second, warm, &read)?;
    let end = reading.join().map_err(|_| io::Error::other("the reader panicked"))??;
    let elapsed = end.duration_since(start);
    writer.shutdown(std::net::Shutdown::Both)?;
    let _ = drain.join();
    Ok(Ingest { updates, events: updates * EVENTS_EACH, elapsed })
}

const EVENTS_EACH: u64 = VIEWS.len() as u64;

/// Writes all frames, never too many ahead of the reader.
fn write_paced(writer: &mut TcpStream, frames: &Frames, before: u64, read: &AtomicU64) -> io::Result<()> {
    let mut start = 0;
    for (chunk, sent) in frames.ends.chunks(WRITE_UPDATES).zip((before..).step_by(WRITE_UPDATES)) {
        while sent > read.load(Ordering::Relaxed) / EVENTS_EACH + IN_FLIGHT_MAX {
            thread::yield_now();
        }
        let end = chunk[chunk.len() - 1];
        writer.write_all(&frames.bytes[start..end])?;
        start = end;
    }
    Ok(())
}

/// Opens the feed and waits until it is.
pub(crate) fn open_feed(addr: SocketAddr) -> io::Result<RawConnection> {
    let mut feed = RawConnection::open(addr)?;
    send(&feed, &load::open())?;
    let mut seen = 0;
    while seen < 2 {
        feed.read_messages(|_| seen += 1)?;
    }
    Ok(feed)
}

/// A connection subscribed to the four views, with their snapshots read.
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

/// Reads until `wanted` Update messages have come; when the last one had.
fn count_events(subscriber: &mut RawConnection, wanted: u64, read: &AtomicU64) -> io::Result<Instant> {
    let mut events = 0;
    while events < wanted {
        subscriber.read_messages(|payload| events += u64::from(is_update(payload)))?;
        read.store(events, Ordering::Relaxed);
    }
    Ok(Instant::now())
}

/// Type is the first field the hub writes: Bookmarks and Responses are told by their second bytes.
pub(crate) fn is_update(payload: &[u8]) -> bool {
    payload.starts_with(&[0x10, 0xc8, 0x01])
}

/// An adapter must read its Bookmarks, or the hub takes it for gone.
pub(crate) fn drain(mut feed: RawConnection) {
    while feed.read_messages(|_| {}).is_ok() {}
}
