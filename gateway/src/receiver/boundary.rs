//! `Boundary`: whether the bytes read so far end within a message. The codec does not show that, and a message that is
//! never completed has to time out.
//!
//! Hot path: it reads the header of each frame and nothing else. Malformed frames are for the codec to refuse.

/// The longest frame header: two bytes, a length of eight, a mask of four.
const HEAD_BYTES_MAX: usize = 14;
const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    head: [u8; HEAD_BYTES_MAX],
    head_len: usize,
    payload_left: u64,
    /// Between the fragments of a message.
    is_fragmented: bool,
    messages: u64,
}

impl Boundary {
    /// Takes in bytes that were read from the socket.
    #[inline]
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let passed = self.payload_left.min(bytes.len() as u64);
                self.payload_left -= passed;
                bytes = &bytes[passed as usize..];
                if self.payload_left == 0 {
                    self.end_frame();
                }
                continue;
            }
            self.head[self.head_len] = bytes[0];
            self.head_len += 1;
            bytes = &bytes[1..];
            if let Some(payload) = self.payload() {
                self.payload_left = payload;
                if payload == 0 {
                    self.end_frame();
                }
            }
        }
    }

    /// Whether a message has begun and is not complete.
    #[inline]
    pub(super) fn is_within(&self) -> bool {
        self.head_len > 0 || self.is_fragmented
    }

    /// Number of complete messages.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Length of the payload, once the header is complete.
    #[inline]
    fn payload(&self) -> Option<u64> {
        let second = *self.head[..self.head_len].get(1)?;
        let length_bytes = match second & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & MASKED == 0 { 0 } else { 4 };
        if self.head_len < 2 + length_bytes + mask_bytes {
            return None;
        }
        let long = self.head[2..2 + length_bytes].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        Some(if length_bytes == 0 { u64::from(second & !MASKED) } else { long })
    }

    #[inline]
    fn end_frame(&mut self) {
        let first = self.head[0];
        self.head_len = 0;
        if first & CONTROL == 0 {
            self.is_fragmented = first & FIN == 0;
            self.messages += u64::from(!self.is_fragmented);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { MASKED } else { 0 };
        let mut bytes = vec![first];
        match payload {
            0..=125 => bytes.push(mask | payload as u8),
            126..=0xffff => {
                bytes.push(mask | 126);
                bytes.extend((payload as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend(vec![0xff; payload + if is_masked { 4 } else { 0 }]);
        bytes
    }

    #[test]
    fn it_is_within_a_message_from_its_first_byte_to_its_last_however_it_is_cut() {
        for payload in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            for is_masked in [false, true] {
                let one = frame(FIN | 2, payload, is_masked);
                let all = [one.clone(), one.clone()].concat();
                for cut in [1, 2, 3, 5, 9, 13, 14, 15, one.len() - 1, one.len(), one.len() + 1] {
                    let cut = cut.min(all.len() - 1);
                    let mut boundary = Boundary::default();
                    boundary.pass(&all[..cut]);
                    assert_eq!(boundary.messages(), (cut / one.len()) as u64, "{payload} {is_masked} {cut}");
                    assert_eq!(boundary.is_within(), cut % one.len() != 0, "{payload} {is_masked} {cut}");
                    boundary.pass(&all[cut..]);
                    assert_eq!((boundary.messages(), boundary.is_within()), (2, false), "{payload} {is_masked} {cut}");
                }
            }
        }
    }

    #[test]
    fn a_fragmented_message_ends_with_its_last_fragment_and_pings_between_do_not_end_it() {
        let mut boundary = Boundary::default();
        boundary.pass(&frame(2, 7, true));
        assert!(boundary.is_within());
        boundary.pass(&frame(FIN | 9, 3, true));
        boundary.pass(&frame(0, 7, true));
        assert_eq!((boundary.messages(), boundary.is_within()), (0, true));
        boundary.pass(&frame(FIN, 0, true));
        assert_eq!((boundary.messages(), boundary.is_within()), (1, false));
    }
}
