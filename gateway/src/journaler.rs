//! The journal stage: the sequencer. Gives each update its sequence and its time, appends it, and says what may be
//! told.
//!
//! Hot path: one pinned thread. A sync is driven from here too (`Journal::poll_sync`), many updates at a time; nothing
//! waits for a timer. In `async` what is appended may be told, else what is on stable storage.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Receiver as Channel;
use ordo_core::engine::RULES_VERSION;
use ordo_core::record::BATCH;
use ordo_core::ring::{First, Stage};
use ordo_journal::{AppendError, Entry, Journal, Kind};

use crate::checkpoint::Checkpoint;
use crate::config::Durability;
use crate::progress::{Fault, Progress};
use crate::slot::{Part, Slot};

/// See the module.
pub(crate) struct Journaler {
    ring: First<Slot>,
    journal: Journal,
    durability: Durability,
    progress: Arc<Progress>,
    checkpoints: Channel<Checkpoint>,
    /// Tasks taken from the ring.
    taken: u64,
    /// Recorded tasks that may not be told yet: their sequence, and how many tasks stand before each.
    waiting: VecDeque<(u64, u64)>,
    last_time_ns: u64,
    /// Where the batch whose members come by is recorded: its sequence and time.
    batch: (u64, u64),
    started: Instant,
}

impl Journaler {
    pub(crate) fn new(
        ring: First<Slot>,
        ring_slots: usize,
        journal: Journal,
        last_time_ns: u64,
        durability: Durability,
        (progress, checkpoints): (Arc<Progress>, Channel<Checkpoint>),
    ) -> Journaler {
        Journaler {
            ring,
            journal,
            durability,
            progress,
            checkpoints,
            taken: 0,
            waiting: VecDeque::with_capacity(ring_slots),
            last_time_ns,
            batch: (0, 0),
            started: Instant::now(),
        }
    }

    /// Everything recorded is durable, and the journal says so for the next start.
    pub(crate) fn close(self) -> Result<(), ordo_journal::Poisoned> {
        self.journal.close()
    }

    fn record_batch(&mut self, budget: usize) -> Result<usize, Fault> {
        let Ok(mut batch) = self.ring.take(budget as u64) else { return Ok(0) };
        let taken = ExactSizeIterator::len(&&mut batch);
        // One look at the clock serves the batch: updates in it are a nanosecond apart, as if they had come at once.
        let wall_ns = wall_clock_ns();
        let mut recorder = Recorder {
            journal: &mut self.journal,
            last_time_ns: &mut self.last_time_ns,
            wall_ns,
            started: self.started,
        };
        for slot in &mut batch {
            if let Part::Member(nth) = slot.part {
                // Recorded with its batch.
                slot.set_recorded(self.batch.0, self.batch.1 + u64::from(nth));
            } else if slot.recorded {
                let recorded =
                    recorder.record(&entry_of(slot), |sequence, time_ns| slot.set_recorded(sequence, time_ns));
                // Said before the batch is let go of: the engine must not take what is not recorded.
                let sequence = recorded.inspect_err(|fault| self.progress.fail(fault.clone()))?;
                self.waiting.push_back((sequence, self.taken));
                if let Part::Frame { members } = slot.part {
                    self.batch = (sequence, *recorder.last_time_ns);
                    *recorder.last_time_ns += u64::from(members);
                }
            }
            self.taken += 1;
        }
        drop(batch);
        Ok(taken)
    }

    fn record_checkpoints(&mut self) -> Result<usize, Fault> {
        let mut recorded = 0;
        while let Ok(checkpoint) = self.checkpoints.try_recv() {
            let body = checkpoint.encode();
            let mut recorder = Recorder {
                journal: &mut self.journal,
                last_time_ns: &mut self.last_time_ns,
                wall_ns: wall_clock_ns(),
                started: self.started,
            };
            recorder.record(&hub_entry(Kind::Checkpoint, &body), |_, _| {})?;
            recorded += 1;
        }
        Ok(recorded)
    }

    /// Moves the gate up to the first task that waits for the disk.
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
        self.progress.releasable.store_release(releasable);
    }

    fn step(&mut self, budget: usize) -> Result<usize, Fault> {
        let taken = self.record_batch(budget)? + self.record_checkpoints()?;
        let now_ns = self.started.elapsed().as_nanos() as u64;
        let synced = self.journal.poll_sync(now_ns).map_err(|error| Fault::Poisoned(error.to_string()))?;
        if taken > 0 || synced {
            self.release();
            self.progress.set_writing(self.journal.is_writing());
        }
        Ok(taken + usize::from(synced))
    }
}

impl Stage for Journaler {
    fn name(&self) -> &'static str {
        "journal"
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

    fn is_finished(&self) -> bool {
        self.progress.is_end(self.taken) && self.waiting.is_empty()
    }
}

/// Appends entries with times that strictly increase.
struct Recorder<'a> {
    journal: &'a mut Journal,
    last_time_ns: &'a mut u64,
    wall_ns: u64,
    started: Instant,
}

impl Recorder<'_> {
    #[inline]
    fn record(&mut self, entry: &Entry<'_>, told: impl FnOnce(u64, u64)) -> Result<u64, Fault> {
        let time_ns = self.wall_ns.max(*self.last_time_ns + 1);
        let entry = Entry { time_ns, ..*entry };
        let sequence = loop {
            match self.journal.append(&entry) {
                Ok(sequence) => break sequence,
                // Both pass: the tail drains into the segments, and space may come back. Meanwhile the ring fills
                // and the receiver holds the senders.
                Err(AppendError::Full | AppendError::StorageFull) => self.wait_for_room()?,
                Err(error) => return Err(Fault::Poisoned(error.to_string())),
            }
        };
        *self.last_time_ns = time_ns;
        told(sequence, time_ns);
        Ok(sequence)
    }

    #[cold]
    fn wait_for_room(&mut self) -> Result<(), Fault> {
        let now_ns = self.started.elapsed().as_nanos() as u64;
        let worked = self.journal.poll_sync(now_ns).map_err(|error| Fault::Poisoned(error.to_string()))?;
        if !worked {
            std::thread::yield_now();
        }
        Ok(())
    }
}

#[inline]
fn entry_of(slot: &Slot) -> Entry<'_> {
    Entry {
        kind: Kind::Update,
        rules: RULES_VERSION,
        flags: slot.origin.flags() | if matches!(slot.part, Part::Frame { .. }) { BATCH } else { 0 },
        feed: slot.feed.0,
        identity: slot.identity,
        position: slot.position_recorded(),
        time_ns: 0,
        body: slot.body.of(&slot.bytes),
    }
}

/// An entry that no feed made.
pub(crate) fn hub_entry(kind: Kind, body: &[u8]) -> Entry<'_> {
    Entry { kind, rules: RULES_VERSION, flags: 0, feed: 0, identity: 0, position: 0, time_ns: 0, body }
}

pub(crate) fn wall_clock_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
