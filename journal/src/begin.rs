//! Where a folder's journal begins: at segment 0, or, once segments were archived, at the one that `begin.ordo` names.
//!
//! Written by `archive.rs` before it takes the first segment away, read by recovery, readers and `verify`.
//!
//! Invariants: segments below the one it names may be missing, that one and all after it may not; what begins there
//! continues the chain that it holds. Without the file nothing may be missing at all.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::MmapMut;
use xxhash_rust::xxh3::xxh3_128;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::disk::{Access, Disk, Folder, read_full, write_full};
use crate::error::ReadError;
use crate::frame::{BLOCK_BYTES, Chain, Check, SEQUENCE_MAX};
use crate::scan::first_mark;
use crate::segment::{Identity, open_segment, segment_index, segment_name};

pub(crate) const BEGIN_NAME: &str = "begin.ordo";
const MAGIC: [u8; 8] = *b"ordobegn";
const VERSION: u32 = 1;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct BeginBytes {
    magic: [u8; 8],
    version: U32,
    epoch: U32,
    journal: [u8; 16],
    index: U64,
    sequence: U64,
    time_ns: U64,
    reserved: U64,
    chain_check: Check,
    check: Check,
}

const _: () = assert!(size_of::<BeginBytes>() == 96);
const CHECKED_BYTES: usize = 80;

/// The first segment that may not be missing, and where the chain stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) journal: [u8; 16],
    pub(crate) index: u64,
    pub(crate) chain: Chain,
}

impl Begin {
    /// Reads `begin.ordo`; none where nothing was ever archived.
    pub(crate) fn read(folder: &dyn Folder) -> Result<Option<Self>, ReadError> {
        let failed = |source| ReadError::Io { what: BEGIN_NAME.into(), source };
        let file = match folder.open(BEGIN_NAME, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        let mut blocks = vec![0; 2 * BLOCK_BYTES as usize];
        read_full(&*file, &mut blocks, 0).map_err(failed)?;
        let refuse = |why: String| ReadError::Segment { name: BEGIN_NAME.into(), why };
        let found = blocks.chunks(BLOCK_BYTES as usize).find_map(BeginBytes::of);
        let found = found.ok_or_else(|| refuse("both copies are damaged".into()))?;
        if found.version.get() != VERSION {
            return Err(refuse(format!("version {}, this build reads {VERSION}", found.version)));
        }
        if found.sequence.get() > SEQUENCE_MAX {
            return Err(refuse("its sequence is impossible".into()));
        }
        let chain = Chain {
            check: found.chain_check,
            sequence: found.sequence.get(),
            epoch: found.epoch.get(),
            time_ns: found.time_ns.get(),
        };
        Ok(Some(Self { journal: found.journal, index: found.index.get(), chain }))
    }

    /// Puts it there, durably and in one step, in place of any before it.
    pub(crate) fn write(&self, folder: &dyn Folder) -> io::Result<()> {
        let mut bytes = BeginBytes {
            magic: MAGIC,
            version: U32::new(VERSION),
            epoch: U32::new(self.chain.epoch),
            journal: self.journal,
            index: U64::new(self.index),
            sequence: U64::new(self.chain.sequence),
            time_ns: U64::new(self.chain.time_ns),
            reserved: U64::new(0),
            chain_check: self.chain.check,
            check: [0; 16],
        };
        bytes.check = bytes.right_check();
        let mut blocks = MmapMut::map_anon(2 * BLOCK_BYTES as usize)?;
        for copy in blocks.chunks_mut(BLOCK_BYTES as usize) {
            copy[..size_of::<BeginBytes>()].copy_from_slice(bytes.as_bytes());
        }
        let draft = format!("{BEGIN_NAME}.tmp");
        let file = folder.create(&draft)?;
        write_full(&*file, &blocks, 0)?;
        file.sync()?;
        folder.rename(&draft, BEGIN_NAME)?;
        folder.sync()
    }
}

impl BeginBytes {
    fn of(block: &[u8]) -> Option<Self> {
        let (bytes, rest) = Self::read_from_prefix(block).ok()?;
        let is_sound = bytes.magic == MAGIC && bytes.check == bytes.right_check() && rest.iter().all(|byte| *byte == 0);
        is_sound.then_some(bytes)
    }

    fn right_check(&self) -> Check {
        xxh3_128(&self.as_bytes()[..CHECKED_BYTES]).to_le_bytes()
    }
}

/// The segments that make a folder's journal, and where the chain stands before the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) indices: Range<u64>,
    pub(crate) before: Chain,
    /// Journal and segment size, as its first segment has them.
    pub(crate) identity: Identity,
}

impl Extent {
    /// Finds the journal's segments; none where there is no journal. The error names a segment that is missing.
    pub(crate) fn of(folder: &dyn Folder) -> Result<Option<Self>, ReadError> {
        loop {
            let names = list(folder)?;
            let found = Self::among(&names, folder);
            // The first segment may be archived between the list and the look at it.
            if found.is_ok() || run_of(&list(folder)?) == run_of(&names) {
                return found;
            }
        }
    }

    /// Finds them among names that were listed just now.
    fn among(names: &[String], folder: &dyn Folder) -> Result<Option<Self>, ReadError> {
        // Read after the list: the record is there before the first segment goes.
        let begin = Begin::read(folder)?;
        let missing = |index| ReadError::Segment { name: segment_name(index), why: "missing".into() };
        let may_begin_at = begin.map_or(0, |begin| begin.index);
        let Some(indices) = run_of(names) else {
            return if begin.is_some() { Err(missing(may_begin_at)) } else { Ok(None) };
        };
        if indices.start > may_begin_at {
            return Err(missing(indices.start - 1));
        }
        if indices.end <= may_begin_at {
            return Err(missing(may_begin_at));
        }
        let first = indices.start;
        let (segment, identity) = open_segment(folder, first, None)?.ok_or_else(|| missing(first))?;
        if begin.is_some_and(|begin| begin.journal != identity.journal) {
            return Err(ReadError::Segment { name: BEGIN_NAME.into(), why: "it belongs to another journal".into() });
        }
        let before = match begin {
            _ if first == 0 => Chain::START,
            Some(begin) if begin.index == first => begin.chain,
            // Left over from archiving that was interrupted; what follows is chained to it.
            _ => first_mark(&*segment.file, &segment.key)
                .map_err(|source| ReadError::Io { what: segment_name(first), source })?
                .ok_or_else(|| ReadError::Segment {
                    name: segment_name(first),
                    why: "its first Mark is damaged".into(),
                })?,
        };
        Ok(Some(Self { indices, before, identity }))
    }
}

/// The names in a folder.
pub(crate) fn list(folder: &dyn Folder) -> Result<Vec<String>, ReadError> {
    folder.list().map_err(|source| ReadError::Io { what: folder.path().display().to_string(), source })
}

/// Opens a folder for reading.
pub(crate) fn open_folder(disk: &dyn Disk, dir: &Path) -> Result<Arc<dyn Folder>, ReadError> {
    disk.open_folder(dir).map_err(|source| ReadError::Io { what: dir.display().to_string(), source })
}

/// The segments up to the last without a gap. What lies below a gap is not part of the journal.
fn run_of(names: &[String]) -> Option<Range<u64>> {
    let mut indices: Vec<u64> = names.iter().filter_map(|name| segment_index(name)).collect();
    indices.sort_unstable_by(|a, b| b.cmp(a));
    let last = *indices.first()?;
    let length = indices.iter().zip((0..=last).rev()).take_while(|(index, expected)| *index == expected).count();
    Some(last + 1 - length as u64..last + 1)
}

#[cfg(test)]
mod tests;
