//! `Disk` on the file system of the machine.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{
    AtFlags, Dir, FallocateFlags, FileType, FlockOperation, Mode, OFlags, Stat, fallocate, fcntl_getfl, fcntl_setfl,
    flock, fstat, fstatfs, openat, renameat, stat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::reserve::{open_with_reserve, reserve_descriptors};
use super::{Access, Disk, DiskFile, DurabilityProof, Folder, Lock};
use crate::error::FolderLost;
use crate::mmap::ReadMap;

const LOCK_NAME: &str = "LOCK";
const LOCK_PAUSE: Duration = Duration::from_millis(1);
const LOCK_TRIES: u32 = 10_000;
/// Folders are the owner's, files his group's too.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
/// Numbers of file systems that are memory (`man 2 statfs`).
const TMPFS_MAGIC: i64 = 0x0102_1994;
const RAMFS_MAGIC: i64 = 0x8584_58f6;

/// Files with O_DIRECT where the file system has it, through the page cache where not.
#[derive(Debug, Default)]
pub struct RealDisk {
    /// Set once a file system refused O_DIRECT, so that it is asked once only.
    is_buffered: Arc<AtomicBool>,
}

impl RealDisk {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Disk for RealDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        let fd = open_with_reserve(|| rustix::fs::open(path, FOLDER_FLAGS, Mode::empty()))?;
        let is_buffered = Arc::clone(&self.is_buffered);
        Ok(Arc::new(RealFolder { path: path.to_owned(), fd, is_buffered }))
    }
}

const FOLDER_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

#[derive(Debug)]
struct RealFolder {
    path: PathBuf,
    fd: OwnedFd,
    is_buffered: Arc<AtomicBool>,
}

impl RealFolder {
    /// Opens a regular file; a pipe or a device of that name is refused, and never waited for.
    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let file = File::from(open_with_reserve(|| openat(&self.fd, name, flags, FILE_MODE))?);
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        // It was for the opening only: io_uring takes it as a wish never to wait for the disk.
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(file)
    }

    /// Opens past the page cache if that can be had.
    fn open_direct(&self, name: &str, flags: OFlags) -> io::Result<File> {
        if !self.is_buffered.load(Ordering::Relaxed) {
            match self.open_file(name, flags | OFlags::DIRECT) {
                Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                    tracing::info!(folder = %self.path.display(), "no O_DIRECT here: writes go through the page cache");
                    self.is_buffered.store(true, Ordering::Relaxed);
                }
                other => return other,
            }
        }
        self.open_file(name, flags)
    }
}

impl Folder for RealFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn id(&self) -> u64 {
        fstat(&self.fd).map_or(0, |stat| stat.st_ino ^ stat.st_dev.rotate_left(32))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = open_with_reserve(|| Dir::read_from(&self.fd))?;
        let name = |entry: rustix::io::Result<rustix::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(io::Error::from)
        };
        entries.map(name).filter(|name| !name.as_ref().is_ok_and(|name| name == "." || name == "..")).collect()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.open_direct(name, OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        if access == Access::Read {
            return Ok(Arc::new(RealFile(self.open_file(name, OFlags::RDONLY)?)));
        }
        let file = self.open_direct(name, OFlags::RDWR | OFlags::DSYNC)?;
        // A write in flight holds the file open beyond its process's death, and this lock with it: recovery waits here
        // until the last write of the process before has come down.
        await_lock(&file)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    fn move_to(&self, name: &str, to: &dyn Folder) -> io::Result<()> {
        let to = to.raw().ok_or(io::ErrorKind::CrossesDevices)?;
        Ok(renameat(&self.fd, name, to, name)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    fn lock(&self) -> io::Result<Arc<dyn Lock>> {
        // A descriptor of its own: a lock belongs to what was opened, and this one ends with the value returned.
        let folder = openat(&self.fd, ".", FOLDER_FLAGS, Mode::empty())?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::BADF | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOLCK | Errno::NOSYS) => {
                tracing::warn!(folder = %self.path.display(), "a folder cannot be locked here: LOCK alone keeps others out");
            }
            locked => locked?,
        }
        let lock_file = Mutex::new(lock_file_in(folder.as_fd(), OFlags::empty())?);
        Ok(Arc::new(RealLock { path: self.path.clone(), folder, lock_file }))
    }

    fn reserve_descriptors(&self) {
        reserve_descriptors();
    }

    fn durability_proof(&self) -> io::Result<DurabilityProof> {
        Ok(match fstatfs(&self.fd)?.f_type as i64 {
            TMPFS_MAGIC => DurabilityProof::Unproven("tmpfs"),
            RAMFS_MAGIC => DurabilityProof::Unproven("ramfs"),
            _ if self.is_buffered.load(Ordering::Relaxed) => DurabilityProof::Unproven("no O_DIRECT"),
            _ => DurabilityProof::Proven,
        })
    }

    fn random(&self, into: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < into.len() {
            match getrandom(&mut into[done..], GetRandomFlags::empty()) {
                Ok(got) => done += got,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn raw(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }
}

/// The lock of a folder: on the folder itself, and on the file `LOCK` in it, which earlier builds look at alone.
#[derive(Debug)]
struct RealLock {
    path: PathBuf,
    folder: OwnedFd,
    lock_file: Mutex<File>,
}

impl RealLock {
    /// Whether `LOCK` is what it was; `None` if there is none.
    fn is_ours(&self, lock_file: &File) -> rustix::io::Result<Option<bool>> {
        match statat(&self.folder, LOCK_NAME, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            there => Ok(Some(is_same(&there?, &fstat(lock_file)?))),
        }
    }
}

impl Lock for RealLock {
    fn check(&self) -> Result<(), FolderLost> {
        let at_path = stat(&self.path);
        let is_gone = matches!(at_path, Err(Errno::NOENT | Errno::NOTDIR | Errno::STALE));
        let is_another = matches!((&at_path, fstat(&self.folder)), (Ok(there), Ok(held)) if !is_same(there, &held));
        if is_gone || is_another {
            return Err(FolderLost::Moved);
        }
        let mut lock_file = self.lock_file.lock().unwrap_or_else(PoisonError::into_inner);
        match self.is_ours(&lock_file) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => return Err(FolderLost::LockReplaced),
            Ok(None) => match lock_file_in(self.folder.as_fd(), OFlags::EXCL) {
                Ok(file) => {
                    tracing::warn!(folder = %self.path.display(), "the file LOCK was removed: made anew; the folder stayed locked");
                    *lock_file = file;
                }
                Err(error) => tracing::warn!(%error, "the file LOCK was removed and cannot be made anew"),
            },
            Err(error) => tracing::warn!(%error, "the file LOCK cannot be looked at"),
        }
        Ok(())
    }
}

fn is_same(a: &Stat, b: &Stat) -> bool {
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
}

/// Opens the file `LOCK` of a folder, making it if need be, and locks it.
fn lock_file_in(folder: BorrowedFd<'_>, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = File::from(openat(folder, LOCK_NAME, flags, FILE_MODE)?);
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
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
