//! The keeper: a thread of low priority that makes snapshots while the hub runs.
//!
//! It folds the record from the newest snapshot on, as far as it is durable and told, and leaves a snapshot every so
//! many updates; then it lets go of the state. Nothing waits for it, and no state is held twice for long. Gaps that it
//! finds between snapshots, because it was slow or one was damaged, are filled when there is nothing else to do.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ordo_core::engine::Engine;

use super::{History, HistoryError, Retention, SavedStates, give_way};
use crate::config::Config;
use crate::progress::Progress;
use crate::replay::Replay;

const NICE: i32 = 10;
/// Between looks at how far the record is.
const PAUSE: Duration = Duration::from_millis(100);
/// After a snapshot could not be made: a full disk is not asked again at once.
const PAUSE_FAILED: Duration = Duration::from_secs(60);
const UPDATES_PER_LOOK: u64 = 4096;

/// When a snapshot is due, and how many stay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Updates from one snapshot to the next.
    pub(crate) every_updates: u64,
    /// A hub that records less gets one after this time, if it recorded anything.
    pub(crate) every: Duration,
    pub(crate) keep: Retention,
}

impl Schedule {
    pub(crate) fn of(config: &Config) -> Schedule {
        Schedule {
            every_updates: config.snapshot_every_updates,
            every: Duration::from_secs(config.snapshot_every_s),
            keep: Retention::of(config),
        }
    }
}

/// See the module.
pub(crate) struct Keeper {
    pub(crate) dir: PathBuf,
    pub(crate) saved: SavedStates,
    pub(crate) history: Arc<History>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) schedule: Schedule,
    pub(crate) orders_expected: usize,
}

impl Keeper {
    /// Runs until the hub stops.
    pub(crate) fn run(self) {
        give_way(NICE);
        let mut begun = Instant::now();
        let mut not_before = begun;
        while self.is_running() {
            thread::sleep(PAUSE);
            self.history.tidy();
            if Instant::now() < not_before {
                continue;
            }
            let is_time = begun.elapsed() >= self.schedule.every;
            match self.keep_up(is_time) {
                Ok(()) | Err(HistoryError::Stopping) => {}
                Err(error) => {
                    tracing::warn!(%error, "no snapshot could be made");
                    not_before = Instant::now() + PAUSE_FAILED;
                }
            }
            if is_time {
                begun = Instant::now();
            }
        }
    }

    fn is_running(&self) -> bool {
        !self.progress.is_stopping() && self.progress.fault().is_none()
    }

    /// Makes the snapshots that are due.
    fn keep_up(&self, is_time: bool) -> Result<(), HistoryError> {
        let told = self.progress.told_sequence.load_acquire().min(self.progress.durable_sequence.load_acquire());
        let infos = self.saved.infos()?;
        let sequences: Vec<u64> = infos.iter().map(|info| info.sequence).collect();
        let newest = sequences.first().copied().unwrap_or(0);
        // As many as are kept lie about this far apart in the end.
        let Retention { count, bytes } = self.schedule.keep;
        let fit = infos.first().map_or(u64::MAX, |newest| bytes / newest.body_bytes.max(1));
        let spacing = self.schedule.every_updates.max(told / fit.min(count as u64).max(1));
        if told >= newest + spacing || (is_time && told > newest) {
            self.fold(newest, told, spacing)?;
            return Ok(self.saved.thin(self.schedule.keep)?);
        }
        let befores = sequences.iter().skip(1).copied().chain([0]);
        let gap = sequences.iter().zip(befores).find(|(after, before)| **after - before > spacing * 2);
        match gap {
            Some((after, before)) => self.fold(before, after - spacing, spacing),
            None => Ok(()),
        }
    }

    /// Folds from the snapshot at a sequence up to another, leaving one every `spacing` and one at the end.
    fn fold(&self, from: u64, until: u64, spacing: u64) -> Result<(), HistoryError> {
        let begun = Instant::now();
        let engine = self.saved.newest(from)?.unwrap_or_else(|| Engine::new(self.orders_expected));
        let mut due = engine.sequence() + spacing;
        let mut replay = Replay::from(&self.dir, engine, until)?;
        while let Some(applied) = replay.next()? {
            let sequence = applied.input.stamp.sequence;
            if replay.updates().is_multiple_of(UPDATES_PER_LOOK) && !self.is_running() {
                return Err(HistoryError::Stopping);
            }
            if sequence >= due && sequence + spacing / 2 <= until && !replay.is_within_batch() {
                self.saved.save(replay.engine())?;
                due = sequence + spacing;
            }
        }
        self.saved.save(replay.engine())?;
        tracing::debug!(from, until, updates = replay.updates(), took = ?begun.elapsed(), "snapshots made");
        Ok(())
    }
}
