//! Takes the oldest segments of a journal away: for good, or to another folder.
//!
//! Threads: any but the hot ones, while the journal is written and read. The caller decides which sequences are
//! still needed; nothing here knows of snapshots.
//!
//! Invariants: only sealed segments go, whole ones, the oldest first, each durably before the next; `begin.ordo` says
//! so before the first does. Interrupted anywhere, the journal opens, and doing it again does the rest. What was
//! moved is a journal of its own for readers and `verify`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::MmapMut;

use crate::begin::{Begin, Extent};
use crate::disk::{Access, Disk, Folder, read_full, write_full};
use crate::error::{ArchiveError, ReadError};
use crate::frame::BLOCK_BYTES;
use crate::seek::segment_before;
use crate::segment::{HeaderError, Identity, read_header, segment_index, segment_name};
use crate::watch::Held;

/// A segment is copied in pieces of this size, where it cannot be renamed.
const PIECE_BYTES: usize = 256 << 10;

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
#[derive(Clone, Debug)]
pub struct Archiver {
    disk: Arc<dyn Disk>,
    held: Held,
    /// One thread archives at a time: two would take each other's segments.
    turn: Arc<Mutex<()>>,
}

/// Makes sure that a folder, if it is there, can take the segments of a journal.
pub(crate) fn check_archive(
    disk: &dyn Disk,
    from: &dyn Folder,
    to: &Path,
    identity: Identity,
) -> Result<(), ArchiveError> {
    let folder = match disk.open_folder(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(ArchiveError::NotAFolder),
        opened => opened?,
    };
    if folder.id() == from.id() && folder.id() != 0 {
        return Err(ArchiveError::Own);
    }
    for name in folder.list()?.into_iter().filter(|name| segment_index(name).is_some()) {
        let header = folder.open(&name, Access::Read).map_err(HeaderError::Io).and_then(|file| read_header(&*file));
        if header.is_ok_and(|header| header.identity.journal != identity.journal) {
            return Err(ArchiveError::AnotherJournal { name });
        }
    }
    Ok(())
}

impl Archiver {
    pub(crate) fn new(disk: Arc<dyn Disk>, held: Held) -> Self {
        Self { disk, held, turn: Arc::default() }
    }

    /// Takes away the segments all of whose frames are below that sequence: from then on the journal can be started from a
    /// state at `begins_after` or later only (`Options::start_from`). The caller knows that there is one, and that no
    /// reader is still on its way through what goes.
    pub fn archive(&self, below_sequence: u64, fate: &Fate) -> Result<Archived, ReadError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = &*self.held.folder;
        let Some(extent) = Extent::of(folder)? else { return Ok(Archived::default()) };
        let (first_kept, chain) = segment_before(folder, &extent, &|before| before.sequence < below_sequence)?;
        let mut archived = Archived { begins_after: extent.before.sequence, ..Archived::default() };
        if first_kept == extent.indices.start {
            return Ok(archived);
        }
        let begin = Begin { journal: extent.identity.journal, index: first_kept, chain };
        begin.write(folder).map_err(|source| ReadError::Io { what: "begin.ordo".into(), source })?;
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
        let name = segment_name(index);
        match fate {
            Fate::Remove => self.held.folder.remove(&name)?,
            Fate::MoveTo(dir) => self.move_to(&name, dir)?,
        }
        // The oldest first also after a power loss: no gap comes of it.
        self.held.folder.sync()
    }

    fn move_to(&self, name: &str, dir: &Path) -> io::Result<()> {
        self.disk.create_folder(dir)?;
        let (from, to) = (&*self.held.folder, self.disk.open_folder(dir)?);
        refuse_another(from, &*to, name)?;
        match from.move_to(name, &*to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                copy(from, &*to, name)?;
                to.sync()?;
                from.remove(name)
            }
            other => {
                other?;
                to.sync()
            }
        }
    }
}

/// A file of that name may be this segment, copied before an interruption; anything else stays.
fn refuse_another(from: &dyn Folder, to: &dyn Folder, name: &str) -> io::Result<()> {
    let there = match to.open(name, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let here = from.open(name, Access::Read)?;
    match (read_header(&*here), read_header(&*there)) {
        (Err(HeaderError::Io(error)), _) | (_, Err(HeaderError::Io(error))) => Err(error),
        (Ok(here), Ok(there)) if here.key == there.key => Ok(()),
        _ => {
            let there = to.path().join(name);
            Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("another {} is there", there.display())))
        }
    }
}

fn copy(from: &dyn Folder, to: &dyn Folder, name: &str) -> io::Result<()> {
    let draft = format!("{name}.tmp");
    let (source, copy) = (from.open(name, Access::Read)?, to.create(&draft)?);
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
    to.rename(&draft, name)
}

#[cfg(test)]
mod tests;
