//! `FaultyDisk`: the machine's disk, until its writes are held, it is filled, or one of its writes is to fail.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ordo_journal::{Access, Disk, DiskFile, DurabilityProof, Folder, Lock, ReadMap, RealDisk};

const EIO: i32 = 5;

/// See the module. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct FaultyDisk {
    real: Arc<RealDisk>,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    is_full: AtomicBool,
    is_denied: AtomicBool,
    is_in_memory: AtomicBool,
    /// Locked: no durable write begins.
    held: Mutex<()>,
    /// Durable writes until one fails; below zero, none will.
    writes_left: AtomicI64,
    is_armed: AtomicBool,
}

impl FaultyDisk {
    /// No file is made and none grows.
    pub fn fill(&self) {
        self.faults.is_full.store(true, Ordering::SeqCst);
    }

    /// No file is made and none grows, for want of permission.
    pub fn deny(&self) {
        self.faults.is_denied.store(true, Ordering::SeqCst);
    }

    /// What it holds is gone after a power loss: it says so itself.
    pub fn be_in_memory(&self) {
        self.faults.is_in_memory.store(true, Ordering::SeqCst);
    }

    pub fn make_room(&self) {
        self.faults.is_full.store(false, Ordering::SeqCst);
    }

    /// No durable write begins until the guard goes.
    pub fn hold_writes(&self) -> MutexGuard<'_, ()> {
        self.faults.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The n-th durable write from now on fails with EIO.
    pub fn fail_write(&self, nth: i64) {
        self.faults.writes_left.store(nth, Ordering::SeqCst);
        self.faults.is_armed.store(true, Ordering::SeqCst);
    }
}

impl Faults {
    fn before_durable_write(&self) -> io::Result<()> {
        drop(self.held.lock());
        if self.is_armed.load(Ordering::SeqCst) && self.writes_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }

    fn before_growth(&self) -> io::Result<()> {
        if self.is_denied.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if self.is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for FaultyDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.real.create_folder(path)
    }

    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        let (real, faults) = (self.real.open_folder(path)?, self.faults.clone());
        Ok(Arc::new(FaultyFolder { real, faults }))
    }
}

#[derive(Debug)]
struct FaultyFolder {
    real: Arc<dyn Folder>,
    faults: Arc<Faults>,
}

impl Folder for FaultyFolder {
    fn path(&self) -> &Path {
        self.real.path()
    }

    fn id(&self) -> u64 {
        self.real.id()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.real.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.faults.before_growth()?;
        let (real, faults) = (self.real.create(name)?, self.faults.clone());
        Ok(Arc::new(FaultyFile { real, faults, is_durable: false }))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let (real, faults) = (self.real.open(name, access)?, self.faults.clone());
        Ok(Arc::new(FaultyFile { real, faults, is_durable: access == Access::Durable }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.real.rename(from, to)
    }

    fn move_to(&self, name: &str, to: &dyn Folder) -> io::Result<()> {
        self.real.move_to(name, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.real.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.real.sync()
    }

    fn lock(&self) -> io::Result<Arc<dyn Lock>> {
        self.real.lock()
    }

    fn reserve_descriptors(&self) {
        self.real.reserve_descriptors();
    }

    fn durability_proof(&self) -> io::Result<DurabilityProof> {
        let is_in_memory = self.faults.is_in_memory.load(Ordering::SeqCst);
        if is_in_memory { Ok(DurabilityProof::Unproven("tmpfs")) } else { self.real.durability_proof() }
    }

    fn random(&self, into: &mut [u8]) -> io::Result<()> {
        self.real.random(into)
    }

    fn raw(&self) -> Option<BorrowedFd<'_>> {
        self.real.raw()
    }
}

#[derive(Debug)]
struct FaultyFile {
    real: Arc<dyn DiskFile>,
    faults: Arc<Faults>,
    is_durable: bool,
}

impl DiskFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.real.len()
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        self.faults.before_growth()?;
        self.real.reserve(bytes)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.real.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.is_durable {
            self.faults.before_durable_write()?
        } else {
            self.faults.before_growth()?
        }
        self.real.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.real.sync()
    }

    fn map(&self) -> io::Result<ReadMap> {
        self.real.map()
    }

    fn raw(&self) -> Option<RawFd> {
        None
    }
}
