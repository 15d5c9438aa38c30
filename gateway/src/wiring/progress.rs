//! How far each stage is: the counters by which stages, readers and the outside wait for each other.
//!
//! All but two count tasks of the ring since the start; those two are sequences of the journal, for who reads the record
//! itself. Each has one writer. They only grow.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ordo_history::service::RecordProgress;
use thiserror::Error;

use super::gate::Gate;
use super::stages::Counters;

/// Why a hub stopped by itself.
#[derive(Debug, Clone, Error)]
pub enum Fault {
    /// A sync failed. What was not durable yet is unknown; a restart tells from the disk.
    #[error("journal: {0}; what was in flight is unknown: start again to recover from the disk")]
    Poisoned(String),
    #[error("{0}")]
    Failed(String),
}

impl Fault {
    /// Exit code of a process that ends for this reason.
    pub fn exit_code(&self) -> u8 {
        match self {
            Fault::Poisoned(_) => 74,
            Fault::Failed(_) => 1,
        }
    }
}

/// A counter on a cache line of its own: its readers spin on it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn load_acquire(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn store_release(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) gate: Gate,
    /// What each stage has done, for metrics.
    pub(crate) counters: Counters,
    /// Tasks that the publisher is done with: what anybody may have been told of.
    pub(crate) published: Counter,
    /// Tasks that the views have taken in.
    pub(crate) viewed: Counter,
    /// Sequence of the newest update that anybody may have been told of.
    pub(crate) published_sequence: Counter,
    /// Sequence up to which the record is on stable storage, where a reader finds it.
    pub(crate) durable_sequence: Counter,
    /// When the next order is to be removed, in nanoseconds since 1970; `u64::MAX`: never.
    next_removal_ns: AtomicU64,
    /// When there is next something to forget; alike.
    next_prune_ns: AtomicU64,
    /// A group is on its way to the disk, whose completion needs a core: who has nothing to do leaves his.
    writing: AtomicBool,
    /// The journal cannot make its next segment: nothing more is admitted.
    storage_full: AtomicBool,
    /// The hub can take no more from feeds for now: who supplies one is told so.
    holding_feeds: AtomicBool,
    stopping: AtomicBool,
    over: AtomicBool,
    /// Tasks there will ever have been, once the receiver has filled its last slot.
    end: OnceLock<u64>,
    fault: OnceLock<Fault>,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            gate: Gate::default(),
            counters: Counters::default(),
            published: Counter::default(),
            viewed: Counter::default(),
            published_sequence: Counter::default(),
            durable_sequence: Counter::default(),
            next_removal_ns: AtomicU64::new(u64::MAX),
            next_prune_ns: AtomicU64::new(u64::MAX),
            writing: AtomicBool::default(),
            storage_full: AtomicBool::default(),
            holding_feeds: AtomicBool::default(),
            stopping: AtomicBool::default(),
            over: AtomicBool::default(),
            end: OnceLock::new(),
            fault: OnceLock::new(),
        }
    }
}

impl Progress {
    /// Relaxed: who reads it looks again soon.
    pub(crate) fn next_removal_ns(&self) -> u64 {
        self.next_removal_ns.load(Ordering::Relaxed)
    }

    /// As [`Progress::next_removal_ns`].
    pub(crate) fn next_prune_ns(&self) -> u64 {
        self.next_prune_ns.load(Ordering::Relaxed)
    }

    /// When the next order is to be removed, and when there is next something to forget.
    pub(crate) fn set_due(&self, removal_ns: Option<u64>, prune_ns: Option<u64>) {
        self.next_removal_ns.store(removal_ns.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.next_prune_ns.store(prune_ns.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.writing.load(Ordering::Relaxed)
    }

    pub(crate) fn set_writing(&self, writing: bool) {
        self.writing.store(writing, Ordering::Relaxed);
    }

    /// Whether updates are refused with `Storage.Full`, whoever brings them. Reads go on.
    pub(crate) fn is_storage_full(&self) -> bool {
        self.storage_full.load(Ordering::Relaxed)
    }

    pub(crate) fn set_storage_full(&self, full: bool) {
        self.storage_full.store(full, Ordering::Relaxed);
    }

    /// Relaxed: a Resume in the ring is published after it is unset, so who has seen the one sees the other.
    pub(crate) fn is_holding_feeds(&self) -> bool {
        self.holding_feeds.load(Ordering::Relaxed)
    }

    pub(crate) fn set_holding_feeds(&self, holding: bool) {
        self.holding_feeds.store(holding, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the pipeline has ended: all that will ever be answered has been.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Every stage has been joined.
    pub(crate) fn set_over(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// The receiver has filled its last slot.
    pub(crate) fn end_at(&self, tasks: u64) {
        let _ = self.end.set(tasks);
    }

    /// Whether a stage that has done `tasks` has done all there will ever be.
    pub(crate) fn is_end(&self, tasks: u64) -> bool {
        self.end.get() == Some(&tasks)
    }

    /// The first fault counts; all stages stop at their next look.
    pub(crate) fn fail(&self, fault: Fault) {
        tracing::error!(%fault, "hub stops");
        let _ = self.fault.set(fault);
    }

    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }
}

impl RecordProgress for Progress {
    fn published_sequence(&self) -> u64 {
        self.published_sequence.load_acquire()
    }

    fn durable_sequence(&self) -> u64 {
        self.durable_sequence.load_acquire()
    }

    fn is_running(&self) -> bool {
        !self.is_stopping() && self.fault().is_none()
    }
}
