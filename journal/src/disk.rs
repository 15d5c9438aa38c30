//! The seam to the file system: everything the journal does to segments and snapshots goes through `Disk`.
//!
//! Production uses `RealDisk`; tests and the simulator use `MemDisk`, which fails, tears and forgets on demand. The
//! io_uring path alone writes past it, with the descriptor that `DiskFile::raw` gives.
//!
//! Absent on purpose: the tail file (`tail.rs`). It is memory that outlives the process, not storage.

mod mem;
mod real;

use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::Arc;

pub use mem::{Fault, MemDisk};
pub use real::RealDisk;

use crate::mmap::ReadMap;

/// How a file that exists is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    /// For reading and for writes that are on stable storage when they return: whole blocks from page-aligned memory.
    Durable,
}

/// The few file operations the journal needs.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Names in a folder, in no particular order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes the folder and its parents.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes a new file, or empties the one that is there. Writes to it are whole blocks from page-aligned memory and
    /// durable after `sync`.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in the folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of that name without waiting; `WouldBlock` if another has it. Dropping it lets go.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send>>;
    /// Fills with unpredictable bytes: a journal's id, a segment's salt.
    fn random(&self, into: &mut [u8]) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    fn len(&self) -> io::Result<u64>;
    /// May read less than asked; 0 at the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// May write less than asked.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Sets room aside for the first `bytes` bytes: fails at once, changing nothing, where the disk has not so much.
    fn reserve(&self, bytes: u64) -> io::Result<()>;
    /// Content and size are on stable storage when it returns.
    fn sync(&self) -> io::Result<()>;
    /// The whole file as read-only memory.
    fn map(&self) -> io::Result<ReadMap>;
    /// The descriptor for io_uring, where the file is a real one.
    fn raw(&self) -> Option<RawFd>;

    /// Whether nothing is in it.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Reads until `into` is full or the file ends; says how much there was.
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

/// Writes all of it however many calls that takes; says how many came back short or interrupted.
pub(crate) fn write_full(file: &dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<u64> {
    let (mut done, mut again) = (0, 0);
    while done < bytes.len() {
        match file.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                done += n;
                again += u64::from(done < bytes.len());
            }
            Err(error) if is_passing(&error) => again += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(again)
}

/// Errors that say nothing about the disk: the call is made again.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
