//! The folder of a journal that is being opened: its lock, its names, its segments' headers, and durable writes to them.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use memmap2::MmapMut;

use crate::begin::Extent;
use crate::disk::{Access, Disk, write_full};
use crate::error::{OpenError, ReadError};
use crate::frame::{BLOCK_BYTES, Chain, Check, Entry, HEADER_BYTES, Kind, encode, padded_end};
use crate::options::Options;
use crate::scan::Image;
use crate::segment::{HeaderError, Identity, create, open_segment, read_header, repair_header, segment_name, zero};
use crate::tail::tail_paths;

use super::End;

const LOCK_RETRY: Duration = Duration::from_millis(250);

/// The folder being opened.
pub(super) struct Folder {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: Options,
    /// Index of the oldest segment, and where the chain stands before it.
    pub(super) first: u64,
    pub(super) before: Chain,
    /// From the oldest on, without a gap.
    pub(super) segments: Vec<Known>,
    pub(super) headers_repaired: u64,
}

/// A segment whose header has been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) key: Check,
}

impl Folder {
    pub(super) fn dir(&self) -> &Path {
        &self.options.dir
    }

    pub(super) fn path(&self, index: u64) -> PathBuf {
        self.dir().join(segment_name(index))
    }

    pub(super) fn tail_paths(&self, journal: [u8; 16]) -> Vec<PathBuf> {
        tail_paths(self.dir(), self.options.tail_dir.as_deref(), journal)
    }

    pub(super) fn lock(&self) -> Result<Box<dyn Any + Send>, OpenError> {
        self.disk.create_dir(self.dir()).map_err(OpenError::io("make", self.dir()))?;
        let path = self.dir().join("LOCK");
        for is_last in [false, true] {
            match self.disk.lock(&path) {
                Ok(lock) => return Ok(lock),
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                    return Err(OpenError::io("lock", path)(error));
                }
                Err(_) if is_last => {}
                Err(_) => std::thread::sleep(LOCK_RETRY),
            }
        }
        Err(OpenError::Locked(self.dir().to_owned()))
    }

    /// Removes drafts that were never named, and makes sure that the names we see will still be there tomorrow.
    pub(super) fn tidy(&self) -> Result<(), OpenError> {
        for name in self.disk.list(self.dir()).map_err(OpenError::io("list", self.dir()))? {
            if name.ends_with(".ordo.tmp") {
                let path = self.dir().join(name);
                self.disk.remove(&path).map_err(OpenError::io("remove", path))?;
            }
        }
        self.disk.sync_dir(self.dir()).map_err(OpenError::io("sync", self.dir()))
    }

    /// Reads every segment's header: they are all there, all of one journal, each what its name says.
    pub(super) fn inventory(&mut self) -> Result<Option<Identity>, OpenError> {
        let Some(extent) = Extent::of(&*self.disk, self.dir()).map_err(|error| self.refused(error))? else {
            return Ok(None);
        };
        let archived = extent.before.sequence;
        if archived > self.options.start_from {
            return Err(OpenError::Archived { archived, start_from: self.options.start_from });
        }
        (self.first, self.before) = (extent.indices.start, extent.before);
        for index in extent.indices {
            let path = self.path(index);
            let opened = open_segment(&*self.disk, self.dir(), index, Some(extent.identity));
            let refuse = |why: String| OpenError::Segment { name: segment_name(index), why };
            let Some((segment, _)) = opened.map_err(|error| self.refused(error))? else {
                return Err(refuse("missing".into()));
            };
            let header = read_header(&*segment.file).map_err(|error| match error {
                HeaderError::Io(source) => OpenError::io("read", &path)(source),
                HeaderError::Bad(why) => refuse(why),
            })?;
            if header.good != [true, true] {
                self.repair(&path, header.good)?;
            }
            self.segments.push(Known { key: segment.key });
        }
        let identity = extent.identity;
        Options { segment_bytes: identity.segment_bytes, ..self.options.clone() }.validate()?;
        Ok(Some(identity))
    }

    /// What reading the folder's files gave, as the reason for not opening it.
    fn refused(&self, error: ReadError) -> OpenError {
        match error {
            ReadError::Io { what, source } => OpenError::io("read", self.dir().join(what))(source),
            ReadError::Corrupt(place) => place.into(),
            ReadError::UnknownType { sequence, segment, offset, kind, version } => {
                OpenError::UnknownType { sequence, segment, offset, kind, version }
            }
            ReadError::Segment { name, why } => OpenError::Segment { name, why },
            ReadError::Archived { archived } => OpenError::Archived { archived, start_from: self.options.start_from },
        }
    }

    /// The key of a segment that is there.
    pub(super) fn key(&self, index: u64) -> &Check {
        &self.segments[(index - self.first) as usize].key
    }

    /// The index after the last segment's.
    pub(super) fn end(&self) -> u64 {
        self.first + self.segments.len() as u64
    }

    fn repair(&mut self, path: &Path, good: [bool; 2]) -> Result<(), OpenError> {
        tracing::warn!(path = %path.display(), "one copy of a segment's header is damaged: written anew");
        let file = self.disk.open(path, Access::Durable).map_err(OpenError::io("open", path))?;
        repair_header(&*file, good).map_err(OpenError::io("write", path))?;
        self.headers_repaired += 1;
        Ok(())
    }

    /// Makes the journal: a random id and its first segment.
    pub(super) fn found(&mut self) -> Result<Identity, OpenError> {
        if self.options.known_durable > 0 {
            return Err(OpenError::Behind { last_sequence: 0, known_durable: self.options.known_durable });
        }
        let mut journal = [0; 16];
        self.disk.random(&mut journal).map_err(OpenError::io("find randomness for", self.dir()))?;
        let identity = Identity { journal, segment_bytes: self.options.segment_bytes };
        let segment = create(&*self.disk, self.dir(), identity, 0, &mut |_| true)
            .map_err(OpenError::io("make the first segment in", self.dir()))?;
        self.segments.push(Known { key: segment.key });
        Ok(identity)
    }

    /// Reads a segment, after any write of a process before has come down, and from storage that has it for good.
    pub(super) fn image(&self, index: u64, identity: Identity, memory: Vec<u8>) -> Result<Image, OpenError> {
        let path = self.path(index);
        let held = self.disk.open(&path, Access::Durable).map_err(OpenError::io("open", &path))?;
        held.sync().map_err(OpenError::io("sync", &path))?;
        let file = self.disk.open(&path, Access::Read).map_err(OpenError::io("open", &path))?;
        Image::read(&*file, identity.segment_bytes, memory).map_err(OpenError::io("read", &path))
    }

    pub(super) fn clear(&self, index: u64, from: u64, identity: Identity) -> Result<(), OpenError> {
        let path = self.path(index);
        let file = self.disk.open(&path, Access::Durable).map_err(OpenError::io("open", &path))?;
        zero(&*file, from, identity.segment_bytes).map_err(OpenError::io("clear", path))
    }

    /// Writes frames that start at `offset`, with what is before them in their block, and a Pad behind them if they do
    /// not end with a block. `chain` stands behind the frames; returned is where it stands behind the Pad.
    pub(super) fn write_group(
        &self,
        end: &End,
        index: u64,
        offset: u64,
        frames: &[u8],
        mut chain: Chain,
    ) -> Result<Chain, OpenError> {
        let block = offset / BLOCK_BYTES * BLOCK_BYTES;
        // Only the first group can start inside a block: the one whose beginning is in the segment already.
        let kept = &end.image.bytes[block as usize..offset as usize];
        let frames_end = offset + frames.len() as u64;
        let group_end = padded_end(frames_end);
        if group_end == block {
            return Ok(chain);
        }
        let mut group =
            MmapMut::map_anon((group_end - block) as usize).map_err(OpenError::io("find memory for", self.dir()))?;
        group[..kept.len()].copy_from_slice(kept);
        group[kept.len()..][..frames.len()].copy_from_slice(frames);
        if group_end > frames_end {
            let pad = vec![0; (group_end - frames_end) as usize - HEADER_BYTES];
            let key = self.key(index);
            let entry = Entry {
                kind: Kind::Pad,
                rules: 0,
                flags: 0,
                feed: 0,
                identity: 0,
                position: 0,
                time_ns: chain.time_ns,
                body: &pad,
            };
            encode(&mut group[kept.len() + frames.len()..], &mut chain, key, frames_end, &entry);
        }
        let path = self.path(index);
        let file = self.disk.open(&path, Access::Durable).map_err(OpenError::io("open", &path))?;
        write_full(&*file, &group, block).map_err(OpenError::io("write", path))?;
        Ok(chain)
    }
}
