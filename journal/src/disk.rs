//! The seam to the file system: everything the journal does to segments and snapshots goes through `Disk` and `Folder`.
//!
//! Production uses `RealDisk`, whose folders are directory descriptors: a folder that was opened stays the same folder,
//! wherever its path leads later. Tests and the simulator use `MemDisk`, which fails, tears and forgets on demand. The
//! io_uring path alone writes past the seam, with the descriptor that `DiskFile::raw` gives.
//!
//! Absent on purpose: the tail file (`tail.rs`). It is memory that outlives the process, not storage.

#[cfg(any(test, feature = "testing"))]
mod mem;
mod real;
mod reserve;

use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::Path;
use std::sync::Arc;

#[cfg(any(test, feature = "testing"))]
pub use mem::{Fault, MemDisk};
pub use real::RealDisk;

use crate::error::FolderLost;
use crate::frame::BLOCK_BYTES;
use crate::mmap::ReadMap;

/// Writes in a row of which not one whole block arrives, after which a write is given up.
const FRUITLESS_WRITES_MAX: u32 = 100;

/// How a file that exists is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    /// For reading and for writes that are on stable storage when they return: whole blocks from page-aligned memory.
    Durable,
}

/// Whether what a file system calls stable storage can be: see `Journal::durability_proof`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurabilityProof {
    /// Writes go past the page cache to a device, and return when it has them.
    Proven,
    /// Nothing shows that a write survives a power loss; why, in a word or two (`tmpfs`, `ramfs`, `no O_DIRECT`).
    Unproven(&'static str),
}

impl fmt::Display for DurabilityProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven => f.write_str("proven"),
            Self::Unproven(why) => write!(f, "unproven: {why}"),
        }
    }
}

/// Where folders are.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a folder and its parents; nothing happens if it is there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Opens a folder that is there.
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>>;
}

/// An open folder, and the few file operations the journal needs. Names are those of files in it, never paths.
pub trait Folder: Send + Sync + fmt::Debug {
    /// The path that it was opened at: for messages.
    fn path(&self) -> &Path;
    /// A number that is another one for every other folder of the machine that is there at the same time.
    fn id(&self) -> u64;
    /// Names in it, in no particular order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes a new file, or empties the one that is there. Writes to it are whole blocks from page-aligned memory and
    /// durable after `sync`.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a regular file that is there, never waiting for anything else of that name; anything else is refused.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Moves a file to another folder under the same name; `CrossesDevices` where that is on another file system.
    fn move_to(&self, name: &str, to: &dyn Folder) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals in it durable.
    fn sync(&self) -> io::Result<()>;
    /// Takes the folder's exclusive lock without waiting; `WouldBlock` if another process or another lock has it.
    fn lock(&self) -> io::Result<Arc<dyn Lock>>;
    /// Keeps some file descriptors for later, to be used here when the process has no other left.
    fn reserve_descriptors(&self);
    /// Whether durable writes here can be durable.
    fn durability_proof(&self) -> io::Result<DurabilityProof>;
    /// Fills with unpredictable bytes: a journal's id, a segment's salt.
    fn random(&self, into: &mut [u8]) -> io::Result<()>;
    /// The descriptor for `move_to`, where the folder is a real one.
    fn raw(&self) -> Option<BorrowedFd<'_>>;
}

/// A folder's exclusive lock. Dropping the last reference releases it.
pub trait Lock: Send + Sync + fmt::Debug {
    /// Looks whether the folder's path still leads to it and its lock file is still the one that this lock holds. A lock
    /// file that is missing is made anew: the folder itself is locked too. `Ok` where that could not be found out.
    fn check(&self) -> Result<(), FolderLost>;
}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    fn len(&self) -> io::Result<u64>;
    /// May read less than asked; 0 at the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// May write less than asked.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Allocates the first `bytes` bytes: fails at once, changing nothing, where the disk has less room than that.
    fn reserve(&self, bytes: u64) -> io::Result<()>;
    /// Content and size are on stable storage when it returns.
    fn sync(&self) -> io::Result<()>;
    /// The whole file as read-only memory.
    fn map(&self) -> io::Result<ReadMap>;
    /// The descriptor for io_uring, where the file is a real one.
    fn raw(&self) -> Option<RawFd>;

    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Reads until `into` is full or the file ends; returns the number of bytes read.
pub(crate) fn read_full(file: &dyn DiskFile, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all bytes in as many calls as that takes; returns how many came back short or interrupted.
pub(crate) fn write_full(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<u64> {
    let mut progress = WriteProgress::of(bytes.len());
    while !progress.is_complete() {
        let done = progress.done();
        progress.add(file.write_at(&bytes[done..], offset + done as u64))?;
    }
    Ok(progress.continued())
}

/// How far a write of whole blocks has come, over all its calls.
///
/// A call that stops inside a block counts up to the start of that block: a write past the page cache has to start at
/// one, and the same bytes once more do no harm.
#[derive(Debug)]
pub(crate) struct WriteProgress {
    done: usize,
    len: usize,
    continued: u64,
    /// Calls in a row that completed no block.
    fruitless: u32,
}

impl WriteProgress {
    pub(crate) fn of(len: usize) -> Self {
        Self { done: 0, len, continued: 0, fruitless: 0 }
    }

    /// Bytes that need not be written again.
    pub(crate) fn done(&self) -> usize {
        self.done
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.done == self.len
    }

    /// Calls that came back short or interrupted.
    pub(crate) fn continued(&self) -> u64 {
        self.continued
    }

    /// Takes in the outcome of a call that began at `done`.
    ///
    /// # Errors
    /// The outcome's, if trying again is pointless; `WriteZero` if call after call brings nothing.
    pub(crate) fn add(&mut self, outcome: io::Result<usize>) -> io::Result<()> {
        let written = match outcome {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if is_passing(&error) => 0,
            Err(error) => return Err(error),
        };
        let end = self.done + written;
        let whole = if end == self.len { end } else { end - end % BLOCK_BYTES as usize };
        self.fruitless = if whole > self.done { 0 } else { self.fruitless + 1 };
        self.done = whole.max(self.done);
        self.continued += u64::from(!self.is_complete());
        if self.fruitless > FRUITLESS_WRITES_MAX { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }
}

/// Errors that say nothing about the disk: the call is made again.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests;
