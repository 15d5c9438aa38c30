//! The keeper: a thread of low priority that makes snapshots while the hub runs.
//!
//! It folds the record from the newest snapshot on, as far as it is durable and told, and leaves a snapshot every so
//! many updates; then it lets go of the state. Nothing waits for it, and no state is held twice for long. Gaps that it
//! finds between snapshots, because it was slow or one turned out to be of no use, are filled when there is nothing else
//! to do. What is of no use makes way: one for each that is made, and the rest once no gap is left. Where there is a
//! folder for it, it archives the oldest segments too, once nobody needs them.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ordo_core::engine::Engine;
use ordo_journal::{Archiver, Fate, SegmentInfo};

use super::walk::UPDATES_PER_LOOK;
use super::{History, HistoryError, give_way};
use crate::replay::ReplayError;
use crate::saved_states::Retention;

const NICE: i32 = 10;
/// Between looks at how far the record is.
const PAUSE: Duration = Duration::from_millis(100);
/// Between looks at how much of the record the folder holds.
const ARCHIVE_EVERY: Duration = Duration::from_secs(1);
/// After a snapshot could not be made: a full disk is not asked again at once.
const PAUSE_FAILED: Duration = Duration::from_secs(60);

/// The last sequence of the oldest segments without which the others take no more than so many bytes; 0 if all may stay.
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

/// Whether a snapshot is due, or fills a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    Due,
    None,
}

/// See the module.
#[derive(Debug)]
pub struct Keeper {
    /// The folder of the record.
    pub dir: PathBuf,
    /// Updates from one snapshot to the next; 0: none are made for that reason.
    pub every_updates: u64,
    /// A hub that records less gets one after this time, if it recorded anything; zero: not for that reason.
    pub every: Duration,
    pub keep: Retention,
    /// None: nothing is archived.
    pub archiving: Option<Archiving>,
    pub orders_expected: usize,
}

/// Where old segments go.
#[derive(Debug)]
pub struct Archiving {
    pub archiver: Archiver,
    pub to: PathBuf,
    /// Bytes of the record that stay in the folder.
    pub journal_bytes_max: u64,
}

impl Keeper {
    /// # Errors
    /// If no thread can be started.
    pub fn start(self, history: Arc<History>) -> std::io::Result<JoinHandle<()>> {
        let run = move || Running { keeper: self, history }.run();
        thread::Builder::new().name("keeper".into()).spawn(run)
    }
}

/// A keeper and what it keeps snapshots for.
struct Running {
    keeper: Keeper,
    history: Arc<History>,
}

impl Running {
    /// Runs until the hub stops.
    fn run(self) {
        give_way(NICE);
        let mut begun = Instant::now();
        let (mut not_before, mut archived_at) = (begun, begun);
        while self.history.is_running() {
            thread::sleep(PAUSE);
            self.history.tidy();
            if Instant::now() < not_before {
                continue;
            }
            let is_time = !self.keeper.every.is_zero() && begun.elapsed() >= self.keeper.every;
            let is_time_to_archive = archived_at.elapsed() >= ARCHIVE_EVERY;
            if is_time_to_archive {
                archived_at = Instant::now();
            }
            let archive = |()| if is_time_to_archive { self.archive() } else { Ok(()) };
            match self.keep_up(is_time).and_then(archive) {
                Ok(()) | Err(HistoryError::Stopping) => {}
                Err(error) => {
                    tracing::warn!(%error, "no snapshot could be made, or nothing archived");
                    not_before = Instant::now() + PAUSE_FAILED;
                }
            }
            if is_time {
                begun = Instant::now();
            }
        }
    }

    /// Makes the snapshots that are due.
    fn keep_up(&self, is_time: bool) -> Result<(), HistoryError> {
        let told = self.history.told_and_durable();
        let infos = self.history.saved().infos()?;
        let sequences: Vec<u64> = infos.iter().map(|info| info.sequence).collect();
        let newest = sequences.first().copied().unwrap_or(0);
        // As many as are kept lie about this far apart in the end.
        let Retention { count, bytes } = self.keeper.keep;
        let fit = infos.first().map_or(u64::MAX, |newest| bytes / newest.body_bytes.max(1));
        let every_updates = if self.keeper.every_updates == 0 { u64::MAX / 4 } else { self.keeper.every_updates };
        let spacing = every_updates.max(told / fit.min(count as u64).max(1));
        if told >= newest + spacing || (is_time && told > newest) {
            self.fold(newest, told, spacing, Haste::Due)?;
            return Ok(self.history.saved().thin(self.keeper.keep)?);
        }
        let befores = sequences.iter().skip(1).copied().chain([0]);
        match sequences.iter().zip(befores).find(|(after, before)| **after - before > spacing * 2) {
            Some((after, before)) if before > 0 || self.history.kept.archived() == 0 => {
                self.fold(before, after - spacing, spacing, Haste::None)
            }
            _ => Ok(self.history.saved().discard(usize::MAX)?),
        }
    }

    /// Folds from the snapshot at a sequence up to another, leaving one every `spacing` and one at the end.
    fn fold(&self, from: u64, until: u64, spacing: u64, haste: Haste) -> Result<(), HistoryError> {
        let begun = Instant::now();
        let engine = self.history.saved().newest(from)?.unwrap_or_else(|| Engine::new(self.keeper.orders_expected));
        let mut due = engine.sequence() + spacing;
        let mut replay = self.history.replay_from(Some(engine), until)?;
        while let Some(applied) = replay.next()? {
            let sequence = applied.input.stamp.sequence;
            if replay.updates().is_multiple_of(UPDATES_PER_LOOK) {
                // Who asks for the past now does not want to wait for those who may ask later.
                while haste == Haste::None && self.history.is_looked_at() && self.history.is_running() {
                    thread::sleep(PAUSE);
                }
                self.history.check_running()?;
            }
            if sequence >= due && sequence + spacing / 2 <= until && replay.is_between_frames() {
                self.save(replay.engine())?;
                due = sequence + spacing;
            }
        }
        self.save(replay.engine())?;
        tracing::debug!(from, until, updates = replay.updates(), took = ?begun.elapsed(), "snapshots made");
        Ok(())
    }

    /// Moves the oldest segments away where they are more than may be, but none that is needed: to start from one of the
    /// two newest snapshots, the newest of which is found good, or by who is reading.
    fn archive(&self) -> Result<(), HistoryError> {
        let Some(Archiving { archiver, to, journal_bytes_max }) = &self.keeper.archiving else { return Ok(()) };
        let (kept, saved) = (&self.history.kept, self.history.saved());
        let segments = ordo_journal::segments(&self.keeper.dir).map_err(ReplayError::from)?;
        let wanted = surplus(&segments, *journal_bytes_max);
        let second = saved.infos()?.get(1).map_or(0, |info| info.sequence);
        // Whole segments go, or nothing.
        let up_to = |read_after: u64| {
            let ends = segments.iter().filter_map(|segment| segment.last.map(|(sequence, _)| sequence));
            ends.take_while(|end| *end <= wanted.min(second).min(read_after)).last().unwrap_or(0)
        };
        // What stayed when it should have gone is looked at again.
        if up_to(kept.read_after()) == 0 || saved.newest(u64::MAX)?.is_none_or(|newest| newest.sequence() < second) {
            return Ok(());
        }
        let archived =
            archiver.archive(kept.give_up(up_to) + 1, &Fate::MoveTo(to.clone())).map_err(ReplayError::from)?;
        Ok(saved.drop_before(archived.begins_after)?)
    }

    /// One more; one that was of no use makes way, so that both together take no more room than may be.
    fn save(&self, engine: &Engine) -> Result<(), HistoryError> {
        let saved = self.history.saved();
        saved.save(engine)?;
        Ok(saved.discard(1)?)
    }
}
