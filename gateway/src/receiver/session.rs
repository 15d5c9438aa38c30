//! `Session`: the reading half of a connection, with tungstenite as the codec over a non-blocking socket.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use ordo_core::names::FeedNo;
use ordo_core::subscription::Caller;
use ordo_history::clock::Clock;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::boundary::Boundary;
use crate::rest::Place;
use crate::wiring::task::ConnNo;

/// The codec zeroes its read buffer on every read, so it is small: a few dozen messages fit.
const READ_BUFFER_BYTES: usize = 16 * 1024;
/// A silent connection is sent a ping after this time.
const PING_AFTER: Duration = Duration::from_secs(20);
/// A silent connection is dropped after this time.
const DROP_AFTER: Duration = Duration::from_secs(60);
/// A message that is not complete within this time ends its connection.
const MESSAGE_WITHIN: Duration = Duration::from_secs(10);
/// Control frames that a connection may send in [`CONTROLS_EVERY`].
const CONTROLS_MAX: u32 = 100;
const CONTROLS_EVERY: Duration = Duration::from_secs(1);
const CLOSE_POLICY: u16 = 1008;

/// Reads from the socket. Frames that the codec wants to write (pongs, close frames) are kept for the publisher, which
/// alone writes to sockets.
#[derive(Debug)]
struct Pipe {
    stream: TcpStream,
    to_write: Vec<u8>,
    boundary: Boundary,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.boundary.pass(&buffer[..read]);
        Ok(read)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_write.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Result of a read.
#[derive(Debug)]
pub(super) enum Received {
    Binary(bytes::Bytes),
    Text(tungstenite::Utf8Bytes),
    /// A control frame, which the codec has answered.
    Control,
    /// The answer to a ping: the peer has received everything that was sent before it.
    Pong,
    /// The socket has no more for now.
    Later,
    /// A protocol error: close with this code.
    Broken(u16),
    /// The connection has ended.
    Over,
}

/// What to do about a silent connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    Fine,
    Ping,
    Drop,
}

#[derive(Debug)]
pub(super) struct Session {
    socket: WebSocket<Pipe>,
    pub(super) conn: ConnNo,
    pub(super) caller: Caller,
    /// Given back when the connection ends.
    _place: Place,
    /// Feeds that this connection opened.
    pub(super) feeds: Vec<FeedNo>,
    pub(super) is_ready: bool,
    received_at: Instant,
    is_pinged: bool,
    /// Control frames since `controls_since`.
    controls: u32,
    controls_since: Instant,
    /// An incomplete message: the number of messages before it, and when it was first seen.
    unfinished: Option<(u64, Instant)>,
    clock: Clock,
}

impl Session {
    pub(super) fn new(
        stream: TcpStream,
        already_read: Vec<u8>,
        (conn, caller, clock, place): (ConnNo, Caller, Clock, Place),
        message_bytes_max: usize,
    ) -> Session {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let mut boundary = Boundary::default();
        boundary.pass(&already_read);
        let pipe = Pipe { stream, to_write: Vec::new(), boundary };
        let now = clock.now();
        let socket = WebSocket::from_partially_read(pipe, already_read, Role::Server, Some(config));
        Session {
            socket,
            conn,
            caller,
            _place: place,
            feeds: Vec::new(),
            is_ready: true,
            received_at: now,
            is_pinged: false,
            controls: 0,
            controls_since: now,
            unfinished: None,
            clock,
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.socket.get_mut().stream
    }

    #[inline]
    pub(super) fn read(&mut self) -> Received {
        match self.socket.read() {
            Ok(Message::Binary(bytes)) => Received::Binary(bytes),
            Ok(Message::Text(text)) => Received::Text(text),
            Ok(Message::Pong(_)) => Received::Pong,
            Ok(_) => self.control(),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.note_unfinished();
                Received::Later
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::Interrupted => Received::Control,
            Err(Error::Protocol(error)) => match error {
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
                | tungstenite::error::ProtocolError::SendAfterClosing => Received::Over,
                _ => Received::Broken(1002),
            },
            Err(Error::Utf8(_)) => Received::Broken(1007),
            Err(Error::Capacity(_)) => Received::Broken(1009),
            Err(_) => Received::Over,
        }
    }

    /// Control frames are cheap to send and have to be answered: too many in a second end the connection.
    fn control(&mut self) -> Received {
        self.controls += 1;
        if self.controls > CONTROLS_MAX {
            let now = self.clock.now();
            if now.duration_since(self.controls_since) < CONTROLS_EVERY {
                return Received::Broken(CLOSE_POLICY);
            }
            (self.controls, self.controls_since) = (1, now);
        }
        Received::Control
    }

    /// Starts the time-out of an incomplete message, once the socket has been read to its end.
    #[inline]
    fn note_unfinished(&mut self) {
        let boundary = &self.socket.get_ref().boundary;
        if !boundary.is_within() {
            self.unfinished = None;
        } else if self.unfinished.is_none_or(|(before, _)| before != boundary.messages()) {
            self.unfinished = Some((boundary.messages(), self.clock.now()));
        }
    }

    /// Whether an incomplete message has timed out. While the socket has unread bytes, the hub is the slower side.
    fn is_overdue(&self, now: Instant) -> bool {
        let is_late = |(_, since): (u64, Instant)| now.saturating_duration_since(since) >= MESSAGE_WITHIN;
        !self.is_ready && self.unfinished.is_some_and(is_late)
    }

    /// Bytes that the codec has produced for the peer since the last call.
    #[inline]
    pub(super) fn take_written(&mut self) -> Option<Vec<u8>> {
        let written = &mut self.socket.get_mut().to_write;
        (!written.is_empty()).then(|| std::mem::take(written))
    }

    pub(super) fn received(&mut self, now: Instant) {
        self.received_at = now;
        self.is_pinged = false;
    }

    pub(super) fn silence(&mut self, now: Instant) -> Silence {
        let silent = now.saturating_duration_since(self.received_at);
        if silent >= DROP_AFTER || self.is_overdue(now) {
            Silence::Drop
        } else if silent >= PING_AFTER && !self.is_pinged {
            self.is_pinged = true;
            Silence::Ping
        } else {
            Silence::Fine
        }
    }
}
