//! Reads segments frame by frame, for recovery and `verify`: what is good, where it ends, and what lies beyond.
//!
//! Absent on purpose: judgement. Whether an end is a torn tail or corruption is decided where it is acted on.

use std::io;

use crate::disk::{DiskFile, read_full};
use crate::frame::{BLOCK_BYTES, Chain, Check, Frame, Kind, Parsed, lone_mark, parse, view};
use crate::segment::DATA_START;

/// A segment's bytes in memory, zeros where the file is too short.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of it that the file had; never more than a segment's.
    pub(crate) file_bytes: u64,
    /// The file has bytes beyond a segment's size, which are not looked at.
    pub(crate) is_long: bool,
}

impl Image {
    /// Into memory that an image before it has done with, or none: fresh memory takes as long as reading.
    pub(crate) fn read(file: &dyn DiskFile, segment_bytes: u64, mut bytes: Vec<u8>) -> io::Result<Self> {
        bytes.resize(segment_bytes as usize, 0);
        let read = read_full(file, &mut bytes, 0);
        let file_bytes = read.map_err(|error| name_the_range(file, segment_bytes, error))?;
        bytes[file_bytes..].fill(0);
        let is_long = file.len()? > segment_bytes;
        Ok(Self { bytes, file_bytes: file_bytes as u64, is_long })
    }

    /// Walks good frames from `offset` on; returns where and why it ended. The chain moves along.
    pub(crate) fn walk(
        &self,
        mut offset: u64,
        chain: &mut Chain,
        key: &Check,
        visit: &mut dyn FnMut(u64, &Frame<'_>),
    ) -> (u64, Parsed) {
        loop {
            let rest = &self.bytes[offset as usize..];
            match parse(rest, chain, key, offset) {
                Parsed::Good(_, length) => {
                    visit(offset, &view(rest));
                    offset += length.next_multiple_of(8) as u64;
                }
                end => return (offset, end),
            }
        }
    }

    /// Whether a Mark that proves itself lies at or after `offset`: everything before it was durable.
    pub(crate) fn has_mark_from(&self, offset: u64, key: &Check) -> bool {
        let first = offset.next_multiple_of(BLOCK_BYTES).max(DATA_START);
        (first..self.bytes.len() as u64)
            .step_by(BLOCK_BYTES as usize)
            .any(|at| lone_mark(&self.bytes[at as usize..], key, at).is_some())
    }

    /// Whether anything is written at or after `offset`, or the file too short to be written there.
    pub(crate) fn is_dirty_from(&self, offset: u64) -> bool {
        self.is_short() || self.dirt_from(offset).is_some()
    }

    /// The first byte at or after `offset` that is not zero.
    pub(crate) fn dirt_from(&self, offset: u64) -> Option<u64> {
        let rest = &self.bytes[offset as usize..];
        // By blocks first: most of a segment's unused room is compared sixteen bytes at a time.
        let blocks = rest.chunks(BLOCK_BYTES as usize).take_while(|block| is_zero(block)).count();
        let from = (blocks * BLOCK_BYTES as usize).min(rest.len());
        rest[from..].iter().position(|byte| *byte != 0).map(|at| offset + (from + at) as u64)
    }

    pub(crate) fn is_short(&self) -> bool {
        self.file_bytes < self.bytes.len() as u64
    }
}

/// Looks block by block for the bytes that cannot be read, and names them: that range is to be restored from a copy.
#[cold]
fn name_the_range(file: &dyn DiskFile, segment_bytes: u64, error: io::Error) -> io::Error {
    let mut block = vec![0; BLOCK_BYTES as usize];
    let mut is_bad = |at: &u64| read_full(file, &mut block, *at).is_err();
    let mut blocks = (0..segment_bytes).step_by(BLOCK_BYTES as usize);
    let Some(from) = blocks.find(&mut is_bad) else { return error };
    let to = blocks.find(|at| !is_bad(at)).unwrap_or(segment_bytes);
    io::Error::new(error.kind(), format!("bytes {from} to {to} cannot be read: {error}"))
}

fn is_zero(bytes: &[u8]) -> bool {
    let (wide, rest) = bytes.as_chunks::<16>();
    wide.iter().all(|chunk| u128::from_ne_bytes(*chunk) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Where the chain stood before a segment's first frame, once there is one.
pub(crate) fn first_mark(file: &dyn DiskFile, key: &Check) -> io::Result<Option<Chain>> {
    let mut block = vec![0; BLOCK_BYTES as usize];
    read_full(file, &mut block, DATA_START)?;
    Ok(lone_mark(&block, key, DATA_START).map(|(before, _)| before))
}

/// Whether a segment's first frame continues the chain.
pub(crate) fn continues(file: &dyn DiskFile, key: &Check, chain: &Chain) -> io::Result<bool> {
    Ok(first_mark(file, key)?.is_some_and(|before| before.check == chain.check))
}

/// Whether the last frame other than a Pad was a Mark: nothing is there that no Mark speaks of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastKind(Kind);

impl LastKind {
    pub(crate) const NONE: Self = Self(Kind::Mark);

    pub(crate) fn see(&mut self, kind: Kind) {
        if kind != Kind::Pad {
            self.0 = kind;
        }
    }

    pub(crate) fn is_mark(self) -> bool {
        self.0 == Kind::Mark
    }
}
