//! Takes the oldest segments of a journal away: for good, or to another folder.
//!
//! Threads: any but the hot ones, while the journal is written and read. The caller says what is still needed; nothing
//! here knows of snapshots.
//!
//! Invariants: only sealed segments go, whole ones, the oldest first, each durably before the next; `begin.ordo` says
//! so before the first does. Interrupted anywhere, the journal opens, and doing it again does the rest. What was
//! moved is a journal of its own for readers and `verify`.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::MmapMut;

use crate::begin::{Begin, Extent};
use crate::disk::{Access, Disk, read_full, write_full};
use crate::error::ReadError;
use crate::frame::BLOCK_BYTES;
use crate::seek::segment_before;
use crate::segment::{HeaderError, read_header, segment_name};

/// A segment is copied in pieces of this size, where it cannot be renamed.
const PIECE_BYTES: usize = 256 << 10;

/// The lock of a folder, held by whoever writes it or takes from it.
pub(crate) type FolderLock = Arc<Mutex<Box<dyn Any + Send>>>;

/// What becomes of a segment that is no longer needed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Remove,
    /// To that folder, under its own name; made if it is not there, on any file system.
    MoveTo(PathBuf),
}

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    pub segments: u64,
    pub bytes: u64,
    /// The journal holds the frames after this one: a state at or after it is needed to start from it.
    pub begins_after: u64,
}

/// Takes segments from an open journal's folder, in a thread of its own. The folder stays locked while it lives.
#[derive(Debug)]
pub struct Archiver {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    lock: FolderLock,
}

impl Archiver {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, lock: FolderLock) -> Self {
        Self { disk, dir, lock }
    }

    /// Takes away the segments all of whose frames are below that sequence: from then on the journal can be started from a
    /// state at `begins_after` or later only (`Options::start_from`). The caller knows that there is one, and that no
    /// reader is still on its way through what goes.
    pub fn archive(&self, below_sequence: u64, fate: &Fate) -> Result<Archived, ReadError> {
        // One at a time: two would stumble over each other's segments.
        let _alone = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(extent) = Extent::of(&*self.disk, &self.dir)? else { return Ok(Archived::default()) };
        let (first_kept, chain) =
            segment_before(&*self.disk, &self.dir, &extent, &|before| before.sequence < below_sequence)?;
        let mut archived = Archived { begins_after: extent.before.sequence, ..Archived::default() };
        if first_kept == extent.indices.start {
            return Ok(archived);
        }
        let begin = Begin { journal: extent.identity.journal, index: first_kept, chain };
        begin.write(&*self.disk, &self.dir).map_err(|source| ReadError::Io { what: "begin.ordo".into(), source })?;
        archived.begins_after = chain.sequence;
        for index in extent.indices.start..first_kept {
            self.take_away(index, fate).map_err(|source| ReadError::Io { what: segment_name(index), source })?;
            archived.segments += 1;
            archived.bytes += extent.identity.segment_bytes;
        }
        tracing::info!(archived.segments, archived.bytes, archived.begins_after, "old segments were taken away");
        Ok(archived)
    }

    fn take_away(&self, index: u64, fate: &Fate) -> io::Result<()> {
        let path = self.dir.join(segment_name(index));
        match fate {
            Fate::Remove => self.disk.remove(&path)?,
            Fate::MoveTo(dir) => self.move_to(&path, dir, index)?,
        }
        // The oldest first also after a power loss: no gap comes of it.
        self.disk.sync_dir(&self.dir)
    }

    fn move_to(&self, from: &Path, dir: &Path, index: u64) -> io::Result<()> {
        let to = dir.join(segment_name(index));
        self.disk.create_dir(dir)?;
        self.refuse_another(from, &to)?;
        match self.disk.rename(from, &to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                self.copy(from, &to)?;
                self.disk.sync_dir(dir)?;
                self.disk.remove(from)
            }
            other => {
                other?;
                self.disk.sync_dir(dir)
            }
        }
    }

    /// What lies there already may be this segment, copied before an interruption; anything else stays.
    fn refuse_another(&self, from: &Path, to: &Path) -> io::Result<()> {
        let there = match self.disk.open(to, Access::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let here = self.disk.open(from, Access::Read)?;
        match (read_header(&*here), read_header(&*there)) {
            (Err(HeaderError::Io(error)), _) | (_, Err(HeaderError::Io(error))) => Err(error),
            (Ok(here), Ok(there)) if here.key == there.key => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("another {} is there", to.display()))),
        }
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let draft = to.with_extension("ordo.tmp");
        let (source, copy) = (self.disk.open(from, Access::Read)?, self.disk.create(&draft)?);
        let mut piece = MmapMut::map_anon(PIECE_BYTES)?;
        let mut at = 0;
        loop {
            let got = read_full(&*source, &mut piece, at)?;
            if got == 0 {
                break;
            }
            // A segment is whole blocks; what is damaged is copied as it is, filled up.
            let whole = got.next_multiple_of(BLOCK_BYTES as usize);
            piece[got..whole].fill(0);
            write_full(&*copy, &piece[..whole], at)?;
            at += got as u64;
        }
        copy.sync()?;
        self.disk.rename(&draft, to)
    }
}

#[cfg(test)]
mod tests;
