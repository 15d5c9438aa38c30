//! Reads a journal's frames in order, on a live folder too.
//!
//! Threads: history, tools, replication; never the hot ones. It takes no lock and never makes the writer wait. Sealed
//! segments are mapped, the last one is read piece by piece.
//!
//! Invariants: what it yields is a prefix of the journal, every frame checked against the one before. On a live folder
//! it ends where the segments end: frames that only the tail has are not durable and not seen. `next` may be called
//! again after `None`, and goes on when there is more. Absent on purpose: Marks and Pads, which say nothing to a reader.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Access, Disk, DiskFile, RealDisk, read_full};
use crate::error::{BadPlace, ReadError};
use crate::frame::{BLOCK_BYTES, Chain, Check, Field, Frame, HEADER_BYTES, Parsed, lone_mark, parse, view};
use crate::mmap::ReadMap;
use crate::segment::{DATA_START, HeaderError, Identity, read_header, segment_index, segment_name};

/// How much of an open segment is read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// A place in a journal, and what was read around it.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    identity: Identity,
    segment: OpenSegment,
    offset: u64,
    chain: Chain,
    /// Frames up to here are passed over.
    skip_to: u64,
}

#[derive(Debug)]
struct OpenSegment {
    index: u64,
    key: Check,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Mapped(ReadMap),
    /// A piece of the file from `start` on.
    Piece {
        file: Arc<dyn DiskFile>,
        start: u64,
        bytes: Vec<u8>,
    },
}

/// What lies at a reader's place.
enum Found {
    Frame { from: usize, length: usize },
    Own { length: usize },
    End(Parsed),
}

impl Reader {
    /// At the first frame of a folder's journal.
    pub fn open(dir: &Path) -> Result<Self, ReadError> {
        Self::open_on(Arc::new(RealDisk::new()), dir)
    }

    /// At the first frame of the journal in a folder of some disk.
    pub fn open_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, ReadError> {
        let (segment, identity) = open_segment(&*disk, dir, 0, None)?
            .ok_or_else(|| ReadError::Segment { name: segment_name(0), why: "missing".into() })?;
        let dir = dir.to_owned();
        let mut reader = Self { disk, dir, identity, segment, offset: DATA_START, chain: Chain::START, skip_to: 0 };
        reader.map_if_sealed()?;
        Ok(reader)
    }

    /// The next frame, or `None` where the journal ends for now.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        let mut was_reread = false;
        loop {
            match self.look(was_reread)? {
                Found::Frame { from, length } => {
                    self.offset += length.next_multiple_of(8) as u64;
                    if self.chain.sequence > self.skip_to {
                        return Ok(Some(view(&self.segment.bytes.slice()[from..from + length])));
                    }
                    was_reread = false;
                }
                Found::Own { length } => {
                    self.offset += length.next_multiple_of(8) as u64;
                    was_reread = false;
                }
                Found::End(_) if self.next_segment()? => was_reread = false,
                // What was read may be older than what is there: once more, from the file.
                Found::End(_) if !was_reread => was_reread = true,
                Found::End(why) if !self.is_missing(why)? => return Ok(None),
                // The groups here and beyond may have come down while we looked: only what is still bad is.
                Found::End(_) => {
                    let chain = self.chain;
                    match self.look(true)? {
                        Found::End(why) if !self.next_segment()? => return Err(self.bad(why)),
                        Found::End(_) => {}
                        Found::Frame { .. } | Found::Own { .. } => self.chain = chain,
                    }
                    was_reread = false;
                }
            }
        }
    }

    /// Makes the frame of that sequence the next one, or the first after it.
    pub fn seek(&mut self, sequence: u64) -> Result<(), ReadError> {
        let mut low = 0;
        let mut high = last_index(&*self.disk, &self.dir)?;
        // The last segment whose first Mark stands before the sequence.
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match first_mark(&*self.disk, &self.dir, middle, self.identity)? {
                Some(before) if before.sequence < sequence => low = middle,
                _ => high = middle - 1,
            }
        }
        let chain = if low == 0 { Some(Chain::START) } else { first_mark(&*self.disk, &self.dir, low, self.identity)? };
        let found = open_segment(&*self.disk, &self.dir, low, Some(self.identity))?;
        let (Some(chain), Some((segment, _))) = (chain, found) else {
            return Err(ReadError::Segment { name: segment_name(low), why: "missing".into() });
        };
        self.segment = segment;
        // A Mark's own epoch may be newer than that of the frame before it; it is checked again from the Mark on.
        self.chain = chain;
        self.offset = DATA_START;
        self.skip_to = sequence.saturating_sub(1);
        self.map_if_sealed()
    }

    /// Sequence of the last frame that was read or passed over.
    pub fn sequence(&self) -> u64 {
        self.chain.sequence
    }

    /// Looks at the frame at the current offset; the chain moves on if it is good.
    fn look(&mut self, reread: bool) -> Result<Found, ReadError> {
        let left = self.identity.segment_bytes.saturating_sub(self.offset) as usize;
        if left < HEADER_BYTES {
            return Ok(Found::End(Parsed::Empty));
        }
        let mut want = HEADER_BYTES;
        if reread {
            self.segment.bytes.forget();
        }
        loop {
            let from = self.segment.bytes.reach(self.offset, want.min(left)).map_err(io_error(self.segment.index))?;
            let rest = &self.segment.bytes.slice()[from..];
            let Some(head) = rest.get(..4) else { return Ok(Found::End(Parsed::Bad(Field::Size))) };
            let length = u32::from_le_bytes(head.try_into().expect("invariant: four bytes")) as usize;
            // Enough for the frame and its padding, unless its length is nonsense.
            let whole = length.next_multiple_of(8);
            if whole > want && whole <= left {
                want = whole;
                continue;
            }
            let rest = &rest[..rest.len().min(left)];
            let is_cut_short = rest.len() < whole.min(left);
            return Ok(match parse(rest, &mut self.chain, &self.segment.key, self.offset) {
                Parsed::Good(kind, length) if kind.takes_sequence() => Found::Frame { from, length },
                Parsed::Good(_, length) => Found::Own { length },
                Parsed::Bad(_) if is_cut_short => Found::End(Parsed::Bad(Field::Size)),
                end => Found::End(end),
            });
        }
    }

    /// Goes on to the next segment, if that continues this one.
    fn next_segment(&mut self) -> Result<bool, ReadError> {
        let next = self.segment.index + 1;
        let Some((segment, _)) = open_segment(&*self.disk, &self.dir, next, Some(self.identity))? else {
            return Ok(false);
        };
        let mark = first_mark(&*self.disk, &self.dir, next, self.identity)?;
        if mark.is_none_or(|before| before.check != self.chain.check) {
            return Ok(false);
        }
        self.segment = segment;
        self.offset = DATA_START;
        self.map_if_sealed()?;
        Ok(true)
    }

    /// A segment is sealed when the next one is in use: nobody writes to it any more.
    fn map_if_sealed(&mut self) -> Result<(), ReadError> {
        if first_mark(&*self.disk, &self.dir, self.segment.index + 1, self.identity)?.is_none() {
            return Ok(());
        }
        if let Bytes::Piece { file, .. } = &self.segment.bytes {
            let map = file.map().map_err(io_error(self.segment.index))?;
            self.segment.bytes = Bytes::Mapped(map);
        }
        Ok(())
    }

    /// Nothing good follows: is that the end for now, or is something missing that was there?
    fn is_missing(&self, why: Parsed) -> Result<bool, ReadError> {
        Ok(matches!(why, Parsed::Unknown { .. }) || self.has_mark_beyond(why == Parsed::Empty)?)
    }

    #[cold]
    fn bad(&self, why: Parsed) -> ReadError {
        let (sequence, segment, offset) = (self.chain.sequence + 1, self.segment.index, self.offset);
        let field = match why {
            Parsed::Unknown { kind, version } => {
                return ReadError::UnknownType { sequence, segment, offset, kind, version };
            }
            Parsed::Bad(field) => field,
            Parsed::Empty | Parsed::Good(..) => Field::Length,
        };
        BadPlace { sequence, segment, offset, field }.into()
    }

    /// Whether a group lies beyond, in this segment or a later one. At an empty place, where a reader that follows the
    /// writer looks again and again, it looks ahead by one piece only; `verify` and recovery look everywhere.
    fn has_mark_beyond(&self, is_empty_here: bool) -> Result<bool, ReadError> {
        let mut piece = vec![0; PIECE_BYTES];
        for index in self.segment.index..=last_index(&*self.disk, &self.dir)? {
            let Some((segment, _)) = open_segment(&*self.disk, &self.dir, index, Some(self.identity))? else { break };
            let Bytes::Piece { file, .. } = segment.bytes else { continue };
            // The group right here may be on its way: only one after it proves that something is missing.
            let here = self.offset / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES;
            let mut at = if index == self.segment.index { here } else { DATA_START };
            while at < self.identity.segment_bytes {
                let got = read_full(&*file, &mut piece, at).map_err(io_error(index))?;
                let mut blocks = (at..).zip(0..).step_by(BLOCK_BYTES as usize).take_while(|(_, from)| *from < got);
                if blocks.any(|(at, from)| lone_mark(&piece[from..got], &segment.key, at).is_some()) {
                    return Ok(true);
                }
                if got < piece.len() || is_empty_here {
                    break;
                }
                at += got as u64;
            }
        }
        Ok(false)
    }
}

impl Bytes {
    fn slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Piece { bytes, .. } => bytes,
        }
    }

    /// What was read may be out of date.
    fn forget(&mut self) {
        if let Self::Piece { bytes, .. } = self {
            bytes.clear();
        }
    }

    /// Has the bytes from `offset` on at hand, `want` of them if there are as many; says where in `slice` they start.
    fn reach(&mut self, offset: u64, want: usize) -> std::io::Result<usize> {
        match self {
            Self::Mapped(map) => Ok((offset as usize).min(map.len())),
            Self::Piece { file, start, bytes } => {
                let end = *start + bytes.len() as u64;
                if offset < *start || offset + want as u64 > end {
                    *start = offset;
                    bytes.resize(want.max(PIECE_BYTES), 0);
                    let got = read_full(&**file, bytes, offset)?;
                    bytes.truncate(got);
                }
                Ok((offset - *start) as usize)
            }
        }
    }
}

fn io_error(index: u64) -> impl FnOnce(std::io::Error) -> ReadError {
    move |source| ReadError::Io { what: segment_name(index), source }
}

fn last_index(disk: &dyn Disk, dir: &Path) -> Result<u64, ReadError> {
    let names = disk.list(dir).map_err(|source| ReadError::Io { what: dir.display().to_string(), source })?;
    Ok(names.iter().filter_map(|name| segment_index(name)).max().unwrap_or(0))
}

/// Opens a segment if it is there, and makes sure that it is what its name says.
fn open_segment(
    disk: &dyn Disk,
    dir: &Path,
    index: u64,
    of: Option<Identity>,
) -> Result<Option<(OpenSegment, Identity)>, ReadError> {
    let file = match disk.open(&dir.join(segment_name(index)), Access::Read) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io_error(index))?,
    };
    let refuse = |why: String| ReadError::Segment { name: segment_name(index), why };
    let header = read_header(&*file).map_err(|error| match error {
        HeaderError::Io(source) => io_error(index)(source),
        HeaderError::Bad(why) => refuse(why),
    })?;
    if header.index != index || of.is_some_and(|identity| identity != header.identity) {
        return Err(refuse("not the segment its name says, or another journal's".into()));
    }
    let bytes = Bytes::Piece { file, start: 0, bytes: Vec::new() };
    Ok(Some((OpenSegment { index, key: header.key, bytes }, header.identity)))
}

/// Where the chain stood before a segment's first frame, once there is one.
fn first_mark(disk: &dyn Disk, dir: &Path, index: u64, identity: Identity) -> Result<Option<Chain>, ReadError> {
    let Some((segment, _)) = open_segment(disk, dir, index, Some(identity))? else { return Ok(None) };
    let Bytes::Piece { file, .. } = segment.bytes else { return Ok(None) };
    crate::scan::first_mark(&*file, &segment.key).map_err(io_error(index))
}

#[cfg(test)]
mod tests;
