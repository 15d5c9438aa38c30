//! A segment: a file of fixed size, filled with zeros before its first use, with its header in the first two blocks.
//!
//! Made one ahead by `spare.rs`, written by the journal, scanned by recovery, readers and `verify`.
//! Invariants: the name, the header and every frame's check agree on the index; a file of the final name was whole and
//! durable before it got that name; it is never sparse.

use std::io;
use std::sync::Arc;

use memmap2::MmapMut;
use xxhash_rust::xxh3::xxh3_128;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::disk::{Access, DiskFile, Folder, read_full, write_full};
use crate::error::ReadError;
use crate::frame::{BLOCK_BYTES, Check};

/// Where a segment's first group starts: after the header and its copy.
pub(crate) const DATA_START: u64 = 2 * BLOCK_BYTES;
/// Largest size of a segment.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1 << 40;
/// Version of the folder's layout that this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"ordojrnl";
/// Zeros are written in pieces of this size, so that making a segment never holds a group up for long.
const FILL_BYTES: usize = 128 << 10;

/// What all segments of a journal have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) journal: [u8; 16],
    pub(crate) segment_bytes: u64,
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SegmentHeader {
    magic: [u8; 8],
    format: U32,
    reserved: U32,
    journal: [u8; 16],
    salt: [u8; 16],
    index: U64,
    segment_bytes: U64,
    check: [u8; 16],
}

const _: () = assert!(size_of::<SegmentHeader>() == 80);
const CHECKED_BYTES: usize = 64;

/// A segment whose header has been read.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) index: u64,
    /// What every frame's check in this segment is bound to.
    pub(crate) key: Check,
    pub(crate) file: Arc<dyn DiskFile>,
}

/// Why a file cannot be the segment that its name gives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Bad(String),
}

/// A header as read, and whether each copy was good.
pub(crate) struct Header {
    pub(crate) identity: Identity,
    pub(crate) key: Check,
    pub(crate) index: u64,
    pub(crate) good: [bool; 2],
}

/// The file name of a segment.
pub(crate) fn segment_name(index: u64) -> String {
    format!("seg-{index:016x}.ordo")
}

/// The index in a segment's file name.
pub(crate) fn segment_index(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("seg-")?.strip_suffix(".ordo")?;
    let index = u64::from_str_radix(digits, 16).ok()?;
    // Spelled otherwise it is another file: one segment, one name.
    (segment_name(index) == name).then_some(index)
}

/// Opens a segment for reading if it is there, and checks that it is the one its name gives.
pub(crate) fn open_segment(
    folder: &dyn Folder,
    index: u64,
    of: Option<Identity>,
) -> Result<Option<(Segment, Identity)>, ReadError> {
    let io_error = |source| ReadError::Io { what: segment_name(index), source };
    let file = match folder.open(&segment_name(index), Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io_error)?,
    };
    let refuse = |why: String| ReadError::Segment { name: segment_name(index), why };
    let header = read_header(&*file).map_err(|error| match error {
        HeaderError::Io(source) => io_error(source),
        HeaderError::Bad(why) => refuse(why),
    })?;
    if header.index != index {
        return Err(refuse(format!("its header says it is {}", segment_name(header.index))));
    }
    if of.is_some_and(|identity| identity != header.identity) {
        return Err(refuse("it belongs to another journal".into()));
    }
    Ok(Some((Segment { index, key: header.key, file }, header.identity)))
}

/// Reads both copies of a header; one good copy is enough.
pub(crate) fn read_header(file: &dyn DiskFile) -> Result<Header, HeaderError> {
    let mut blocks = vec![0; 2 * BLOCK_BYTES as usize];
    let len = read_full(file, &mut blocks, 0)?;
    if len == 0 {
        return Err(HeaderError::Bad("the file is empty".into()));
    }
    let copies = [header_of(&blocks[..BLOCK_BYTES as usize]), header_of(&blocks[BLOCK_BYTES as usize..])];
    let good = [copies[0].is_some(), copies[1].is_some()];
    let Some(header) = copies[0].or(copies[1]) else {
        return Err(HeaderError::Bad("both copies of the header are damaged".into()));
    };
    if header.format.get() != FORMAT_VERSION {
        return Err(HeaderError::Bad(format!("format version {}, this build reads {FORMAT_VERSION}", header.format)));
    }
    let segment_bytes = header.segment_bytes.get();
    if segment_bytes <= DATA_START || segment_bytes > SEGMENT_BYTES_MAX || !segment_bytes.is_multiple_of(BLOCK_BYTES) {
        return Err(HeaderError::Bad(format!("its header gives it an impossible size, {segment_bytes} bytes")));
    }
    Ok(Header {
        identity: Identity { journal: header.journal, segment_bytes },
        key: key_of(&header),
        index: header.index.get(),
        good,
    })
}

/// Which copies of a header are good, also where none is.
pub(crate) fn copies_good(file: &dyn DiskFile) -> io::Result<[bool; 2]> {
    match read_header(file) {
        Ok(header) => Ok(header.good),
        Err(HeaderError::Io(error)) => Err(error),
        Err(HeaderError::Bad(_)) => Ok([false; 2]),
    }
}

/// Writes the damaged copy of a header anew from the good one.
pub(crate) fn repair_header(file: &dyn DiskFile, good: [bool; 2]) -> io::Result<()> {
    let (from, to) = if good[0] { (0, BLOCK_BYTES) } else { (BLOCK_BYTES, 0) };
    let mut block = MmapMut::map_anon(BLOCK_BYTES as usize)?;
    read_full(file, &mut block, from)?;
    write_full(file, &block, to).map(drop)
}

/// Makes a segment: everything written, synced, and only then named.
///
/// `pace` is asked before each piece of zeros and may wait; false gives up.
pub(crate) fn create(
    folder: &dyn Folder,
    identity: Identity,
    index: u64,
    pace: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Segment> {
    let name = segment_name(index);
    let draft = format!("{name}.tmp");
    let made = fill(folder, &draft, identity, index, pace).and_then(|key| {
        folder.rename(&draft, &name)?;
        folder.sync()?;
        Ok(key)
    });
    match made {
        Ok(key) => Ok(Segment { index, key, file: folder.open(&name, Access::Durable)? }),
        Err(error) => {
            // Half a file would keep the room that its completion needs; there may be none to remove.
            let _ = folder.remove(&draft);
            Err(error)
        }
    }
}

fn fill(
    folder: &dyn Folder,
    draft: &str,
    identity: Identity,
    index: u64,
    pace: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Check> {
    let mut header = SegmentHeader {
        magic: MAGIC,
        format: U32::new(FORMAT_VERSION),
        reserved: U32::new(0),
        journal: identity.journal,
        salt: [0; 16],
        index: U64::new(index),
        segment_bytes: U64::new(identity.segment_bytes),
        check: [0; 16],
    };
    folder.random(&mut header.salt)?;
    header.check = check_of(&header);
    let mut piece = MmapMut::map_anon(FILL_BYTES.min(identity.segment_bytes as usize))?;
    piece[..size_of::<SegmentHeader>()].copy_from_slice(header.as_bytes());
    piece[BLOCK_BYTES as usize..][..size_of::<SegmentHeader>()].copy_from_slice(header.as_bytes());
    let file = folder.create(draft)?;
    // All of the room or none, and at once: a request that a full disk gets every 250 ms must cost next to nothing, and
    // the answer must come while the segment in use is still new. The zeros are written all the same: a block that was
    // only reserved costs the file system a commit of its own when a group comes to it.
    file.reserve(identity.segment_bytes)?;
    let mut done = 0;
    while done < identity.segment_bytes {
        if !pace(done) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = (piece.len() as u64).min(identity.segment_bytes - done);
        write_full(&*file, &piece[..len as usize], done)?;
        if done == 0 {
            piece[..DATA_START as usize].fill(0);
        }
        done += len;
    }
    file.sync()?;
    Ok(key_of(&header))
}

/// Writes zeros durably over a stretch of whole blocks.
pub(crate) fn zero(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = MmapMut::map_anon(FILL_BYTES)?;
    let mut at = from;
    while at < to {
        let len = (to - at).min(FILL_BYTES as u64);
        write_full(file, &zeros[..len as usize], at)?;
        at += len;
    }
    Ok(())
}

fn header_of(block: &[u8]) -> Option<SegmentHeader> {
    let (header, rest) = SegmentHeader::read_from_prefix(block).ok()?;
    let sound = header.magic == MAGIC && header.check == check_of(&header) && rest.iter().all(|byte| *byte == 0);
    sound.then_some(header)
}

fn check_of(header: &SegmentHeader) -> Check {
    xxh3_128(&header.as_bytes()[..CHECKED_BYTES]).to_le_bytes()
}

/// Journal, salt and index in 16 bytes.
fn key_of(header: &SegmentHeader) -> Check {
    let mut bound = [0; 40];
    bound[..16].copy_from_slice(&header.journal);
    bound[16..32].copy_from_slice(&header.salt);
    bound[32..].copy_from_slice(header.index.as_bytes());
    xxh3_128(&bound).to_le_bytes()
}
