//! `Disk` on the file system of the machine.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{FallocateFlags, FlockOperation, OFlags, fallocate, flock};
use rustix::io::Errno;

use super::{Access, Disk, DiskFile};
use crate::mmap::ReadMap;

const LOCK_PAUSE: Duration = Duration::from_millis(1);
const LOCK_TRIES: u32 = 10_000;

/// Files with O_DIRECT where the file system has it, through the page cache where not.
#[derive(Debug, Default)]
pub struct RealDisk {
    /// Set once a file system refused O_DIRECT, so that it is asked once only.
    buffered: AtomicBool,
}

impl RealDisk {
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens past the page cache if that can be had.
    fn open_direct(&self, options: &mut OpenOptions, path: &Path, flags: OFlags) -> io::Result<File> {
        if !self.buffered.load(Ordering::Relaxed) {
            match options.custom_flags((flags | OFlags::DIRECT).bits().cast_signed()).open(path) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    tracing::info!(path = %path.display(), "no O_DIRECT here: writes go through the page cache");
                    self.buffered.store(true, Ordering::Relaxed);
                }
                other => return other,
            }
        }
        options.custom_flags(flags.bits().cast_signed()).open(path)
    }
}

impl Disk for RealDisk {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o640);
        Ok(Arc::new(RealFile(self.open_direct(&mut options, path, OFlags::CLOEXEC)?)))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        if access == Access::Read {
            return Ok(Arc::new(RealFile(options.open(path)?)));
        }
        let file = self.open_direct(options.write(true), path, OFlags::CLOEXEC | OFlags::DSYNC)?;
        // A write in flight holds the file open beyond its process's death, and this lock with it: whoever recovers
        // waits here until the last write of the process before has come down.
        await_lock(&file)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }

    fn random(&self, into: &mut [u8]) -> io::Result<()> {
        File::open("/dev/urandom")?.read_exact(into)
    }
}

/// Takes a segment's lock, for as long as the slowest disk may need for one write.
fn await_lock(file: &File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(LOCK_PAUSE),
            other => return Ok(other?),
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        match fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            // Where it is not to be had, the writes that follow find out.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(()),
            other => Ok(other?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn map(&self) -> io::Result<ReadMap> {
        ReadMap::of(&self.0)
    }

    fn raw(&self) -> Option<RawFd> {
        Some(self.0.as_raw_fd())
    }
}
