//! Makes the next segment before it is needed: zeros written, synced, named, all off the journal's thread.
//!
//! Thread "journal-spare" works while there is no spare, and sleeps otherwise; it keeps ahead of the use of the current
//! segment, twice as fast, and slow when nothing is used, so that the disk stays free for the groups.
//!
//! Its room is set aside before anything else, as soon as the segment before it is taken into use: a full disk shows
//! while that one is still new. Then it tries again every 250 ms: the journal says so (`is_short_of_storage`), refuses
//! when the segment in use is full (`StorageFull`), and goes on when there is room. Absent on purpose: taking segments
//! away (`archive.rs`).

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::disk::Disk;
use crate::segment::{Identity, Segment, create};

const RETRY: Duration = Duration::from_millis(250);
/// Pause before a piece of zeros for which the use of the current segment gives no reason yet.
const IDLE_PIECE: Duration = Duration::from_millis(2);

/// Why there is no spare now. Both pass: come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSpare {
    BeingMade,
    Failed,
}

/// The segment after the current one, or the work on it.
#[derive(Debug)]
pub(crate) struct Spares {
    shop: Arc<Shop>,
    /// None: made in the call itself, for tests and the simulator.
    thread: Option<JoinHandle<()>>,
    /// Monotonic time of the last failed try, where no thread tries.
    failed_at_ns: Option<u64>,
}

#[derive(Debug)]
struct Shop {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    identity: Identity,
    bench: Mutex<Bench>,
    changed: Condvar,
    /// Bytes of the current segment in use.
    used: AtomicU64,
    /// Whether there is a spare, and whether the last try to make one failed: changed with the bench locked, read by the
    /// hot thread without.
    is_ready: AtomicBool,
    has_failed: AtomicBool,
}

#[derive(Debug)]
struct Bench {
    next_index: u64,
    ready: Option<Segment>,
    urgent: bool,
    stop: bool,
}

impl Spares {
    /// `ready` is the spare that is there already; else `next_index` is made.
    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        identity: Identity,
        next_index: u64,
        ready: Option<Segment>,
        threaded: bool,
    ) -> io::Result<Self> {
        let is_ready = AtomicBool::new(ready.is_some());
        let bench = Mutex::new(Bench { next_index, ready, urgent: false, stop: false });
        let (changed, used, has_failed) = (Condvar::new(), AtomicU64::new(0), AtomicBool::new(false));
        let shop = Arc::new(Shop { disk, dir, identity, bench, changed, used, is_ready, has_failed });
        let theirs = Arc::clone(&shop);
        let thread = threaded
            .then(|| std::thread::Builder::new().name("journal-spare".into()).spawn(move || theirs.serve()))
            .transpose()?;
        let mut spares = Self { shop, thread, failed_at_ns: None };
        spares.poll(0);
        Ok(spares)
    }

    /// Says how much of the current segment is used: paces the work on the next. Relaxed store.
    #[inline]
    pub(crate) fn used(&self, bytes: u64) {
        self.shop.used.store(bytes, Ordering::Relaxed);
    }

    /// The spare, if there is one; the work on the one after begins.
    pub(crate) fn take(&mut self) -> Result<Segment, NoSpare> {
        let mut bench = self.shop.lock();
        let why = if self.has_failed() { NoSpare::Failed } else { NoSpare::BeingMade };
        let taken = bench.ready.take().ok_or(why);
        match taken {
            Ok(_) => {
                self.shop.is_ready.store(false, Ordering::Relaxed);
                bench.next_index += 1;
                bench.urgent = false;
            }
            Err(_) => bench.urgent = true,
        }
        drop(bench);
        self.shop.changed.notify_all();
        taken
    }

    /// Where no thread does: makes the spare if there is none and the last failure is 250 ms ago; says whether it did.
    #[inline]
    pub(crate) fn poll(&mut self, now_ns: u64) -> bool {
        let waits = self.failed_at_ns.is_some_and(|at| now_ns.saturating_sub(at) < RETRY.as_nanos() as u64);
        if self.thread.is_some() || waits || self.is_ready() {
            return false;
        }
        let made = self.shop.make_one();
        self.failed_at_ns = (!made).then_some(now_ns);
        made
    }

    /// Whether the last try to make a spare failed and none has succeeded since. Relaxed load.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.shop.has_failed.load(Ordering::Relaxed)
    }

    /// Whether there is a spare. Relaxed load.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.shop.is_ready.load(Ordering::Relaxed)
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.shop.lock().stop = true;
        self.shop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shop {
    fn lock(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        loop {
            let bench = self.lock();
            let bench = self
                .changed
                .wait_while(bench, |b| b.ready.is_some() && !b.stop)
                .unwrap_or_else(PoisonError::into_inner);
            if bench.stop {
                return;
            }
            drop(bench);
            if !self.make_one() {
                let bench = self.lock();
                let _ = self.changed.wait_timeout_while(bench, RETRY, |bench| !bench.stop);
            }
        }
    }

    /// Makes the next segment; says whether it is there.
    fn make_one(&self) -> bool {
        let index = self.lock().next_index;
        let made = create(&*self.disk, &self.dir, self.identity, index, &mut |done| self.pace(done));
        let mut bench = self.lock();
        match made {
            Ok(segment) => {
                if self.has_failed.swap(false, Ordering::Relaxed) {
                    tracing::info!(segment = index, "there is room for the next segment again");
                }
                bench.ready = Some(segment);
                self.is_ready.store(true, Ordering::Relaxed);
                true
            }
            Err(_) if bench.stop => false,
            Err(error) => {
                if !self.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::error!(segment = index, %error, "the next segment cannot be made: trying again");
                }
                false
            }
        }
    }

    /// Waits while the work is ahead of the use of the current segment; false at the end of it all.
    fn pace(&self, done: u64) -> bool {
        let mut bench = self.lock();
        let is_ahead = self.used.load(Ordering::Relaxed).saturating_mul(2) < done;
        if is_ahead && !bench.urgent && !bench.stop {
            bench = self.changed.wait_timeout(bench, IDLE_PIECE).unwrap_or_else(PoisonError::into_inner).0;
        }
        !bench.stop
    }
}
