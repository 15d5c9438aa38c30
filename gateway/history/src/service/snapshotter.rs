//! `Snapshotter`: a thread of low priority that saves snapshots and archives segments while the hub runs.
//!
//! It folds the record from the newest snapshot on, as far as it is durable and published, saves a snapshot every
//! `every_updates`, and frees the state again. Nothing waits for it. Gaps between snapshots, left when it was slow or a
//! snapshot was damaged, are filled while nothing else is due. One unusable snapshot is removed for each that is saved,
//! and the rest once there are no gaps. With an archive folder it also archives the oldest segments that no start and
//! no reader needs.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ordo_core::engine::Engine;
use ordo_journal::{Archiver, Fate, SegmentInfo};

use super::update_cursor::UPDATES_PER_LOOK;
use super::{History, HistoryError, give_way};
use crate::replay::ReplayError;
use crate::saved_states::Retention;

const NICE: i32 = 10;
/// Interval at which the record's progress is checked.
const PAUSE: Duration = Duration::from_millis(100);
/// Interval at which the record's size is checked.
const ARCHIVE_EVERY: Duration = Duration::from_secs(1);
/// Pause after a failure, so that a full disk is not retried at once.
const PAUSE_FAILED: Duration = Duration::from_secs(60);

/// The last sequence of the oldest segments that have to go for the others to fit into `bytes_max`; 0 if all fit.
fn surplus(segments: &[SegmentInfo], bytes_max: u64) -> u64 {
    let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let mut last = 0;
    for segment in segments.iter().filter(|segment| segment.is_sealed) {
        if bytes <= bytes_max {
            break;
        }
        bytes -= segment.bytes;
        last = segment.last.map_or(last, |(sequence, _)| sequence);
    }
    last
}

/// Whether a fold makes a due snapshot, or fills a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    Due,
    None,
}

/// See the module.
#[derive(Debug)]
pub struct Snapshotter {
    /// Folder of the journal.
    pub dir: PathBuf,
    /// Updates between two snapshots; 0: no snapshots by count.
    pub every_updates: u64,
    /// A snapshot is made after this time if anything was recorded since the last one; zero: no snapshots by time.
    pub every: Duration,
    pub keep: Retention,
    /// None: nothing is archived.
    pub archiving: Option<Archiving>,
    pub orders_expected: usize,
}

/// Destination and limit of archiving.
#[derive(Debug)]
pub struct Archiving {
    pub archiver: Archiver,
    pub to: PathBuf,
    /// Bytes of the record that stay in the folder.
    pub journal_bytes_max: u64,
}

impl Snapshotter {
    /// # Errors
    /// If no thread can be started.
    pub fn start(self, history: Arc<History>) -> std::io::Result<JoinHandle<()>> {
        let run = move || Running { snapshotter: self, history }.run();
        thread::Builder::new().name("snapshotter".into()).spawn(run)
    }
}

/// A snapshotter at work.
struct Running {
    snapshotter: Snapshotter,
    history: Arc<History>,
}

impl Running {
    /// Runs until the hub stops.
    fn run(self) {
        give_way(NICE);
        let clock = self.history.clock();
        let mut begun = clock.now();
        let (mut not_before, mut archived_at) = (begun, begun);
        while self.history.is_running() {
            clock.sleep(PAUSE);
            self.history.tidy();
            if clock.now() < not_before {
                continue;
            }
            let is_time = !self.snapshotter.every.is_zero() && clock.since(begun) >= self.snapshotter.every;
            let is_time_to_archive = clock.since(archived_at) >= ARCHIVE_EVERY;
            if is_time_to_archive {
                archived_at = clock.now();
            }
            let archive = |()| if is_time_to_archive { self.archive() } else { Ok(()) };
            match self.keep_up(is_time).and_then(archive) {
                Ok(()) | Err(HistoryError::Stopping) => {}
                Err(error) => {
                    tracing::warn!(%error, "making a snapshot or archiving segments failed");
                    not_before = clock.now() + PAUSE_FAILED;
                }
            }
            if is_time {
                begun = clock.now();
            }
        }
    }

    /// Makes the snapshots that are due, or fills one gap.
    fn keep_up(&self, is_time: bool) -> Result<(), HistoryError> {
        let published = self.history.published_and_durable();
        let infos = self.history.saved().infos()?;
        let sequences: Vec<u64> = infos.iter().map(|info| info.sequence).collect();
        let newest = sequences.first().copied().unwrap_or(0);
        // The spacing at which as many snapshots as fit cover the whole record.
        let Retention { count, bytes } = self.snapshotter.keep;
        let fit = infos.first().map_or(u64::MAX, |newest| bytes / newest.body_bytes.max(1));
        let every_updates =
            if self.snapshotter.every_updates == 0 { u64::MAX / 4 } else { self.snapshotter.every_updates };
        let spacing = every_updates.max(published / fit.min(count as u64).max(1));
        if published >= newest + spacing || (is_time && published > newest) {
            self.fold(newest, published, spacing, Haste::Due)?;
            return Ok(self.history.saved().thin(self.snapshotter.keep)?);
        }
        let befores = sequences.iter().skip(1).copied().chain([0]);
        match sequences.iter().zip(befores).find(|(after, before)| **after - before > spacing * 2) {
            Some((after, before)) if before > 0 || self.history.archive_floor.archived() == 0 => {
                self.fold(before, after - spacing, spacing, Haste::None)
            }
            _ => Ok(self.history.saved().discard(usize::MAX)?),
        }
    }

    /// Folds from the snapshot at `from` to `until`; saves a snapshot every `spacing` updates and one at the end.
    fn fold(&self, from: u64, until: u64, spacing: u64, haste: Haste) -> Result<(), HistoryError> {
        let begun = self.history.clock().now();
        let engine =
            self.history.saved().newest(from)?.unwrap_or_else(|| Engine::new(self.snapshotter.orders_expected));
        let mut due = engine.sequence() + spacing;
        let mut replay = self.history.replay_from(Some(engine), until)?;
        while let Some(applied) = replay.next()? {
            let sequence = applied.input.stamp.sequence;
            if replay.updates().is_multiple_of(UPDATES_PER_LOOK) {
                // A query that runs comes before the filling of gaps.
                while haste == Haste::None && self.history.is_looked_at() && self.history.is_running() {
                    self.history.clock().sleep(PAUSE);
                }
                self.history.check_running()?;
            }
            if sequence >= due && sequence + spacing / 2 <= until && replay.is_between_frames() {
                self.save(replay.engine())?;
                due = sequence + spacing;
            }
        }
        self.save(replay.engine())?;
        tracing::debug!(from, until, updates = replay.updates(), took = ?self.history.clock().since(begun), "snapshots made");
        Ok(())
    }

    /// Archives the oldest segments beyond `journal_bytes_max`. Kept are segments after the second newest snapshot (the
    /// newest must be good) and segments that are being read.
    fn archive(&self) -> Result<(), HistoryError> {
        let Some(Archiving { archiver, to, journal_bytes_max }) = &self.snapshotter.archiving else { return Ok(()) };
        let (kept, saved) = (&self.history.archive_floor, self.history.saved());
        let segments = ordo_journal::segments(&self.snapshotter.dir).map_err(ReplayError::from)?;
        let wanted = surplus(&segments, *journal_bytes_max);
        let second = saved.infos()?.get(1).map_or(0, |info| info.sequence);
        // Only whole segments are archived.
        let up_to = |read_after: u64| {
            let ends = segments.iter().filter_map(|segment| segment.last.map(|(sequence, _)| sequence));
            ends.take_while(|end| *end <= wanted.min(second).min(read_after)).last().unwrap_or(0)
        };
        // An archiving that failed half-way is completed here.
        if up_to(kept.read_after()) == 0 || saved.newest(u64::MAX)?.is_none_or(|newest| newest.sequence() < second) {
            return Ok(());
        }
        let archived =
            archiver.archive(kept.give_up(up_to) + 1, &Fate::MoveTo(to.clone())).map_err(ReplayError::from)?;
        Ok(saved.drop_before(archived.begins_after)?)
    }

    /// Saves a snapshot and removes one unusable one, so that both together stay within the limits.
    fn save(&self, engine: &Engine) -> Result<(), HistoryError> {
        let saved = self.history.saved();
        saved.save(engine)?;
        Ok(saved.discard(1)?)
    }
}
