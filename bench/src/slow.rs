//! Ingest with fifty subscribers of which one reads nothing, over ingest with fifty that read.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use ordo_core::proto::{EventMessage, EventMessageType, SubscriptionTarget};
use ordo_gateway::hub::{Config, Durability, Hub};
use prost::Message;

use crate::ingest::{self, Ingest, drain, send};
use crate::load::{self, VIEWS};
use crate::raw::RawConnection;

/// Subscribers beside the one whose events end the measurement.
const SUBSCRIBERS: usize = 50;

/// Both rates of one pair of runs.
#[derive(Debug, Clone, Copy)]
pub struct Slow {
    pub all_read: Ingest,
    pub one_does_not: Ingest,
}

impl Slow {
    /// 1: the subscriber that does not read costs nothing.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.one_does_not.updates_per_second() / self.all_read.updates_per_second()
    }
}

/// Runs ingest twice for `length`, each time on a fresh hub.
///
/// # Errors
/// If a hub does not start or a connection fails.
pub fn run(durability: Durability, length: Duration) -> io::Result<Slow> {
    Ok(Slow { all_read: among(durability, length, false)?, one_does_not: among(durability, length, true)? })
}

fn among(durability: Durability, length: Duration, has_slow: bool) -> io::Result<Ingest> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::new(folder.path());
    config.dev = true;
    config.durability = durability;
    let hub = Hub::start(config).map_err(io::Error::other)?;
    let readers = SUBSCRIBERS - usize::from(has_slow);
    for account in 0..readers {
        let reader = of_one_account(hub.addr(), account)?;
        thread::spawn(move || drain(reader));
    }
    // Subscribed to everything and never read again; the connection stays open until the end.
    let slow = has_slow.then(|| ingest::subscribe_all(hub.addr())).transpose()?;
    let result = ingest::drive(hub.addr(), length);
    drop(slow);
    hub.stop().map_err(io::Error::other)?;
    result
}

/// A subscriber to one of the load's fifty accounts: fifty of them read as many events as one that reads all.
fn of_one_account(addr: SocketAddr, account: usize) -> io::Result<RawConnection> {
    let mut reader = RawConnection::open(addr)?;
    for view in VIEWS {
        send(&reader, &load::subscribe_to(view, of_account(account)))?;
    }
    let mut finished = 0;
    while finished < VIEWS.len() {
        reader.read_messages(|payload| {
            let message = EventMessage::decode(payload).unwrap_or_default();
            finished += usize::from(message.r#type == EventMessageType::SnapshotFinish as i32);
        })?;
    }
    Ok(reader)
}

fn of_account(account: usize) -> Vec<SubscriptionTarget> {
    vec![SubscriptionTarget { name: "Account".into(), values: vec![format!("BENCH/{account:04}")] }]
}
