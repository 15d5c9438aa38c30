//! Bytes that somebody broke.

use crate::Random;

/// A few bytes altered, cut out, put in, or taken from elsewhere in the message.
pub fn broken(rng: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=rng.below(3) {
        let at = rng.below(out.len() + 1);
        match rng.below(6) {
            0 | 1 if at < out.len() => out[at] ^= 1 << rng.below(8),
            2 if at < out.len() => out[at] = rng.one_of(&[0x00, 0x7f, 0x80, 0xff, 0x0a, 0x0b, 0x0c]),
            3 if at < out.len() => drop(out.drain(at..(at + 1 + rng.below(4)).min(out.len()))),
            4 => drop(out.splice(at..at, [rng.next() as u8; 2])),
            _ => {
                let from = rng.below(bytes.len() + 1);
                let piece = bytes[from..(from + rng.below(12)).min(bytes.len())].to_vec();
                drop(out.splice(at..at, piece));
            }
        }
    }
    out
}
