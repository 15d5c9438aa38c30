//! Makes the next segment before it is needed: zeros written, synced, named, all off the journal's thread.
//!
//! Thread "journal-spare" works while there is no spare, and sleeps otherwise; it keeps ahead of the use of the current
//! segment, twice as fast, and slow when nothing is used, so that the disk stays free for the groups.
//!
//! Its room is allocated before anything else, as soon as the segment before it is taken into use: a full disk shows
//! while that one is still new. A try that fails is repeated every 250 ms. Meanwhile the journal reports the reason
//! (`storage_trouble`), refuses frames when the segment in use is full (`StorageFull`), and goes on once the next
//! segment is there. Absent on purpose: removing segments (`archive.rs`).

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::disk::Folder;
use crate::error::StorageTrouble;
use crate::segment::{Identity, Segment, create};

const RETRY: Duration = Duration::from_millis(250);
/// Pause before a piece of zeros for which the use of the current segment gives no reason yet.
const IDLE_PIECE: Duration = Duration::from_millis(2);

/// Why there is no spare now. Both pass: try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSpare {
    BeingMade,
    Failed,
}

/// The segment after the current one, or the work on it.
#[derive(Debug)]
pub(crate) struct Spares {
    maker: Arc<Maker>,
    /// None: made in the call itself, for tests and the simulator.
    thread: Option<JoinHandle<()>>,
    /// Monotonic time of the last failed try, where no thread tries.
    failed_at_ns: Option<u64>,
}

#[derive(Debug)]
struct Maker {
    folder: Arc<dyn Folder>,
    identity: Identity,
    work: Mutex<Work>,
    changed: Condvar,
    /// Bytes of the current segment in use.
    used: AtomicU64,
    /// Whether there is a spare, and whether the last try to make one failed: changed with the work locked, read by the
    /// hot thread without.
    is_ready: AtomicBool,
    has_failed: AtomicBool,
}

#[derive(Debug)]
struct Work {
    next_index: u64,
    ready: Option<Segment>,
    urgent: bool,
    stop: bool,
    /// Why the last try failed, if it did and none has succeeded since.
    trouble: Option<StorageTrouble>,
}

impl Spares {
    /// `ready` is the spare that is there already; else `next_index` is made.
    pub(crate) fn start(
        folder: Arc<dyn Folder>,
        identity: Identity,
        next_index: u64,
        ready: Option<Segment>,
        threaded: bool,
    ) -> io::Result<Self> {
        let is_ready = AtomicBool::new(ready.is_some());
        let work = Mutex::new(Work { next_index, ready, urgent: false, stop: false, trouble: None });
        let (changed, used, has_failed) = (Condvar::new(), AtomicU64::new(0), AtomicBool::new(false));
        let maker = Arc::new(Maker { folder, identity, work, changed, used, is_ready, has_failed });
        let shared = Arc::clone(&maker);
        let thread = threaded
            .then(|| std::thread::Builder::new().name("journal-spare".into()).spawn(move || shared.run()))
            .transpose()?;
        let mut spares = Self { maker, thread, failed_at_ns: None };
        spares.poll(0);
        Ok(spares)
    }

    /// Notes how many bytes of the current segment are in use: that paces the work on the next. Relaxed store.
    #[inline]
    pub(crate) fn used(&self, bytes: u64) {
        self.maker.used.store(bytes, Ordering::Relaxed);
    }

    /// The spare, if there is one; the work on the one after begins.
    pub(crate) fn take(&mut self) -> Result<Segment, NoSpare> {
        let mut work = self.maker.lock();
        let why = if self.has_failed() { NoSpare::Failed } else { NoSpare::BeingMade };
        let taken = work.ready.take().ok_or(why);
        match taken {
            Ok(_) => {
                self.maker.is_ready.store(false, Ordering::Relaxed);
                work.next_index += 1;
                work.urgent = false;
            }
            Err(_) => work.urgent = true,
        }
        drop(work);
        self.maker.changed.notify_all();
        taken
    }

    /// Where no thread does: makes the spare if there is none and the last failure is 250 ms ago; returns whether it did.
    #[inline]
    pub(crate) fn poll(&mut self, now_ns: u64) -> bool {
        let waits = self.failed_at_ns.is_some_and(|at| now_ns.saturating_sub(at) < RETRY.as_nanos() as u64);
        if self.thread.is_some() || waits || self.is_ready() {
            return false;
        }
        let made = self.maker.make_one();
        self.failed_at_ns = (!made).then_some(now_ns);
        made
    }

    /// Whether the last try to make a spare failed and none has succeeded since. Relaxed load.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.maker.has_failed.load(Ordering::Relaxed)
    }

    /// Why the last try to make a spare failed, while none has succeeded since.
    pub(crate) fn trouble(&self) -> Option<StorageTrouble> {
        if self.has_failed() { self.maker.lock().trouble.clone() } else { None }
    }

    /// Whether there is a spare. Relaxed load.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.maker.is_ready.load(Ordering::Relaxed)
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.maker.lock().stop = true;
        self.maker.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Maker {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let work = self.lock();
            let work =
                self.changed.wait_while(work, |b| b.ready.is_some() && !b.stop).unwrap_or_else(PoisonError::into_inner);
            if work.stop {
                return;
            }
            drop(work);
            if !self.make_one() {
                let work = self.lock();
                let _ = self.changed.wait_timeout_while(work, RETRY, |work| !work.stop);
            }
        }
    }

    /// Makes the next segment; returns whether it is there.
    fn make_one(&self) -> bool {
        let index = self.lock().next_index;
        let made = create(&*self.folder, self.identity, index, &mut |done| self.pace(done));
        let mut work = self.lock();
        match made {
            Ok(segment) => {
                if self.has_failed.swap(false, Ordering::Relaxed) {
                    tracing::info!(segment = index, "the next segment is there again");
                }
                work.trouble = None;
                work.ready = Some(segment);
                self.is_ready.store(true, Ordering::Relaxed);
                true
            }
            Err(_) if work.stop => false,
            Err(error) => {
                if !self.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(segment = index, %error, "the next segment cannot be made: trying again");
                }
                work.trouble = Some(StorageTrouble::from(&error));
                false
            }
        }
    }

    /// Waits while the work is ahead of the use of the current segment; false once the journal closes.
    fn pace(&self, done: u64) -> bool {
        let mut work = self.lock();
        let is_ahead = self.used.load(Ordering::Relaxed).saturating_mul(2) < done;
        if is_ahead && !work.urgent && !work.stop {
            work = self.changed.wait_timeout(work, IDLE_PIECE).unwrap_or_else(PoisonError::into_inner).0;
        }
        !work.stop
    }
}
