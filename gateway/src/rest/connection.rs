//! Control over the connection of an answer: cutting it, and limiting what the kernel buffers.

use std::net::TcpStream;
use std::sync::Arc;

use socket2::SockRef;
use tokio::sync::Notify;

/// Bytes that the kernel buffers for a client beyond those in flight: a client that stops reading is noticed early.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// Cuts a connection, whatever is in flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Cutter(Arc<Notify>);

impl Cutter {
    pub(super) fn cut(&self) {
        self.0.notify_one();
    }

    /// Waits until the connection is to be cut.
    pub(super) async fn wanted(&self) {
        self.0.notified().await;
    }
}

pub(super) fn hold_little_back(stream: &tokio::net::TcpStream) {
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
        tracing::debug!(%error, "the send buffer of a connection cannot be limited");
    }
}

/// Restores the system's limit, for a connection that leaves HTTP.
pub(super) fn hold_back_as_usual(stream: &TcpStream) {
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(0) {
        tracing::debug!(%error, "the limit of a send buffer cannot be lifted");
    }
}
