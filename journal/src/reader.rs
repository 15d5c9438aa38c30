//! Reads a journal's frames in order, on a live folder too.
//!
//! Threads: history, tools, replication; never the hot ones. It takes no lock and never makes the writer wait. Sealed
//! segments are mapped, the last one is read piece by piece.
//!
//! Invariants: what it yields is a prefix of the journal, every frame checked against the one before. On a live folder
//! it ends where the segments end: frames that only the tail has are not durable and not seen. `next` may be called
//! again after `None`, and goes on when there is more. Absent on purpose: Marks and Pads, which say nothing to a reader.

use std::path::Path;
use std::sync::Arc;

use crate::begin::{Extent, list, open_folder};
use crate::disk::{Disk, DiskFile, Folder, RealDisk, read_full};
use crate::error::{BadPlace, ReadError};
use crate::frame::{BLOCK_BYTES, Chain, Check, Field, Frame, HEADER_BYTES, Parsed, lone_mark, parse, view};
use crate::mmap::ReadMap;
use crate::seek::{mark_before, segment_before};
use crate::segment::{DATA_START, Identity, open_segment, segment_index, segment_name};

/// Bytes of an open segment that are read at a time.
const PIECE_BYTES: usize = 256 << 10;
/// The oldest segment may be archived between the look at the folder and the opening of it; not this many times in a row.
const OPEN_TRIES: u32 = 8;

/// A place in a journal, and what was read around it.
#[derive(Debug)]
pub struct Reader {
    folder: Arc<dyn Folder>,
    identity: Identity,
    segment: OpenSegment,
    offset: u64,
    chain: Chain,
    /// Frames up to this sequence are passed over, and those before this time.
    skip_to: u64,
    skip_before_ns: u64,
    /// Bytes that are read at a time.
    piece_bytes: usize,
}

#[derive(Debug)]
struct OpenSegment {
    index: u64,
    key: Check,
    file: Arc<dyn DiskFile>,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    Mapped(ReadMap),
    /// A piece of the file from `start` on.
    Piece {
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
    /// At the first frame that a folder's journal has; see `begins_after`.
    pub fn open(dir: &Path) -> Result<Self, ReadError> {
        Self::open_on(Arc::new(RealDisk::new()), dir)
    }

    /// At the first frame of the journal in a folder of some disk.
    pub fn open_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, ReadError> {
        Self::open_in(open_folder(&*disk, dir)?)
    }

    /// At the first frame of the journal in an open folder.
    pub fn open_in(folder: Arc<dyn Folder>) -> Result<Self, ReadError> {
        let mut tries = 0;
        loop {
            let extent = Extent::of(&*folder)?.ok_or_else(|| missing(0))?;
            let first = extent.indices.start;
            let (offset, chain, identity) = (DATA_START, extent.before, extent.identity);
            if let Some(segment) = OpenSegment::open(&*folder, first, identity)? {
                let (skip_to, skip_before_ns, piece_bytes) = (0, 0, PIECE_BYTES);
                let mut reader =
                    Self { folder, identity, segment, offset, chain, skip_to, skip_before_ns, piece_bytes };
                reader.map_if_sealed()?;
                return Ok(reader);
            }
            // Archived since we looked.
            tries += 1;
            if tries == OPEN_TRIES {
                return Err(missing(first));
            }
        }
    }

    /// Sequence of the last frame that was archived: the journal has those after it. 0 if it is whole.
    pub fn begins_after(&self) -> Result<u64, ReadError> {
        Ok(self.extent()?.before.sequence)
    }

    /// The next frame, or `None` where the journal ends for now.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        let mut was_reread = false;
        loop {
            match self.look(was_reread)? {
                Found::Frame { from, length } => {
                    self.offset += length.next_multiple_of(8) as u64;
                    if self.chain.sequence > self.skip_to && self.chain.time_ns >= self.skip_before_ns {
                        self.skip_before_ns = 0;
                        return Ok(Some(view(&self.segment.bytes.slice()[from..from + length])));
                    }
                    was_reread = false;
                }
                Found::Own { length } => {
                    self.offset += length.next_multiple_of(8) as u64;
                    was_reread = false;
                }
                Found::End(_) if self.next_segment()? => was_reread = false,
                // The bytes in memory may be older than the file: once more, from the file.
                Found::End(_) if !was_reread => was_reread = true,
                Found::End(why) if !self.is_missing(why)? => return Ok(None),
                // The groups here and beyond may have been written meanwhile: bad is only a place that still is.
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
        let extent = self.extent()?;
        if extent.before.sequence > 0 && sequence <= extent.before.sequence {
            return Err(ReadError::Archived { archived: extent.before.sequence });
        }
        self.place(&extent, &|before| before.sequence < sequence)?;
        self.skip_to = sequence.saturating_sub(1);
        Ok(())
    }

    /// Makes the first frame of that time or later the next one. Times are the caller's: it finds the first where they
    /// never go back.
    pub fn seek_time(&mut self, time_ns: u64) -> Result<(), ReadError> {
        let extent = self.extent()?;
        if extent.before.sequence > 0 && time_ns <= extent.before.time_ns {
            return Err(ReadError::Archived { archived: extent.before.sequence });
        }
        self.place(&extent, &|before| before.time_ns < time_ns)?;
        self.skip_before_ns = time_ns;
        Ok(())
    }

    /// Goes to the last Mark that is found for which `is_before` holds of the chain before it.
    fn place(&mut self, extent: &Extent, is_before: &dyn Fn(&Chain) -> bool) -> Result<(), ReadError> {
        let (index, before) = segment_before(&*self.folder, extent, is_before)?;
        self.enter(index, before)?;
        let (file, key) = (&*self.segment.file, &self.segment.key);
        let mark = mark_before(file, key, self.identity.segment_bytes, is_before).map_err(io_error(index))?;
        // A Mark's own epoch may be newer than that of the frame before it; it is checked again from the Mark on.
        (self.offset, self.chain) = mark.unwrap_or((DATA_START, before));
        self.map_if_sealed()
    }

    /// Goes to the start of a segment, before which the chain stands there; nothing is passed over.
    fn enter(&mut self, index: u64, before: Chain) -> Result<(), ReadError> {
        let segment = OpenSegment::open(&*self.folder, index, self.identity)?;
        self.segment = segment.ok_or_else(|| missing(index))?;
        (self.offset, self.chain) = (DATA_START, before);
        (self.skip_to, self.skip_before_ns) = (0, 0);
        Ok(())
    }

    /// Reads that many bytes at a time: fewer for looks at single places.
    pub(crate) fn in_pieces_of(self, piece_bytes: usize) -> Self {
        Self { piece_bytes, ..self }
    }

    /// Sequence and time of the first frame in a segment. Moves the reader.
    pub(crate) fn first_in(&mut self, index: u64, before: Chain) -> Result<Option<(u64, u64)>, ReadError> {
        self.enter(index, before)?;
        let first = self.next()?.map(|frame| (frame.sequence, frame.time_ns));
        Ok(first.filter(|_| self.segment.index == index))
    }

    /// Sequence and time of the last frame in a segment. Moves the reader.
    pub(crate) fn last_in(&mut self, index: u64, before: Chain) -> Result<Option<(u64, u64)>, ReadError> {
        self.enter(index, before)?;
        let (file, key) = (&*self.segment.file, &self.segment.key);
        let mark = mark_before(file, key, self.identity.segment_bytes, &|_| true).map_err(io_error(index))?;
        (self.offset, self.chain) = mark.unwrap_or((DATA_START, before));
        let mut last = (self.chain.sequence > before.sequence).then_some((self.chain.sequence, self.chain.time_ns));
        while let Some(frame) = self.next()? {
            let at = (frame.sequence, frame.time_ns);
            if self.segment.index != index {
                break;
            }
            last = Some(at);
        }
        Ok(last)
    }

    fn extent(&self) -> Result<Extent, ReadError> {
        let extent = Extent::of(&*self.folder)?.ok_or_else(|| missing(0))?;
        if extent.identity != self.identity {
            return Err(ReadError::Segment {
                name: segment_name(extent.indices.start),
                why: "it belongs to another journal".into(),
            });
        }
        Ok(extent)
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
            let from = self
                .segment
                .reach(self.offset, want.min(left), self.piece_bytes)
                .map_err(io_error(self.segment.index))?;
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
        let Some(segment) = OpenSegment::open(&*self.folder, next, self.identity)? else { return Ok(false) };
        if segment.first_mark()?.is_none_or(|before| before.check != self.chain.check) {
            return Ok(false);
        }
        self.segment = segment;
        self.offset = DATA_START;
        self.map_if_sealed()?;
        Ok(true)
    }

    /// A segment is sealed when the next one is in use: it is no longer written.
    fn map_if_sealed(&mut self) -> Result<(), ReadError> {
        let next = OpenSegment::open(&*self.folder, self.segment.index + 1, self.identity)?;
        if next.map(|next| next.first_mark()).transpose()?.flatten().is_some() {
            let map = self.segment.file.map().map_err(io_error(self.segment.index))?;
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
        for index in self.segment.index..=last_index(&*self.folder)? {
            let segment = OpenSegment::open(&*self.folder, index, self.identity)?;
            // Archived under a reader that was not done with it, or lost.
            let segment = segment.ok_or_else(|| missing(index))?;
            // The group right here may be on its way: only one after it proves that something is missing.
            let here = self.offset / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES;
            let mut at = if index == self.segment.index { here } else { DATA_START };
            while at < self.identity.segment_bytes {
                let got = read_full(&*segment.file, &mut piece, at).map_err(io_error(index))?;
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

impl OpenSegment {
    fn open(folder: &dyn Folder, index: u64, of: Identity) -> Result<Option<Self>, ReadError> {
        let opened = open_segment(folder, index, Some(of))?;
        let bytes = Bytes::Piece { start: 0, bytes: Vec::new() };
        Ok(opened.map(|(segment, _)| Self { index, key: segment.key, file: segment.file, bytes }))
    }

    /// Where the chain stood before its first frame, once there is one.
    fn first_mark(&self) -> Result<Option<Chain>, ReadError> {
        crate::scan::first_mark(&*self.file, &self.key).map_err(io_error(self.index))
    }

    /// Loads the bytes from `offset` on, `want` of them if the file has that many; returns where in `slice` they start.
    fn reach(&mut self, offset: u64, want: usize, piece_bytes: usize) -> std::io::Result<usize> {
        match &mut self.bytes {
            Bytes::Mapped(map) => Ok((offset as usize).min(map.len())),
            Bytes::Piece { start, bytes } => {
                let end = *start + bytes.len() as u64;
                if offset < *start || offset + want as u64 > end {
                    *start = offset;
                    bytes.resize(want.max(piece_bytes), 0);
                    let got = read_full(&*self.file, bytes, offset)?;
                    bytes.truncate(got);
                }
                Ok((offset - *start) as usize)
            }
        }
    }
}

impl Bytes {
    fn slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Piece { bytes, .. } => bytes,
        }
    }

    /// Drops the bytes in memory: they may be out of date.
    fn forget(&mut self) {
        if let Self::Piece { bytes, .. } = self {
            bytes.clear();
        }
    }
}

fn missing(index: u64) -> ReadError {
    ReadError::Segment { name: segment_name(index), why: "missing".into() }
}

fn io_error(index: u64) -> impl FnOnce(std::io::Error) -> ReadError {
    move |source| ReadError::Io { what: segment_name(index), source }
}

fn last_index(folder: &dyn Folder) -> Result<u64, ReadError> {
    let names = list(folder)?;
    Ok(names.iter().filter_map(|name| segment_index(name)).max().unwrap_or(0))
}

#[cfg(test)]
mod tests;
