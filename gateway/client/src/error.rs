//! Why a client's call failed, and how a connection ended.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code; none if the connection dropped without a close frame, or the frame had none.
    pub code: Option<u16>,
    pub reason: String,
}

impl Closed {
    /// Dropped: no close frame came.
    pub(super) fn dropped(reason: impl Into<String>) -> Closed {
        Closed { code: None, reason: reason.into() }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "closed with code {code}")?,
            None => write!(f, "dropped")?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

/// Why a client's call failed.
#[derive(Debug, Error)]
pub enum ClientError {
    #[error("connecting to {addr}: {source}; is a hub listening there?")]
    Connect { addr: SocketAddr, source: io::Error },
    /// The upgrade was answered with something else than a WebSocket.
    #[error("the hub refused the connection: HTTP {status} {body}")]
    Refused { status: u16, body: String },
    /// The connection has ended; what was queued may or may not have arrived.
    #[error("the connection is gone: {0}")]
    Closed(Closed),
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("the hub broke the WebSocket protocol: {0}")]
    Protocol(String),
    /// A frame that holds no EventMessage, or an answer that holds no such record.
    #[error("the hub sent what cannot be read: {0}")]
    Unreadable(String),
    #[error("no {what} within {} ms", after.as_millis())]
    TimedOut { what: &'static str, after: Duration },
    /// A request that the hub answered with error codes.
    #[error("refused: {}", errors.join(", "))]
    Answered { errors: Vec<String> },
    /// An adapter's positions have to increase.
    #[error("position {position} is not above {last}, the last one submitted")]
    Position { position: i64, last: i64 },
    /// The hub has less than this client knows to be durable: it is not the hub, or not the data, that it was.
    #[error("the hub resumes feed {feed} at {resumed}, but said before that {bookmark} was durable")]
    Lost { feed: String, resumed: i64, bookmark: i64 },
    /// The client was told to keep more than it may.
    #[error("the buffer of {what} is full")]
    Full { what: &'static str },
    /// Another connection supplies the feed, or the hub cannot take more.
    #[error("the feed is suspended")]
    Suspended,
    /// Events that came twice, or in the wrong order: a fault of the hub.
    #[error("{sequence}: position {position} came after {last}")]
    OutOfOrder { sequence: String, position: i64, last: i64 },
}

impl ClientError {
    /// How the connection ended, if that is what the error says.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match self {
            ClientError::Closed(closed) => Some(closed),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, ClientError::TimedOut { .. })
    }
}
