//! `ControlFrames`: counts the SETTINGS and PING frames of an HTTP/2 connection, each of which costs an answer.
//!
//! The HTTP/2 implementation bounds streams, resets and headers, and answers these without end. Bytes are looked at as
//! they are read; a connection that does not begin as HTTP/2 is not looked at.

use std::time::{Duration, Instant};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW: Duration = Duration::from_secs(1);
/// In a window; clients that measure the line send some dozens.
const FRAMES_MAX: u32 = 500;

/// See the module.
#[derive(Debug)]
pub(super) struct ControlFrames {
    place: Place,
    count: u32,
    since: Option<Instant>,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Place {
    /// The preface; so many bytes of it have come.
    Preface(usize),
    /// A frame's head; so many bytes of it have come.
    Head([u8; HEAD_BYTES], usize),
    /// A frame's payload; so many bytes of it are to come.
    Payload(usize),
    /// Not HTTP/2.
    Other,
}

impl Default for ControlFrames {
    fn default() -> ControlFrames {
        ControlFrames { place: Place::Preface(0), count: 0, since: None }
    }
}

impl ControlFrames {
    /// Takes bytes as they come; whether there were too many such frames of late. `now` is asked at such frames only.
    pub(super) fn are_too_many(&mut self, mut bytes: &[u8], now: impl Fn() -> Instant) -> bool {
        while let Some((&byte, after)) = bytes.split_first() {
            match &mut self.place {
                Place::Other => return false,
                Place::Preface(at) if byte != PREFACE[*at] => self.place = Place::Other,
                Place::Preface(at) if *at + 1 == PREFACE.len() => self.place = Place::Head([0; HEAD_BYTES], 0),
                Place::Preface(at) => *at += 1,
                Place::Head(head, at) => {
                    head[*at] = byte;
                    *at += 1;
                    if *at == HEAD_BYTES {
                        let head = *head;
                        if self.takes(head, &now) {
                            return true;
                        }
                    }
                }
                Place::Payload(left) => {
                    let skipped = bytes.len().min(*left);
                    *left -= skipped;
                    bytes = &bytes[skipped..];
                    if *left == 0 {
                        self.place = Place::Head([0; HEAD_BYTES], 0);
                    }
                    continue;
                }
            }
            bytes = after;
        }
        false
    }

    /// Takes a frame's head; whether it is one too many.
    fn takes(&mut self, head: [u8; HEAD_BYTES], now: impl Fn() -> Instant) -> bool {
        let payload = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        self.place = if payload == 0 { Place::Head([0; HEAD_BYTES], 0) } else { Place::Payload(payload) };
        if !matches!(head[3], SETTINGS | PING) {
            return false;
        }
        let now = now();
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        self.count > FRAMES_MAX
    }
}

#[cfg(test)]
mod tests {
    use ordo_history::clock::Clock;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, 0, 0, 0, 0, 0]);
        frame.extend(payload);
        frame
    }

    #[test]
    fn pings_are_counted_however_the_bytes_are_cut() {
        let now = Clock::system().now();
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(SETTINGS, b""));
        bytes.extend((0..FRAMES_MAX).flat_map(|_| frame(PING, b"12345678")));
        for cut in [1, 7, 1000, usize::MAX] {
            let mut frames = ControlFrames::default();
            assert!(bytes.chunks(cut.min(bytes.len())).any(|piece| frames.are_too_many(piece, || now)), "{cut}");
        }
        let mut frames = ControlFrames::default();
        assert!(!frames.are_too_many(&bytes[..bytes.len() - 17], || now), "one fewer is borne");
    }

    #[test]
    fn what_is_no_control_frame_or_no_http_2_is_not_counted() {
        let now = Clock::system().now();
        const DATA: u8 = 0;
        let mut bytes = PREFACE.to_vec();
        bytes.extend((0..FRAMES_MAX * 2).flat_map(|_| frame(DATA, b"\0\0\x08\x06\0\0\0\0\0")));
        assert!(!ControlFrames::default().are_too_many(&bytes, || now));
        let other: Vec<u8> =
            b"PRI /".iter().copied().chain((0..FRAMES_MAX * 2).flat_map(|_| frame(PING, b""))).collect();
        assert!(!ControlFrames::default().are_too_many(&other, || now));
    }
}
