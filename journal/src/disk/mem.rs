//! `Disk` in memory, for tests and the simulator: it counts operations, fails them, and forgets at a power loss
//! whatever was not synced, block by block, as the test chooses.
//!
//! Deterministic: its "random" bytes come from the seed. One lock around everything: speed is not its purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, DiskFile, DurabilityProof, Folder, Lock};
use crate::error::FolderLost;
use crate::mmap::ReadMap;

const BLOCK: usize = 4096;

/// A fault to inject, and when. Counts start at 1 with the operation after `fail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The n-th durable write fails and changes nothing.
    DurableWrite { nth: u64, kind: io::ErrorKind },
    /// The n-th durable write writes this many bytes only.
    Short { nth: u64, bytes: usize },
    /// The n-th sync of a file fails; what it would have made durable may be lost.
    Sync { nth: u64, kind: io::ErrorKind },
    /// The n-th read fails.
    Read { nth: u64, kind: io::ErrorKind },
    /// Power is lost at the n-th operation that changes anything: it may be half done, and all after it fail.
    PowerLoss { nth: u64 },
}

/// The file system in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct MemDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Names as a program sees them, and as they would be after a power loss.
    names: BTreeMap<PathBuf, usize>,
    names_synced: BTreeMap<PathBuf, usize>,
    files: Vec<MemFile>,
    locks: BTreeSet<PathBuf>,
    faults: Vec<Fault>,
    counts: Counts,
    capacity: Option<usize>,
    /// Why making a file fails, where it does.
    refusal: Option<i32>,
    /// The outcome of every look at a locked folder.
    folder_lost: Option<FolderLost>,
    dead: bool,
    random: u64,
}

#[derive(Debug, Default)]
struct Counts {
    durable_writes: u64,
    syncs: u64,
    reads: u64,
    read_bytes: u64,
    changes: u64,
}

#[derive(Clone, Debug, Default)]
struct MemFile {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    unsynced: BTreeSet<usize>,
    /// Room set aside for it, in use or not.
    reserved: usize,
    /// Bytes that no read gets past.
    unreadable: Option<Range<usize>>,
}

impl MemFile {
    /// Bytes of the disk that it takes.
    fn room(&self) -> usize {
        self.bytes.len().max(self.reserved)
    }
}

impl MemDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State { random: seed, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the faults to come and counts anew.
    pub fn fail(&self, faults: &[Fault]) {
        let mut state = self.state();
        state.faults = faults.to_vec();
        state.counts = Counts::default();
    }

    /// Operations that changed anything since `fail`.
    pub fn changes(&self) -> u64 {
        self.state().counts.changes
    }

    /// Bytes that were read since `fail`.
    pub fn read_bytes(&self) -> u64 {
        self.state().counts.read_bytes
    }

    /// Bytes all files together may have; `None` is no limit.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// From now on making a file fails with that error number; `None` is not at all.
    pub fn refuse_files(&self, errno: Option<i32>) {
        self.state().refusal = errno;
    }

    /// From now on the locked folders are found lost, or not.
    pub fn lose_folder(&self, how: Option<FolderLost>) {
        self.state().folder_lost = how;
    }

    /// A file's bytes as a program sees them.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).map(|id| state.files[*id].bytes.clone())
    }

    /// Puts a file there, durably, or takes it away.
    pub fn set(&self, path: &Path, bytes: Option<Vec<u8>>) {
        let mut state = self.state();
        state.names.remove(path);
        state.names_synced.remove(path);
        if let Some(bytes) = bytes {
            let id = state.files.len();
            state.files.push(MemFile { synced: bytes.clone(), bytes, ..MemFile::default() });
            state.names.insert(path.to_owned(), id);
            state.names_synced.insert(path.to_owned(), id);
        }
    }

    /// Turns one bit of a file over, durably.
    pub fn flip(&self, path: &Path, bit: u64) {
        let mut state = self.state();
        let id = state.names[path];
        let file = &mut state.files[id];
        for bytes in [&mut file.bytes, &mut file.synced] {
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
    }

    /// Makes a stretch of a file fail to be read.
    pub fn set_unreadable(&self, path: &Path, bytes: Option<Range<usize>>) {
        let mut state = self.state();
        let id = state.names[path];
        state.files[id].unreadable = bytes;
    }

    /// A disk of its own with the same files, all durable, no faults and no locks.
    pub fn copy(&self) -> Self {
        self.after_power_loss(true, |_, _| true)
    }

    /// The disk after a power loss now: all durable blocks, of the others those that `keep` chooses, and the
    /// names as they are now if `keep_names`.
    pub fn after_power_loss(&self, keep_names: bool, mut keep: impl FnMut(&Path, usize) -> bool) -> Self {
        let state = self.state();
        let names = if keep_names { &state.names } else { &state.names_synced };
        let fresh = Self::new(state.random.wrapping_add(1));
        for (path, id) in names {
            let file = &state.files[*id];
            let mut bytes = file.synced.clone();
            for block in &file.unsynced {
                if keep(path, *block) {
                    let range = block * BLOCK..((block + 1) * BLOCK).min(file.bytes.len());
                    bytes.resize(bytes.len().max(range.end), 0);
                    bytes[range.clone()].copy_from_slice(&file.bytes[range]);
                }
            }
            fresh.set(path, Some(bytes));
        }
        fresh
    }

    /// Blocks that a power loss now could take, of all files.
    pub fn unsynced(&self) -> Vec<(PathBuf, usize)> {
        let state = self.state();
        let blocks = |(path, id): (&PathBuf, &usize)| {
            state.files[*id].unsynced.iter().map(|block| (path.clone(), *block)).collect::<Vec<_>>()
        };
        state.names.iter().flat_map(blocks).collect()
    }
}

impl State {
    /// Counts a change; true if the power goes at this one.
    fn change(&mut self) -> io::Result<bool> {
        if self.dead {
            return Err(power_lost());
        }
        self.counts.changes += 1;
        self.dead = self.faults.contains(&Fault::PowerLoss { nth: self.counts.changes });
        Ok(self.dead)
    }

    fn fault(&self, hit: impl Fn(&Fault) -> Option<io::ErrorKind>) -> io::Result<()> {
        self.faults.iter().find_map(hit).map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Whether the disk has room for a file of that many bytes.
    fn find_room(&self, id: usize, bytes: usize) -> io::Result<()> {
        let used: usize = self.files.iter().map(MemFile::room).sum();
        let grows = bytes.saturating_sub(self.files[id].room());
        if grows > 0 && self.capacity.is_some_and(|capacity| used + grows > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// Frees the room of a file that is no longer read.
    fn free(&mut self, id: usize) {
        self.files[id].bytes = Vec::new();
        self.files[id].reserved = 0;
    }

    fn rename(&mut self, from: &Path, to: PathBuf) -> io::Result<()> {
        let lost = self.change()?;
        let id = self.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.names.insert(to, id);
        if lost { Err(power_lost()) } else { Ok(()) }
    }

    fn write(&mut self, id: usize, bytes: &[u8], offset: usize, durable: bool) -> io::Result<usize> {
        if !offset.is_multiple_of(BLOCK) || !bytes.len().is_multiple_of(BLOCK) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let lost = self.change()?;
        let mut len = bytes.len();
        if durable {
            self.counts.durable_writes += 1;
            let count = self.counts.durable_writes;
            self.fault(|fault| match *fault {
                Fault::DurableWrite { nth, kind } if nth == count => Some(kind),
                _ => None,
            })?;
            let short = self.faults.iter().find_map(|fault| match *fault {
                Fault::Short { nth, bytes } if nth == count => Some(bytes),
                _ => None,
            });
            len = len.min(short.unwrap_or(len));
        }
        let end = offset + len;
        self.find_room(id, end)?;
        let file = &mut self.files[id];
        file.bytes.resize(file.bytes.len().max(end), 0);
        file.bytes[offset..end].copy_from_slice(&bytes[..len]);
        if durable && !lost {
            file.synced.resize(file.synced.len().max(end), 0);
            file.synced[offset..end].copy_from_slice(&bytes[..len]);
        } else {
            file.unsynced.extend(offset / BLOCK..end.div_ceil(BLOCK));
        }
        if lost { Err(power_lost()) } else { Ok(len) }
    }
}

impl Disk for MemDisk {
    fn create_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        Ok(Arc::new(MemFolder { disk: self.clone(), path: path.to_owned() }))
    }
}

/// The files whose paths begin with that of the folder.
#[derive(Debug)]
struct MemFolder {
    disk: MemDisk,
    path: PathBuf,
}

impl MemFolder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.disk.state()
    }
}

impl Folder for MemFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn id(&self) -> u64 {
        0
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(state.names.keys().filter(|path| path.parent() == Some(&self.path)).filter_map(name).collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        if let Some(errno) = state.refusal {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let lost = state.change()?;
        let id = state.files.len();
        state.files.push(MemFile::default());
        if let Some(old) = state.names.insert(self.path.join(name), id) {
            state.free(old);
        }
        if lost { Err(power_lost()) } else { Ok(Arc::new(Handle { disk: self.disk.clone(), id, durable: false })) }
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let id = *self.state().names.get(&self.path.join(name)).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(Handle { disk: self.disk.clone(), id, durable: access == Access::Durable }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().rename(&self.path.join(from), self.path.join(to))
    }

    fn move_to(&self, name: &str, to: &dyn Folder) -> io::Result<()> {
        self.state().rename(&self.path.join(name), to.path().join(name))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let lost = state.change()?;
        let id = state.names.remove(&self.path.join(name)).ok_or(io::ErrorKind::NotFound)?;
        if !state.names_synced.values().any(|other| *other == id) {
            state.free(id);
        }
        if lost { Err(power_lost()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.change()? {
            return Err(power_lost());
        }
        let is_here = |path: &Path| path.parent() == Some(&self.path);
        state.names_synced.retain(|path, _| !is_here(path));
        let current: Vec<_> =
            state.names.iter().filter(|(path, _)| is_here(path)).map(|(p, id)| (p.clone(), *id)).collect();
        state.names_synced.extend(current);
        Ok(())
    }

    fn lock(&self) -> io::Result<Arc<dyn Lock>> {
        if !self.state().locks.insert(self.path.clone()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Arc::new(Held { disk: self.disk.clone(), path: self.path.clone() }))
    }

    fn reserve_descriptors(&self) {}

    fn durability_proof(&self) -> io::Result<DurabilityProof> {
        Ok(DurabilityProof::Proven)
    }

    fn random(&self, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        for byte in into {
            // SplitMix64: enough for salts that only have to differ.
            state.random = state.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = state.random;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }

    fn raw(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[derive(Debug)]
struct Held {
    disk: MemDisk,
    path: PathBuf,
}

impl Lock for Held {
    fn check(&self) -> Result<(), FolderLost> {
        self.disk.state().folder_lost.map_or(Ok(()), Err)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct Handle {
    disk: MemDisk,
    id: usize,
    durable: bool,
}

impl DiskFile for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.id].bytes.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.counts.reads += 1;
        let count = state.counts.reads;
        state.fault(|fault| match *fault {
            Fault::Read { nth, kind } if nth == count => Some(kind),
            _ => None,
        })?;
        let MemFile { bytes, unreadable, .. } = &state.files[self.id];
        let from = (offset as usize).min(bytes.len());
        let len = into.len().min(bytes.len() - from);
        if unreadable.as_ref().is_some_and(|bad| bad.start < from + len && from < bad.end) {
            return Err(io::Error::other("bad sector"));
        }
        into[..len].copy_from_slice(&bytes[from..from + len]);
        state.counts.read_bytes += len as u64;
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.disk.state().write(self.id, bytes, offset as usize, self.durable)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.change()? {
            return Err(power_lost());
        }
        state.find_room(self.id, bytes as usize)?;
        let file = &mut state.files[self.id];
        file.reserved = file.reserved.max(bytes as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.change()? {
            return Err(power_lost());
        }
        state.counts.syncs += 1;
        let count = state.counts.syncs;
        state.fault(|fault| match *fault {
            Fault::Sync { nth, kind } if nth == count => Some(kind),
            _ => None,
        })?;
        let file = &mut state.files[self.id];
        file.synced.clone_from(&file.bytes);
        file.unsynced.clear();
        Ok(())
    }

    fn map(&self) -> io::Result<ReadMap> {
        Ok(self.disk.state().files[self.id].bytes.clone().into())
    }

    fn raw(&self) -> Option<RawFd> {
        None
    }
}

#[cold]
fn power_lost() -> io::Error {
    io::Error::other("power lost")
}
