//! File descriptors kept for later: when the process has none left, the journal still makes its next segment, and
//! snapshots are still written.
//!
//! One reserve for the process, as the limit is the process's. Filled once a journal is opened for writing, or a
//! snapshot is written; a process that only reads has none.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

/// Enough at once for a change of segment, a look at the folder, a snapshot and a segment that is copied elsewhere.
const WANTED: usize = 8;

static KEPT: Mutex<Kept> = Mutex::new(Kept { files: Vec::new(), is_wanted: false });

/// Descriptors that refer to nothing worth reading, closed one by one as the journal needs their places.
struct Kept {
    files: Vec<File>,
    is_wanted: bool,
}

/// Fills the reserve, and keeps it filled from now on.
pub(super) fn reserve_descriptors() {
    let mut kept = kept();
    kept.is_wanted = true;
    kept.fill();
}

/// Opens something; while the process has no descriptor left, closes one of the reserve and opens again.
///
/// Another thread may be faster to take the one that was closed: the reserve holds several.
pub(super) fn open_with_reserve<T>(mut open: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match open() {
            Err(Errno::MFILE | Errno::NFILE) if kept().files.pop().is_some() => {}
            opened => {
                // What was used is replaced as soon as there are descriptors again.
                kept().fill();
                return Ok(opened?);
            }
        }
    }
}

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn fill(&mut self) {
        while self.is_wanted && self.files.len() < WANTED {
            let Ok(file) = File::open("/dev/null") else { return };
            self.files.push(file);
        }
    }
}
