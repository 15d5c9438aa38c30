//! `Progress`: counters by which stages, REST and history follow each other.
//!
//! Most count tasks of the ring since the start. `published_sequence` and `durable_sequence` are sequences of the
//! journal, for readers of the record. Each has one writer and only grows.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ordo_history::service::RecordProgress;
use ordo_journal::StorageTrouble;
use parking_lot::Mutex;
use thiserror::Error;

use super::gate::Gate;
use super::stages::Counters;

/// Why a hub stopped on its own.
#[derive(Debug, Clone, Error)]
pub enum Fault {
    /// A write or sync failed. Updates that were not durable are in an unknown state until a restart reads the disk.
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

/// A counter on its own cache line: its readers spin on it.
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
    /// Tasks that the publisher has published.
    pub(crate) published: Counter,
    /// Tasks that the views have folded.
    pub(crate) viewed: Counter,
    /// Sequence of the newest update that a client may have seen.
    pub(crate) published_sequence: Counter,
    /// Sequence up to which the record is on stable storage and can be read there.
    pub(crate) durable_sequence: Counter,
    /// When the next order is due for removal, in nanoseconds since 1970 UTC; `u64::MAX`: never.
    next_removal_ns: AtomicU64,
    /// When the next record is due for pruning, likewise.
    next_prune_ns: AtomicU64,
    /// A group is being written, and its completion needs a core: idle threads sleep.
    writing: AtomicBool,
    /// The journal cannot make its next segment: nothing more is admitted.
    storage_full: AtomicBool,
    /// Why not.
    storage_trouble: Mutex<Option<StorageTrouble>>,
    /// The hub takes no more updates from feeds for now: suppliers are sent Suspend.
    holding_feeds: AtomicBool,
    stopping: AtomicBool,
    over: AtomicBool,
    /// Total number of tasks, set when the receiver has filled its last slot.
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
            storage_trouble: Mutex::default(),
            holding_feeds: AtomicBool::default(),
            stopping: AtomicBool::default(),
            over: AtomicBool::default(),
            end: OnceLock::new(),
            fault: OnceLock::new(),
        }
    }
}

impl Progress {
    /// Relaxed: it is polled.
    pub(crate) fn next_removal_ns(&self) -> u64 {
        self.next_removal_ns.load(Ordering::Relaxed)
    }

    /// As [`Progress::next_removal_ns`].
    pub(crate) fn next_prune_ns(&self) -> u64 {
        self.next_prune_ns.load(Ordering::Relaxed)
    }

    /// Due times of the next removal and the next pruning.
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

    /// Whether updates are refused for lack of storage, from feeds and REST alike. Reads are served.
    pub(crate) fn is_storage_full(&self) -> bool {
        self.storage_full.load(Ordering::Relaxed)
    }

    /// Updates are refused for this reason from here on; none: they are taken.
    #[cold]
    pub(crate) fn set_storage_trouble(&self, trouble: Option<StorageTrouble>) {
        let is_full = trouble.is_some();
        *self.storage_trouble.lock() = trouble;
        self.storage_full.store(is_full, Ordering::Relaxed);
    }

    pub(crate) fn storage_trouble(&self) -> Option<StorageTrouble> {
        self.storage_trouble.lock().clone()
    }

    /// The code that updates are refused with for lack of storage.
    #[cold]
    pub(crate) fn storage_code(&self) -> &'static str {
        self.storage_trouble.lock().as_ref().map_or(STORAGE_FULL, trouble_code)
    }

    /// Relaxed: it is unset before a Resume is published, so a reader of the Resume sees it unset.
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

    /// Whether the pipeline has ended: no further write will be answered.
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

    /// Whether a stage that has done `tasks` tasks has done all.
    pub(crate) fn is_end(&self, tasks: u64) -> bool {
        self.end.get() == Some(&tasks)
    }

    /// Sets the fault unless there is one; all stages stop at their next check.
    pub(crate) fn fail(&self, fault: Fault) {
        tracing::error!(%fault, "hub is failing");
        let _ = self.fault.set(fault);
    }

    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }
}

const STORAGE_FULL: &str = "Storage.Full";
const STORAGE_UNAVAILABLE: &str = "Storage.Unavailable";

/// The code that updates are refused with for a reason of the journal's.
pub(crate) fn trouble_code(trouble: &StorageTrouble) -> &'static str {
    match trouble {
        StorageTrouble::Full => STORAGE_FULL,
        StorageTrouble::Unavailable(_) => STORAGE_UNAVAILABLE,
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
