//! A minimal WebSocket client: writes prepared frames, and reads frames without decoding their payload.
//!
//! A load generator shares the cores with the hub under test: every instruction here is taken from the hub.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Clients mask their frames; a mask of zeros leaves the payload unchanged.
const MASKED: u8 = 0x80;
const BINARY: u8 = 0x82;
const READ_BYTES: usize = 256 * 1024;

/// An upgraded connection.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl RawConnection {
    /// # Errors
    /// If the connection or the upgrade is refused.
    pub fn open(addr: SocketAddr) -> io::Result<RawConnection> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        write!(
            stream,
            "GET /streaming HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
        }
        Ok(RawConnection { stream, buffer: vec![0; READ_BYTES], start: 0, end: 0 })
    }

    /// The writing half, for another thread.
    ///
    /// # Errors
    /// If the descriptor cannot be duplicated.
    pub fn writer(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Reads at least one message, and passes the payload of every complete one to `each`; their number.
    ///
    /// # Errors
    /// As the socket's; `UnexpectedEof` if the hub closes the connection.
    pub fn read_messages(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<usize> {
        let mut count = 0;
        while count == 0 {
            if self.end == self.buffer.len() {
                self.make_room();
            }
            let read = self.stream.read(&mut self.buffer[self.end..])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.end += read;
            while let Some((head, len)) = frame(&self.buffer[self.start..self.end]) {
                let payload = self.start + head;
                each(&self.buffer[payload..payload + len]);
                self.start = payload + len;
                count += 1;
            }
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
            }
        }
        Ok(count)
    }

    fn make_room(&mut self) {
        if self.start == 0 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        } else {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

/// Lengths of head and payload of a complete frame.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, len) = match *bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= head + len).then_some((head, len))
}

/// Appends a binary client frame.
pub fn put_frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(BINARY);
    match payload.len() {
        len @ 0..=125 => out.push(MASKED | len as u8),
        len @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}
