//! `Wire`: a non-blocking socket behind a send buffer of ours.
//!
//! tungstenite writes pongs and close frames by itself, in the middle of whatever the caller is sending. Through one
//! buffer, frame borders hold whoever writes, raw frames of a test included, and the buffer's size is known.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

const SOCKET: Token = Token(0);

/// See the module. `Write` never blocks and never fails for want of room: its user looks at [`Wire::queued_bytes`].
#[derive(Debug)]
pub(super) struct Wire {
    tcp: mio::net::TcpStream,
    poll: Poll,
    events: Events,
    out: Vec<u8>,
    /// How much of `out` the kernel has taken.
    sent: usize,
}

impl Wire {
    /// Connects within `timeout`.
    pub(super) fn connect(addr: SocketAddr, timeout: Duration) -> io::Result<Wire> {
        let tcp = std::net::TcpStream::connect_timeout(&addr, timeout)?;
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        let mut tcp = mio::net::TcpStream::from_std(tcp);
        let poll = Poll::new()?;
        poll.registry().register(&mut tcp, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Wire { tcp, poll, events: Events::with_capacity(4), out: Vec::new(), sent: 0 })
    }

    /// Waits until the socket may have become readable or writable, or `deadline` has passed; false if it has. May
    /// return early. Correct only after the socket said `WouldBlock`: readiness is told once.
    pub(super) fn wait_until(&mut self, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        match self.poll.poll(&mut self.events, Some(left)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            result => result.map(|()| true),
        }
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Gives the kernel what it takes now; true if nothing is left.
    pub(super) fn push(&mut self) -> io::Result<bool> {
        while self.sent < self.out.len() {
            match self.tcp.write(&self.out[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        } else if self.sent > self.out.len() / 2 {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        Ok(self.out.is_empty())
    }

    /// Adds bytes as they are, framed or not.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn shut_down(&self) -> io::Result<()> {
        self.tcp.shutdown(std::net::Shutdown::Both)
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tcp.read(into)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What is left goes with a later push; a flush that blocked would stop tungstenite from reading.
        self.push().map(|_| ())
    }
}
