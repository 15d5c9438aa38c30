//! Snapshots: files that hold a state at a sequence, so that a start need not replay everything.
//!
//! Written by a low-priority worker, read at the start and by history. The body is the caller's; here are its frame, its
//! checksum and its life: a draft, synced, named, and older ones removed.
//!
//! Invariants: a file of the final name was whole and durable before it got it. A damaged one is skipped and reported,
//! never half used. A snapshot is never needed: the journal alone gives the same state.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memmap2::MmapMut;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::disk::{Access, Disk, DiskFile, Folder, RealDisk, read_full, write_full};
use crate::frame::BLOCK_BYTES;

/// Version of the snapshot file's layout.
pub const SNAPSHOT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"ordosnap";
/// The body is written and read in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SnapshotHeader {
    magic: [u8; 8],
    format: U32,
    body_version: U32,
    sequence: U64,
    time_ns: U64,
    state_hash: [u8; 16],
    body_bytes: U64,
    reserved: U64,
    body_check: [u8; 16],
    check: [u8; 16],
}

const _: () = assert!(size_of::<SnapshotHeader>() == 96);
const CHECKED_BYTES: usize = 80;

/// The header of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Version of the body, the caller's.
    pub body_version: u32,
    /// The state is that after this frame. It counts as known to be durable.
    pub sequence: u64,
    pub time_ns: u64,
    pub state_hash: [u8; 16],
    pub body_bytes: u64,
}

/// The snapshots of a folder. The folder is opened at the first use and stays the same from then on, whatever its path
/// leads to later.
#[derive(Clone, Debug)]
pub struct Snapshots {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    folder: Arc<OnceLock<Arc<dyn Folder>>>,
    /// How many are kept. Fewer: less room; more: older states are answered sooner.
    retain: usize,
}

/// A snapshot that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub name: String,
    pub why: String,
}

impl Snapshots {
    /// The snapshots of a journal's folder; the newest `retain` of them are kept, at least one.
    pub fn new(dir: &Path, retain: usize) -> Self {
        Self::on(Arc::new(RealDisk::new()), dir, retain)
    }

    /// The snapshots in a folder of some disk.
    pub fn on(disk: Arc<dyn Disk>, dir: &Path, retain: usize) -> Self {
        Self { disk, dir: dir.to_owned(), folder: Arc::default(), retain: retain.max(1) }
    }

    fn folder(&self) -> io::Result<&dyn Folder> {
        if let Some(folder) = self.folder.get() {
            return Ok(&**folder);
        }
        let opened = self.disk.open_folder(&self.dir)?;
        Ok(&**self.folder.get_or_init(|| opened))
    }

    /// Sequences of the snapshots that are there, newest first, good or not.
    pub fn sequences(&self) -> io::Result<Vec<u64>> {
        let mut sequences: Vec<u64> = self.folder()?.list()?.iter().filter_map(|name| sequence_in(name)).collect();
        sequences.sort_unstable_by(|a, b| b.cmp(a));
        Ok(sequences)
    }

    /// The newest whole snapshot at or before a sequence, and those that were skipped for it.
    pub fn newest_good_until(&self, sequence: u64) -> io::Result<(Option<Snapshot>, Vec<Skipped>)> {
        let mut skipped = Vec::new();
        for at in self.sequences()?.into_iter().filter(|at| *at <= sequence) {
            let name = snapshot_name(at);
            match self.folder().and_then(|folder| Snapshot::open(folder, &name, at)) {
                Ok(snapshot) => return Ok((Some(snapshot), skipped)),
                Err(error) => {
                    tracing::warn!(%name, %error, "a snapshot is skipped");
                    skipped.push(Skipped { name, why: error.to_string() });
                }
            }
        }
        Ok((None, skipped))
    }

    /// The newest sequence that the good header of a snapshot proves durable; 0 if there is none.
    pub fn known_durable(&self) -> io::Result<u64> {
        let mut sequences = self.sequences()?.into_iter();
        Ok(sequences.find(|sequence| self.info(*sequence).is_ok()).unwrap_or(0))
    }

    /// A snapshot's header; its body is not looked at. `InvalidData`: its header is damaged. `Unsupported`: it
    /// is of another format. `NotFound`: there is none.
    pub fn info(&self, sequence: u64) -> io::Result<SnapshotInfo> {
        self.headed(sequence).map(|(snapshot, _)| snapshot.info)
    }

    /// The first bytes of a body, as many as asked for or as there are. Not checked: `load` checks the whole body.
    pub fn peek(&self, sequence: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let (snapshot, _) = self.headed(sequence)?;
        let mut body = Vec::new();
        snapshot.take(bytes as u64).read_to_end(&mut body)?;
        Ok(body)
    }

    /// A snapshot with its body, read once and known to be whole.
    pub fn load(&self, sequence: u64) -> io::Result<(SnapshotInfo, Vec<u8>)> {
        let (mut snapshot, body_check) = self.headed(sequence)?;
        let mut body = Vec::with_capacity(snapshot.info.body_bytes as usize);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match snapshot.read(&mut piece)? {
                0 => break,
                n => body.extend_from_slice(&piece[..n]),
            }
        }
        if body.len() as u64 != snapshot.info.body_bytes || xxh3_128(&body).to_le_bytes() != body_check {
            return Err(damaged("its body"));
        }
        Ok((snapshot.info, body))
    }

    /// Removes a snapshot, good or not.
    pub fn remove(&self, sequence: u64) -> io::Result<()> {
        let folder = self.folder()?;
        folder.remove(&snapshot_name(sequence))?;
        folder.sync()
    }

    fn headed(&self, sequence: u64) -> io::Result<(Snapshot, [u8; 16])> {
        Snapshot::open_header(self.folder()?, &snapshot_name(sequence), sequence)
    }

    /// Starts a snapshot; nothing of it is seen before `finish`.
    pub fn write(&self, info: SnapshotInfo) -> io::Result<SnapshotWriter> {
        let draft = format!("{}.tmp", snapshot_name(info.sequence));
        let folder = self.folder()?;
        folder.reserve_descriptors();
        let file = folder.create(&draft)?;
        let piece = MmapMut::map_anon(PIECE_BYTES)?;
        // The header's block comes last, when the checksum is known.
        Ok(SnapshotWriter {
            snapshots: self.clone(),
            draft,
            file,
            info,
            piece,
            filled: 0,
            at: BLOCK_BYTES,
            body_bytes: 0,
            hasher: Xxh3Default::new(),
            is_named: false,
        })
    }

    fn drop_old(&self) -> io::Result<()> {
        for old in self.sequences()?.into_iter().skip(self.retain) {
            self.folder()?.remove(&snapshot_name(old))?;
        }
        self.folder()?.sync()
    }
}

/// A snapshot on its way to the disk.
pub struct SnapshotWriter {
    snapshots: Snapshots,
    draft: String,
    file: Arc<dyn DiskFile>,
    info: SnapshotInfo,
    /// Page-aligned, as writes past the page cache must be.
    piece: MmapMut,
    filled: usize,
    at: u64,
    body_bytes: u64,
    hasher: Xxh3Default,
    is_named: bool,
}

impl SnapshotWriter {
    /// Makes it durable, names it, and removes the oldest. `info.body_bytes` counts the bytes written, whatever was given.
    pub fn finish(mut self) -> io::Result<SnapshotInfo> {
        self.flush_piece()?;
        self.info.body_bytes = self.body_bytes;
        let mut header = SnapshotHeader {
            magic: MAGIC,
            format: U32::new(SNAPSHOT_VERSION),
            body_version: U32::new(self.info.body_version),
            sequence: U64::new(self.info.sequence),
            time_ns: U64::new(self.info.time_ns),
            state_hash: self.info.state_hash,
            body_bytes: U64::new(self.body_bytes),
            reserved: U64::new(0),
            body_check: self.hasher.digest128().to_le_bytes(),
            check: [0; 16],
        };
        header.check = xxh3_128(&header.as_bytes()[..CHECKED_BYTES]).to_le_bytes();
        self.piece[..BLOCK_BYTES as usize].fill(0);
        self.piece[..size_of::<SnapshotHeader>()].copy_from_slice(header.as_bytes());
        write_full(&*self.file, &self.piece[..BLOCK_BYTES as usize], 0)?;
        self.file.sync()?;
        let folder = self.snapshots.folder()?;
        folder.rename(&self.draft, &snapshot_name(self.info.sequence))?;
        self.is_named = true;
        folder.sync()?;
        self.snapshots.drop_old()?;
        Ok(self.info)
    }

    /// Writes the bytes gathered so far, filled up to whole blocks with zeros.
    fn flush_piece(&mut self) -> io::Result<()> {
        let whole = self.filled.next_multiple_of(BLOCK_BYTES as usize);
        self.piece[self.filled..whole].fill(0);
        write_full(&*self.file, &self.piece[..whole], self.at)?;
        self.at += whole as u64;
        self.filled = 0;
        Ok(())
    }
}

impl Drop for SnapshotWriter {
    /// A draft that comes to nothing takes no room: on a full disk the journal needs it.
    fn drop(&mut self) {
        if !self.is_named {
            let _ = self.snapshots.folder().and_then(|folder| folder.remove(&self.draft));
        }
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.piece.len() - self.filled);
        self.piece[self.filled..][..len].copy_from_slice(&bytes[..len]);
        self.hasher.update(&bytes[..len]);
        self.filled += len;
        self.body_bytes += len as u64;
        if self.filled == self.piece.len() {
            self.flush_piece()?;
        }
        Ok(len)
    }

    /// Nothing is durable before `finish`.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A whole snapshot; reading it yields its body.
#[derive(Debug)]
pub struct Snapshot {
    pub info: SnapshotInfo,
    file: Arc<dyn DiskFile>,
    at: u64,
}

impl Snapshot {
    /// Opens a snapshot and reads it through once, so that only a whole body is ever handed out.
    fn open(folder: &dyn Folder, name: &str, sequence: u64) -> io::Result<Self> {
        let (mut snapshot, body_check) = Self::open_header(folder, name, sequence)?;
        let mut hasher = Xxh3Default::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match snapshot.read(&mut piece)? {
                0 => break,
                n => hasher.update(&piece[..n]),
            }
        }
        if snapshot.at != snapshot.info.body_bytes || hasher.digest128().to_le_bytes() != body_check {
            return Err(damaged("its body"));
        }
        snapshot.at = 0;
        Ok(snapshot)
    }

    /// Opens a snapshot whose header is good and whose length is right; what its body must hash to.
    fn open_header(folder: &dyn Folder, name: &str, sequence: u64) -> io::Result<(Self, [u8; 16])> {
        let file = folder.open(name, Access::Read)?;
        let mut block = vec![0; BLOCK_BYTES as usize];
        read_full(&*file, &mut block, 0)?;
        let (header, rest) = SnapshotHeader::read_from_prefix(&block).map_err(|_| damaged("its header"))?;
        let check = xxh3_128(&header.as_bytes()[..CHECKED_BYTES]).to_le_bytes();
        if header.magic != MAGIC || header.check != check || rest.iter().any(|byte| *byte != 0) {
            return Err(damaged("its header"));
        }
        if header.format.get() != SNAPSHOT_VERSION {
            return Err(io::Error::new(io::ErrorKind::Unsupported, format!("format version {}", header.format)));
        }
        if header.sequence.get() != sequence {
            return Err(damaged("its name or its sequence"));
        }
        let info = SnapshotInfo {
            body_version: header.body_version.get(),
            sequence,
            time_ns: header.time_ns.get(),
            state_hash: header.state_hash,
            body_bytes: header.body_bytes.get(),
        };
        if file.len()? != BLOCK_BYTES + info.body_bytes.next_multiple_of(BLOCK_BYTES) {
            return Err(damaged("its length"));
        }
        Ok((Self { info, file, at: 0 }, header.body_check))
    }
}

impl Read for Snapshot {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = (self.info.body_bytes - self.at).min(into.len() as u64) as usize;
        let got = read_full(&*self.file, &mut into[..left], BLOCK_BYTES + self.at)?;
        self.at += got as u64;
        Ok(got)
    }
}

fn snapshot_name(sequence: u64) -> String {
    format!("snap-{sequence:020}.ordo")
}

fn sequence_in(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("snap-")?.strip_suffix(".ordo")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged: {what}"))
}

#[cfg(test)]
mod tests;
