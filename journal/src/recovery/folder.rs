//! The folder of a journal that is being opened: its lock, its names, its segments' headers, and durable writes to them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use memmap2::MmapMut;

use crate::archive::check_archive;
use crate::begin::Extent;
use crate::disk::{Access, Disk, DiskFile, Folder, Lock, write_full};
use crate::error::{OpenError, ReadError};
use crate::frame::{BLOCK_BYTES, Chain, Check, Entry, HEADER_BYTES, Kind, encode, padded_end};
use crate::options::Options;
use crate::scan::Image;
use crate::segment::{HeaderError, Identity, create, open_segment, read_header, repair_header, segment_name, zero};
use crate::tail::tail_paths;
use crate::watch::Held;

use super::End;

const LOCK_RETRY: Duration = Duration::from_millis(250);

/// A journal that is being opened, its folder locked.
pub(super) struct Recovery {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) held: Held,
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

impl Recovery {
    /// Makes the folder if it is not there, and locks it.
    pub(super) fn start(disk: Arc<dyn Disk>, options: Options) -> Result<Self, OpenError> {
        let dir = &options.dir;
        disk.create_folder(dir).map_err(OpenError::io("make", dir))?;
        let folder = disk.open_folder(dir).map_err(OpenError::io("open", dir))?;
        let lock = lock(&*folder)?;
        let (first, before, segments, headers_repaired) = (0, Chain::START, Vec::new(), 0);
        Ok(Self { disk, held: Held { folder, lock }, options, first, before, segments, headers_repaired })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.options.dir
    }

    /// For messages.
    pub(super) fn path(&self, index: u64) -> PathBuf {
        self.dir().join(segment_name(index))
    }

    /// Opens a segment that is there. For durable writes, waits until the last write of a process before has come down.
    pub(super) fn open(&self, index: u64, access: Access) -> Result<Arc<dyn DiskFile>, OpenError> {
        self.held.folder.open(&segment_name(index), access).map_err(|error| match error.kind() {
            // Another process has a file of the folder open, if not the folder itself.
            io::ErrorKind::WouldBlock => OpenError::Locked(self.dir().to_owned()),
            _ => OpenError::io("open", self.path(index))(error),
        })
    }

    pub(super) fn tail_paths(&self, journal: [u8; 16]) -> Vec<PathBuf> {
        tail_paths(&*self.held.folder, self.options.tail_dir.as_deref(), journal)
    }

    /// Refuses a folder to archive to that cannot take this journal's segments.
    pub(super) fn check_archive(&self, identity: Identity) -> Result<(), OpenError> {
        let Some(to) = &self.options.archive_dir else { return Ok(()) };
        check_archive(&*self.disk, &*self.held.folder, to, identity)
            .map_err(|source| OpenError::Archive { path: to.clone(), source })
    }

    /// Removes drafts that were never named, and makes the names that are there durable.
    pub(super) fn tidy(&self) -> Result<(), OpenError> {
        for name in self.held.folder.list().map_err(OpenError::io("list", self.dir()))? {
            if name.ends_with(".ordo.tmp") {
                self.held.folder.remove(&name).map_err(OpenError::io("remove", self.dir().join(name)))?;
            }
        }
        self.held.folder.sync().map_err(OpenError::io("sync", self.dir()))
    }

    /// Reads every segment's header: they are all there, all of one journal, each the one its name gives.
    pub(super) fn inventory(&mut self) -> Result<Option<Identity>, OpenError> {
        let Some(extent) = Extent::of(&*self.held.folder).map_err(|error| self.refused(error))? else {
            return Ok(None);
        };
        let archived = extent.before.sequence;
        if archived > self.options.start_from {
            return Err(OpenError::Archived { archived, start_from: self.options.start_from });
        }
        (self.first, self.before) = (extent.indices.start, extent.before);
        for index in extent.indices {
            let path = self.path(index);
            let opened = open_segment(&*self.held.folder, index, Some(extent.identity));
            let refuse = |why: String| OpenError::Segment { name: segment_name(index), why };
            let Some((segment, _)) = opened.map_err(|error| self.refused(error))? else {
                return Err(refuse("missing".into()));
            };
            let header = read_header(&*segment.file).map_err(|error| match error {
                HeaderError::Io(source) => OpenError::io("read", &path)(source),
                HeaderError::Bad(why) => refuse(why),
            })?;
            if header.good != [true, true] {
                self.repair(index, header.good)?;
            }
            self.segments.push(Known { key: segment.key });
        }
        let identity = extent.identity;
        self.options.check_segments(identity.segment_bytes)?;
        Ok(Some(identity))
    }

    /// An error in reading the folder's files, as the reason for not opening it.
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

    fn repair(&mut self, index: u64, good: [bool; 2]) -> Result<(), OpenError> {
        let path = self.path(index);
        tracing::warn!(path = %path.display(), "one copy of a segment's header is damaged: written anew");
        let file = self.open(index, Access::Durable)?;
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
        self.held.folder.random(&mut journal).map_err(OpenError::io("get random bytes for", self.dir()))?;
        let identity = Identity { journal, segment_bytes: self.options.segment_bytes };
        let segment = create(&*self.held.folder, identity, 0, &mut |_| true)
            .map_err(OpenError::io("make the first segment in", self.dir()))?;
        self.segments.push(Known { key: segment.key });
        Ok(identity)
    }

    /// Reads a segment, after any write of a process before has come down, and from storage that has it for good.
    pub(super) fn image(&self, index: u64, identity: Identity, memory: Vec<u8>) -> Result<Image, OpenError> {
        let path = self.path(index);
        self.open(index, Access::Durable)?.sync().map_err(OpenError::io("sync", &path))?;
        let file = self.open(index, Access::Read)?;
        Image::read(&*file, identity.segment_bytes, memory).map_err(OpenError::io("read", &path))
    }

    pub(super) fn clear(&self, index: u64, from: u64, identity: Identity) -> Result<(), OpenError> {
        let file = self.open(index, Access::Durable)?;
        zero(&*file, from, identity.segment_bytes).map_err(OpenError::io("clear", self.path(index)))
    }

    /// Writes frames that start at `offset`, with the bytes before them in their block, and a Pad behind them if they do
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
        let mut group = MmapMut::map_anon((group_end - block) as usize)
            .map_err(OpenError::io("allocate memory for", self.dir()))?;
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
        let file = self.open(index, Access::Durable)?;
        write_full(&*file, &group, block).map_err(OpenError::io("write", self.path(index)))?;
        Ok(chain)
    }
}

/// Takes the folder's lock; once more after 250 ms, in case the process that has it is ending.
fn lock(folder: &dyn Folder) -> Result<Arc<dyn Lock>, OpenError> {
    for is_last in [false, true] {
        match folder.lock() {
            Ok(lock) => return Ok(lock),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return Err(OpenError::io("lock", folder.path())(error));
            }
            Err(_) if is_last => {}
            Err(_) => std::thread::sleep(LOCK_RETRY),
        }
    }
    Err(OpenError::Locked(folder.path().to_owned()))
}
