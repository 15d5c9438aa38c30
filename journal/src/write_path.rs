//! How a sealed group gets from the tail into its segment: one write at a time, durable when it is complete.
//!
//! Thread "journal" submits and polls. `uring.rs` writes through io_uring; here are its stand-in where that is not
//! available, a thread that blocks, and the plain call, for tests and the simulator.
//!
//! Invariants: at most one write is in flight; its bytes and its file live until it is complete. A write that comes
//! back short or interrupted goes on where it stopped; any other failure is final and reported once.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::disk::{DiskFile, write_full};
use crate::mmap::Span;

/// A group on its way.
#[derive(Debug)]
pub(crate) struct GroupWrite {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) offset: u64,
    pub(crate) span: Span,
}

/// One durable write at a time.
pub(crate) trait WritePath: Send {
    /// Starts a write; the one before is complete.
    fn submit(&mut self, write: GroupWrite);
    /// The outcome of the write in flight, once there is one. Never blocks.
    fn poll(&mut self) -> Option<io::Result<()>>;
    /// Blocks until the write in flight, if any, is complete.
    fn wait(&mut self) -> Option<io::Result<()>>;
    /// Writes that came back short or interrupted and went on.
    fn continued(&self) -> u64;
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;
}

/// Writes in the call itself.
#[derive(Debug, Default)]
pub(crate) struct Inline {
    outcome: Option<io::Result<()>>,
    continued: u64,
}

impl WritePath for Inline {
    fn submit(&mut self, write: GroupWrite) {
        let outcome = write_full(&*write.file, write.span.bytes(), write.offset);
        self.outcome = Some(outcome.map(|again| self.continued += again));
    }

    fn poll(&mut self) -> Option<io::Result<()>> {
        self.outcome.take()
    }

    fn wait(&mut self) -> Option<io::Result<()>> {
        self.outcome.take()
    }

    fn continued(&self) -> u64 {
        self.continued
    }

    fn name(&self) -> &'static str {
        "inline"
    }
}

/// Writes in a thread of its own, which sleeps between writes.
#[derive(Debug)]
pub(crate) struct Threaded {
    handover: Arc<Handover>,
    in_flight: bool,
    continued: u64,
    thread: Option<JoinHandle<()>>,
}

/// What passes between the journal's thread and the one that writes.
#[derive(Debug, Default)]
struct Handover {
    slot: Mutex<Slot>,
    changed: Condvar,
    /// Whether there is an outcome: polled without the lock.
    is_done: AtomicBool,
}

#[derive(Debug, Default)]
struct Slot {
    write: Option<GroupWrite>,
    outcome: Option<io::Result<u64>>,
    stop: bool,
}

impl Threaded {
    pub(crate) fn start() -> io::Result<Self> {
        let handover = Arc::new(Handover::default());
        let shared = Arc::clone(&handover);
        let thread = std::thread::Builder::new().name("journal-sync".into()).spawn(move || shared.run())?;
        Ok(Self { handover, in_flight: false, continued: 0, thread: Some(thread) })
    }

    fn take(&mut self, mut slot: impl FnMut() -> Option<io::Result<u64>>) -> Option<io::Result<()>> {
        let outcome = slot()?;
        self.in_flight = false;
        Some(outcome.map(|again| self.continued += again))
    }
}

impl Handover {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut slot = self.lock();
        loop {
            if let Some(write) = slot.write.take() {
                drop(slot);
                let outcome = write_full(&*write.file, write.span.bytes(), write.offset);
                drop(write);
                slot = self.lock();
                slot.outcome = Some(outcome);
                self.is_done.store(true, Ordering::Release);
                self.changed.notify_all();
            } else if slot.stop {
                return;
            } else {
                slot = self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl WritePath for Threaded {
    fn submit(&mut self, write: GroupWrite) {
        debug_assert!(!self.in_flight);
        self.in_flight = true;
        self.handover.lock().write = Some(write);
        self.handover.changed.notify_all();
    }

    fn poll(&mut self) -> Option<io::Result<()>> {
        if !self.in_flight || !self.handover.is_done.swap(false, Ordering::Acquire) {
            return None;
        }
        let handover = Arc::clone(&self.handover);
        self.take(|| handover.lock().outcome.take())
    }

    fn wait(&mut self) -> Option<io::Result<()>> {
        if !self.in_flight {
            return None;
        }
        let handover = Arc::clone(&self.handover);
        let mut slot = handover.lock();
        while slot.outcome.is_none() {
            slot = handover.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
        handover.is_done.store(false, Ordering::Relaxed);
        self.take(|| slot.outcome.take())
    }

    fn continued(&self) -> u64 {
        self.continued
    }

    fn name(&self) -> &'static str {
        "thread"
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        self.handover.lock().stop = true;
        self.handover.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
