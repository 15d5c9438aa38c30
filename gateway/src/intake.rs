//! What reaches the receiver other than through its sockets: new connections. A bounded queue, so that no thread
//! outside ever holds a claimed slot of the ring.

use std::net::TcpStream;

use crossbeam_channel::{Receiver, Sender, bounded};

/// An upgraded connection, handed over by the HTTP side.
#[derive(Debug)]
pub(crate) struct NewConnection {
    pub(crate) stream: TcpStream,
    /// What was read from the socket behind the upgrade request.
    pub(crate) already_read: Vec<u8>,
    /// Short enum names in JSON.
    pub(crate) compact: bool,
}

/// Connections waiting for the receiver. Full: the upgrade is refused with 503.
const CONNECTIONS_WAITING_MAX: usize = 256;

pub(crate) fn intake() -> (Sender<NewConnection>, Receiver<NewConnection>) {
    bounded(CONNECTIONS_WAITING_MAX)
}
