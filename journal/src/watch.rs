//! Looks once a second whether the journal's folder is still the one that its path leads to.
//!
//! Thread "journal-watch": the look waits for the disk, which the journal's thread must not. A folder that was renamed,
//! removed or replaced under a hub takes all later frames with it, while the path leads another start elsewhere. Frames
//! never get into the other folder (this one is held by a descriptor), but acknowledged ones would be lost with this one:
//! the journal is poisoned instead.
//!
//! Absent on purpose: a clock. Where there is no thread (tests, the simulator) the caller asks, by `Journal::check_folder`.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::disk::{Folder, Lock, read_full};
use crate::error::{FolderLost, ReadError};
use crate::frame::{BLOCK_BYTES, lone_mark};
use crate::segment::{Identity, Segment, open_segment};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// In `last_group_at`: no group was written yet.
const NONE: u64 = u64::MAX;

/// A folder that is open and locked, while its journal is open.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) folder: Arc<dyn Folder>,
    pub(crate) lock: Arc<dyn Lock>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct FolderWatch {
    watched: Arc<Watched>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Watched {
    held: Held,
    identity: Identity,
    /// Where the last durable group starts, in the numbering of `tail.rs`.
    last_group_at: AtomicU64,
    lost: OnceLock<FolderLost>,
    is_stopping: Mutex<bool>,
    stop: Condvar,
}

impl FolderWatch {
    pub(crate) fn start(held: Held, identity: Identity, is_threaded: bool) -> io::Result<Self> {
        let watched = Arc::new(Watched {
            held,
            identity,
            last_group_at: AtomicU64::new(NONE),
            lost: OnceLock::new(),
            is_stopping: Mutex::new(false),
            stop: Condvar::new(),
        });
        let shared = Arc::clone(&watched);
        let thread = is_threaded
            .then(|| std::thread::Builder::new().name("journal-watch".into()).spawn(move || shared.run()))
            .transpose()?;
        Ok(Self { watched, thread })
    }

    /// Notes where the last durable group starts. Relaxed store.
    #[inline]
    pub(crate) fn note_group(&self, at: u64) {
        self.watched.last_group_at.store(at, Ordering::Relaxed);
    }

    /// What a look has found, once it has found the folder lost. One acquire load.
    #[inline]
    pub(crate) fn lost(&self) -> Option<FolderLost> {
        self.watched.lost.get().copied()
    }

    /// Looks now, on the caller's thread.
    pub(crate) fn look(&self) -> Result<(), FolderLost> {
        self.watched.look()
    }
}

impl Drop for FolderWatch {
    fn drop(&mut self) {
        *self.watched.is_stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.watched.stop.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Watched {
    fn run(&self) {
        let mut is_stopping = self.is_stopping.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_stopping {
            let waited = self.stop.wait_timeout(is_stopping, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner);
            is_stopping = waited.0;
            if *is_stopping {
                return;
            }
            drop(is_stopping);
            if self.look().is_err() {
                return;
            }
            is_stopping = self.is_stopping.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn look(&self) -> Result<(), FolderLost> {
        if let Some(lost) = self.lost.get() {
            return Err(*lost);
        }
        let found = self.held.lock.check().and_then(|()| self.check_last_group());
        if let Err(lost) = found {
            tracing::error!(folder = %self.held.folder.path().display(), %lost, "the journal's folder is lost");
            let _ = self.lost.set(lost);
        }
        found
    }

    /// Whether the last durable group lies in the segment of its name, which has its full size.
    fn check_last_group(&self) -> Result<(), FolderLost> {
        loop {
            let at = self.last_group_at.load(Ordering::Relaxed);
            if at == NONE {
                return Ok(());
            }
            match self.has_group(at) {
                // Archived since: by now there is a later one.
                Err(_) if self.last_group_at.load(Ordering::Relaxed) != at => {}
                found => return found,
            }
        }
    }

    fn has_group(&self, at: u64) -> Result<(), FolderLost> {
        let (index, offset) = (at / self.identity.segment_bytes, at % self.identity.segment_bytes);
        let segment = match open_segment(&*self.held.folder, index, Some(self.identity)) {
            Ok(Some((segment, _))) => segment,
            Ok(None) => return Err(FolderLost::SegmentMissing(index)),
            Err(ReadError::Io { source, .. }) => return unknown(index, &source),
            Err(_) => return Err(FolderLost::SegmentReplaced(index)),
        };
        match self.holds(&segment, offset) {
            Ok(true) => Ok(()),
            Ok(false) => Err(FolderLost::SegmentReplaced(index)),
            Err(error) => unknown(index, &error),
        }
    }

    fn holds(&self, segment: &Segment, offset: u64) -> io::Result<bool> {
        let mut block = vec![0; BLOCK_BYTES as usize];
        read_full(&*segment.file, &mut block, offset)?;
        let is_whole = segment.file.len()? == self.identity.segment_bytes;
        Ok(is_whole && lone_mark(&block, &segment.key, offset).is_some())
    }
}

/// A look that failed: no permission, no descriptor, a bad sector. That is no evidence that the folder is lost.
fn unknown(segment: u64, error: &io::Error) -> Result<(), FolderLost> {
    tracing::warn!(segment, %error, "the segment in use cannot be looked at");
    Ok(())
}
