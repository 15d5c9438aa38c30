//! `Ingress`: what reaches the receiver from REST: new connections and writes. Queues are bounded, so that no other
//! thread ever holds a claimed slot of the ring.

use std::net::TcpStream;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use ordo_core::subscription::Caller;

use super::task::Writer;
use super::ticket::Ticket;
use crate::rest::Place;

/// An upgraded connection, handed over by REST.
#[derive(Debug)]
pub(crate) struct NewConnection {
    pub(crate) stream: TcpStream,
    /// Bytes that were read from the socket behind the upgrade request.
    pub(crate) already_read: Vec<u8>,
    /// JSON with short enum names.
    pub(crate) compact: bool,
    /// Who upgraded it; every message on it is from this caller.
    pub(crate) caller: Caller,
    /// Its place among the connections, kept until it ends.
    pub(crate) place: Place,
}

/// A REST write, to be recorded in `oms`.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) body: Body,
    pub(crate) writer: Writer,
    pub(crate) ticket: Arc<Ticket>,
}

/// Content of a write.
#[derive(Debug)]
pub(crate) enum Body {
    /// An encoded FeedRequest that the flat decoder reads.
    Update(Vec<u8>),
    /// Updates of which all are applied or none: the encoded `Batch`, and each member's FeedRequest.
    Batch { frame: Vec<u8>, members: Vec<Vec<u8>> },
}

/// Connections waiting for the receiver. Full: the upgrade is refused with 503.
const CONNECTIONS_WAITING_MAX: usize = 256;
/// Writes waiting for the receiver. Full: the client waits for a limited time, then gets 503.
const WRITES_WAITING_MAX: usize = 1024;

/// REST's end.
#[derive(Debug, Clone)]
pub(crate) struct IngressSender {
    pub(crate) connections: Sender<NewConnection>,
    pub(crate) writes: Sender<Write>,
}

/// The receiver's end.
#[derive(Debug)]
pub(crate) struct IngressReceiver {
    pub(crate) connections: Receiver<NewConnection>,
    pub(crate) writes: Receiver<Write>,
}

pub(crate) fn ingress() -> (IngressSender, IngressReceiver) {
    let (to_connections, connections) = bounded(CONNECTIONS_WAITING_MAX);
    let (to_writes, writes) = bounded(WRITES_WAITING_MAX);
    (IngressSender { connections: to_connections, writes: to_writes }, IngressReceiver { connections, writes })
}
