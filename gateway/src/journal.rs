//! The journal stage: the sequencer. It assigns each update its sequence and time, appends it, and opens the gate.
//!
//! Hot path: one pinned thread, which also drives group commits (`Journal::poll_sync`) without timers. In `async` an
//! update may be published once it is appended, otherwise once it is on stable storage.
//!
//! Updates that the journal has no room for stay in the ring and are tried again: nothing that was admitted is dropped.
//! Room comes when the tail has drained or the disk has space for another segment; meanwhile the receiver admits no
//! more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver as Channel;
use ordo_core::engine::RULES_VERSION;
use ordo_core::record::BATCH;
use ordo_core::ring::{First, Stage, read_while};
use ordo_history::checkpoint::Checkpoint;
use ordo_history::clock::Clock;
use ordo_journal::{AppendError, Entry, Journal, Kind, StorageTrouble};

use crate::wiring::config::{Durability, StageName};
use crate::wiring::progress::{Fault, Progress};
use crate::wiring::slot::Slot;
use crate::wiring::task::{Record, UpdateRecord};

/// See the module.
pub(crate) struct JournalStage {
    ring: First<Slot>,
    journal: Journal,
    durability: Durability,
    progress: Arc<Progress>,
    checkpoints: Channel<Checkpoint>,
    /// Tasks taken from the ring.
    taken: u64,
    /// Recorded tasks behind the gate: the sequence of each, and the number of tasks before it.
    waiting: VecDeque<(u64, u64)>,
    last_time_ns: u64,
    /// Sequence and time of the batch whose members come by.
    batch: (u64, u64),
    started: Instant,
    /// The next task in the ring found no room on the disk.
    is_stuck: bool,
    clock: Clock,
}

impl JournalStage {
    pub(crate) fn new(
        ring: First<Slot>,
        ring_slots: usize,
        journal: Journal,
        last_time_ns: u64,
        (durability, clock): (Durability, Clock),
        (progress, checkpoints): (Arc<Progress>, Channel<Checkpoint>),
    ) -> JournalStage {
        JournalStage {
            ring,
            journal,
            durability,
            progress,
            checkpoints,
            taken: 0,
            waiting: VecDeque::with_capacity(ring_slots),
            last_time_ns,
            batch: (0, 0),
            started: clock.now(),
            is_stuck: false,
            clock,
        }
    }

    /// Makes everything recorded durable and notes that in the journal for the next start.
    pub(crate) fn close(self) -> Result<(), ordo_journal::Poisoned> {
        self.journal.close()
    }

    fn record_batch(&mut self, budget: usize) -> Result<usize, Fault> {
        self.is_stuck = false;
        let JournalStage { ring, journal, last_time_ns, batch, waiting, taken, is_stuck, progress, .. } = self;
        // One look at the clock serves all: updates read together are a nanosecond apart.
        let mut recorder = Recorder { journal, last_time_ns, wall_ns: self.clock.wall_ns() };
        read_while(ring, budget as u64, |slot: &Slot| {
            let recorded = match &slot.task.record {
                Record::Nothing => Ok(()),
                // Recorded with its batch.
                Record::BatchMember { nth, .. } => {
                    slot.set_recorded(batch.0, batch.1 + u64::from(*nth));
                    Ok(())
                }
                record => recorder.record(&entry_of(record, &slot.bytes)).map(|(sequence, time_ns)| {
                    slot.set_recorded(sequence, time_ns);
                    waiting.push_back((sequence, *taken));
                    if let Record::BatchFrame { members, .. } = record {
                        *batch = (sequence, time_ns);
                        *recorder.last_time_ns += u64::from(*members);
                    }
                }),
            };
            match recorded {
                Ok(()) => {
                    *taken += 1;
                    Ok(true)
                }
                Err(error @ (AppendError::Full | AppendError::StorageFull)) => {
                    *is_stuck = error == AppendError::StorageFull;
                    Ok(false)
                }
                Err(error) => {
                    // Set before a later stage can look: it must not take up tasks that are not recorded.
                    let fault = Fault::Poisoned(error.to_string());
                    progress.fail(fault.clone());
                    Err(fault)
                }
            }
        })
    }

    fn record_checkpoints(&mut self) -> Result<usize, Fault> {
        let mut recorded = 0;
        while let Ok(checkpoint) = self.checkpoints.try_recv() {
            let mut recorder = Recorder {
                journal: &mut self.journal,
                last_time_ns: &mut self.last_time_ns,
                wall_ns: self.clock.wall_ns(),
            };
            match recorder.record(&hub_entry(Kind::Checkpoint, &checkpoint.encode())) {
                Ok(_) => recorded += 1,
                // A replay can do without a checkpoint; it must not take the room of an update.
                Err(AppendError::Full | AppendError::StorageFull) => {}
                Err(error) => return Err(Fault::Poisoned(error.to_string())),
            }
        }
        Ok(recorded)
    }

    /// Publishes whether the disk is full. That is so from when the next segment cannot be made, while this one still
    /// has room for everything in the ring.
    fn watch_storage(&mut self) -> Result<(), Fault> {
        let is_short = self.journal.is_short_of_storage();
        if is_short != self.progress.is_storage_full() {
            let trouble = is_short.then(|| self.journal.storage_trouble().unwrap_or(StorageTrouble::Full));
            self.progress.set_storage_trouble(trouble);
        }
        if self.is_stuck && self.progress.is_stopping() {
            return Err(Fault::Failed(
                "the disk is full: updates that were not recorded were not acknowledged either; free space and start again"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Opens the gate up to the first task that is not durable.
    fn release(&mut self) {
        let on_disk = self.journal.durable();
        self.progress.durable_sequence.store_release(on_disk);
        let durable = match self.durability {
            Durability::Async => self.journal.written(),
            Durability::Sync | Durability::SyncEach => on_disk,
        };
        while self.waiting.front().is_some_and(|(sequence, _)| *sequence <= durable) {
            self.waiting.pop_front();
        }
        let releasable = self.waiting.front().map_or(self.taken, |(_, before)| *before);
        self.progress.gate.set_durable(releasable);
    }

    fn step(&mut self, budget: usize) -> Result<usize, Fault> {
        let taken = self.record_batch(budget)? + self.record_checkpoints()?;
        let now_ns = self.clock.since(self.started).as_nanos() as u64;
        self.watch_storage()?;
        let synced = self.journal.poll_sync(now_ns).map_err(|error| Fault::Poisoned(error.to_string()))?;
        if taken > 0 || synced {
            self.release();
            self.progress.set_writing(self.journal.is_writing());
        }
        Ok(taken + usize::from(synced))
    }
}

impl Stage for JournalStage {
    fn name(&self) -> &'static str {
        StageName::Journal.spec().name
    }

    fn poll(&mut self, budget: usize) -> usize {
        match self.step(budget) {
            Ok(done) => done,
            Err(fault) => {
                self.progress.fail(fault);
                0
            }
        }
    }

    fn tasks_done(&self) -> u64 {
        self.taken
    }

    fn is_finished(&self) -> bool {
        self.progress.is_end(self.taken) && self.waiting.is_empty()
    }
}

/// Appends entries with strictly increasing times.
struct Recorder<'a> {
    journal: &'a mut Journal,
    last_time_ns: &'a mut u64,
    wall_ns: u64,
}

impl Recorder<'_> {
    /// Appends an entry; returns its sequence and time.
    #[inline]
    fn record(&mut self, entry: &Entry<'_>) -> Result<(u64, u64), AppendError> {
        let time_ns = self.wall_ns.max(*self.last_time_ns + 1);
        let sequence = self.journal.append(&Entry { time_ns, ..*entry })?;
        *self.last_time_ns = time_ns;
        Ok((sequence, time_ns))
    }
}

/// The frame that a task records.
#[inline]
pub(crate) fn entry_of<'a>(record: &Record, bytes: &'a [u8]) -> Entry<'a> {
    match record {
        Record::Update(UpdateRecord { feed, position, body, writer }) => Entry {
            flags: writer.origin.flags(),
            feed: feed.0,
            identity: writer.caller.identity(),
            position: *position,
            ..hub_entry(Kind::Update, body.of(bytes))
        },
        Record::BatchFrame { body, writer, .. } => Entry {
            flags: writer.origin.flags() | BATCH,
            identity: writer.caller.identity(),
            ..hub_entry(Kind::Update, body.of(bytes))
        },
        Record::Settings(body) => hub_entry(Kind::Settings, body.of(bytes)),
        Record::Tick => hub_entry(Kind::Tick, &[]),
        Record::Nothing | Record::BatchMember { .. } => unreachable!("invariant: no frame of its own"),
    }
}

/// An entry of the hub's own, without feed and position.
pub(crate) fn hub_entry(kind: Kind, body: &[u8]) -> Entry<'_> {
    Entry { kind, rules: RULES_VERSION, flags: 0, feed: 0, identity: 0, position: 0, time_ns: 0, body }
}
