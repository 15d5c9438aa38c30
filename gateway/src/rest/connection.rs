//! What a connection is to those who answer on it: it can be cut, and it holds no more back than it must.

use std::net::TcpStream;
use std::sync::Arc;

use socket2::SockRef;
use tokio::sync::Notify;

/// So much that a client has not taken yet waits in the kernel, beside what is on its way: that it takes something is
/// then seen soon, not after some megabytes.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// Cuts a connection, whatever is on its way there.
#[derive(Debug, Clone, Default)]
pub(super) struct Cutter(Arc<Notify>);

impl Cutter {
    pub(super) fn cut(&self) {
        self.0.notify_one();
    }

    /// Until it is to be cut.
    pub(super) async fn wanted(&self) {
        self.0.notified().await;
    }
}

pub(super) fn hold_little_back(stream: &tokio::net::TcpStream) {
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
        tracing::debug!(%error, "a connection holds back what it likes");
    }
}

/// As the system has it: for a connection that goes its own way.
pub(super) fn hold_back_as_usual(stream: &TcpStream) {
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(0) {
        tracing::debug!(%error, "a connection holds back little");
    }
}
