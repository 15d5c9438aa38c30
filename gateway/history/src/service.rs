//! `History`: past states and past updates of a running hub, read from the record.
//!
//! A query starts from the newest snapshot at or before its time and folds the record forward on a worker thread, with
//! the engine that made it. No pinned thread works for it or waits for it. Queries are bounded in number; further ones
//! are refused. A query sees the record as far as it was published when the query arrived.
//!
//! Absent on purpose: an index of the record. The distance between snapshots bounds what has to be folded.

mod cache;
mod explain;
mod feed_updates;
pub mod messages;
mod missed_updates;
mod permits;
mod snapshotter;
mod span;
mod subset;
mod turns;
mod update_cursor;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ordo_core::engine::Engine;
use ordo_core::outcome::Stamp;
use ordo_core::views::Views;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use self::cache::Cache;
pub use self::feed_updates::FeedSpan;
pub use self::missed_updates::MissedUpdates;
pub use self::permits::Permit;
use self::permits::Permits;
pub use self::snapshotter::{Archiving, Snapshotter};
pub use self::span::{Begin, End, Span};
pub use self::subset::Subset;
use self::turns::Turns;
use self::update_cursor::UPDATES_PER_LOOK;
pub use self::update_cursor::UpdateCursor;
use crate::archive_floor::{ArchiveFloor, ReadPin};
use crate::clock::Clock;
use crate::replay::{Replay, ReplayError};
use crate::saved_states::SavedStates;

/// Interval at which the durable sequence is polled.
const DURABLE_PAUSE: Duration = Duration::from_micros(200);
/// How long a query waits for a permit. Most queries take less, so that short bursts are not refused.
const ADMISSION_PATIENCE: Duration = Duration::from_secs(1);
/// Queries that may wait, for each permit; further ones are refused at once.
const WAITING_FOR_EACH: usize = 4;
/// Workers run at this nice value, so that the pipeline comes first.
const NICE: i32 = 5;

/// Why a query of the past has no answer.
#[derive(Debug, Error)]
pub enum HistoryError {
    #[error("too many queries of the past at once")]
    Busy,
    #[error("the hub is stopping")]
    Stopping,
    #[error("the query was abandoned")]
    Unwanted,
    #[error("the record up to sequence {0} is archived, and the query begins before that")]
    Archived(u64),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Bounds of the service.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub requests: usize,
    pub states: usize,
    pub reader_patience: Duration,
    pub orders_expected: usize,
}

/// The only facts that the service uses about its hub.
pub trait RecordProgress: std::fmt::Debug + Send + Sync {
    /// Sequence of the newest update that any client may have seen.
    fn published_sequence(&self) -> u64;

    /// Sequence up to which the record is on stable storage and readable there.
    fn durable_sequence(&self) -> u64;

    /// Whether the hub neither stops nor has failed.
    fn is_running(&self) -> bool;
}

/// See the module.
pub struct History {
    dir: PathBuf,
    saved: SavedStates,
    archive_floor: Arc<ArchiveFloor>,
    progress: Arc<dyn RecordProgress>,
    clock: Clock,
    permits: Arc<Semaphore>,
    requests_max: usize,
    /// Bounds the queries that wait for a permit.
    waiting: Semaphore,
    /// Permits of subscriptions that resume, apart from those of queries.
    resume_permits: Arc<Permits>,
    /// A reader that takes nothing for this long loses its answer.
    reader_patience: Duration,
    cache: Mutex<Cache>,
    turns: Turns,
    orders_expected: usize,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl History {
    /// For a folder whose frames up to sequence `archived` are archived.
    pub fn new(
        (dir, archived): (PathBuf, u64),
        saved: SavedStates,
        (progress, clock): (Arc<dyn RecordProgress>, Clock),
        limits: Limits,
    ) -> History {
        History {
            dir,
            saved,
            archive_floor: ArchiveFloor::new(archived),
            progress,
            permits: Arc::new(Semaphore::new(limits.requests)),
            requests_max: limits.requests,
            waiting: Semaphore::new(limits.requests * WAITING_FOR_EACH),
            resume_permits: Permits::new(limits.requests),
            reader_patience: limits.reader_patience,
            cache: Mutex::new(Cache::new(limits.states, clock.clone())),
            clock,
            turns: Turns::default(),
            orders_expected: limits.orders_expected,
            workers: Mutex::default(),
        }
    }

    pub fn saved(&self) -> &SavedStates {
        &self.saved
    }

    /// A permit for one query, held while it runs. Waits for a short time if none is free.
    ///
    /// # Errors
    /// `Busy`.
    pub async fn admit(&self) -> Result<OwnedSemaphorePermit, HistoryError> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| HistoryError::Busy)?;
        let admitted = tokio::time::timeout(ADMISSION_PATIENCE, self.permits.clone().acquire_owned()).await;
        admitted.map_err(|_| HistoryError::Busy)?.map_err(|_| HistoryError::Stopping)
    }

    /// Whether a query is running.
    fn is_looked_at(&self) -> bool {
        self.permits.available_permits() < self.requests_max
    }

    /// The published sequence, once the record is readable up to it.
    ///
    /// # Errors
    /// `Stopping`.
    pub async fn published(&self) -> Result<u64, HistoryError> {
        let published = self.progress.published_sequence();
        while self.progress.durable_sequence() < published {
            self.check_running()?;
            tokio::time::sleep(DURABLE_PAUSE).await;
        }
        Ok(published)
    }

    /// The sequence up to which the record is both published and readable, without waiting.
    fn published_and_durable(&self) -> u64 {
        self.progress.published_sequence().min(self.progress.durable_sequence())
    }

    /// # Errors
    /// `Stopping`, unless the hub runs.
    pub fn check_running(&self) -> Result<(), HistoryError> {
        if self.is_running() { Ok(()) } else { Err(HistoryError::Stopping) }
    }

    pub fn is_running(&self) -> bool {
        self.progress.is_running()
    }

    /// How long a reader may take nothing before its answer breaks off.
    pub fn reader_patience(&self) -> Duration {
        self.reader_patience
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Blocks until a subscription may resume; none once `is_wanted` is false.
    pub fn take_resume_permit(&self, is_wanted: impl Fn() -> bool) -> Option<Permit> {
        self.resume_permits.take(is_wanted)
    }

    /// Runs a query on a worker thread.
    ///
    /// # Errors
    /// `Io` if no thread can be started.
    pub fn on_worker(&self, work: impl FnOnce() + Send + 'static) -> Result<(), HistoryError> {
        let worker = std::thread::Builder::new().name("history".into()).spawn(move || {
            give_way(NICE);
            work();
        })?;
        let mut workers = self.workers.lock();
        workers.retain(|worker| !worker.is_finished());
        workers.push(worker);
        Ok(())
    }

    /// Joins all workers. Each ends once the hub is stopping or its client is gone.
    pub fn join(&self) {
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            if worker.join().is_err() {
                tracing::error!("a history worker has panicked");
            }
        }
    }

    /// The views as they were at an instant before the newest update. Concurrent queries of one instant share one fold.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn state_at(self: &Arc<Self>, at_ns: u64) -> Result<Arc<Views>, HistoryError> {
        let _turn = self.turns.of(at_ns).await;
        if let Some(views) = self.cache.lock().get(at_ns) {
            return Ok(views);
        }
        let permit = self.admit().await?;
        let published = self.published().await?;
        let (answer, answered) = oneshot::channel();
        let history = self.clone();
        self.on_worker(move || {
            let found = history.fold_to(at_ns, published, || !answer.is_closed() && history.is_running());
            // The client may send its next query as soon as it has the answer, and needs the permit then.
            drop(permit);
            let _ = answer.send(found);
        })?;
        answered.await.unwrap_or(Err(HistoryError::Stopping))
    }

    /// Caches the views and the engine that it folded; of a fold that is no longer wanted, the engine.
    fn fold_to(&self, at_ns: u64, published: u64, is_wanted: impl Fn() -> bool) -> Result<Arc<Views>, HistoryError> {
        let mut replay = self.nearest_before(at_ns, published)?;
        let folded = replay.fold_while(|_, stamp| stamp.time_ns <= at_ns, while_wanted(is_wanted))?;
        if folded.is_break() {
            self.park(replay);
            return Err(HistoryError::Unwanted);
        }
        let from_ns = replay.engine().time_ns();
        let until_ns = replay.peek()?.map_or(from_ns + 1, |next| next.time_ns);
        let views = Arc::new(replay.views());
        let dropped = self.cache.lock().put((from_ns, until_ns), views.clone());
        drop(dropped);
        self.park(replay);
        Ok(views)
    }

    /// A replay to fold from: a cached engine, or a snapshot.
    fn nearest_before(&self, at_ns: u64, published: u64) -> Result<Replay, HistoryError> {
        let newest_saved =
            self.saved.infos()?.iter().find(|info| info.time_ns <= at_ns).map_or(0, |info| info.sequence);
        let parked = self.cache.lock().take_parked(at_ns, newest_saved);
        if let Some(mut replay) = parked {
            replay.set_until(published);
            return Ok(replay);
        }
        let engine = self.saved.newest_where(|_, info| info.time_ns <= at_ns && info.sequence <= published)?;
        self.replay_from(engine, published)
    }

    fn park(&self, replay: Replay) {
        let dropped = self.cache.lock().park(replay);
        drop(dropped);
    }

    fn replay_from(&self, engine: Option<Engine>, published: u64) -> Result<Replay, HistoryError> {
        let engine = engine.unwrap_or_else(|| Engine::new(self.orders_expected));
        let pin = self.pin(engine.sequence())?;
        Ok(Replay::from(&self.dir, engine, published)?.pinned_by(pin))
    }

    /// Pins the frames after a sequence.
    fn pin(&self, after: u64) -> Result<ReadPin, HistoryError> {
        self.archive_floor.pin(after).map_err(HistoryError::Archived)
    }

    /// A cursor over the updates of a span, as far as they were published. Its calls block: for workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn update_cursor(
        &self,
        span: Span,
        published: u64,
        is_wanted: Box<dyn Fn() -> bool + Send>,
    ) -> Result<UpdateCursor, HistoryError> {
        let engine = self.saved.newest_where(|saved, info| {
            info.sequence <= published && span.may_start_at(info.time_ns, || saved.positions(info.sequence))
        })?;
        Ok(UpdateCursor::new(self.replay_from(engine, published)?, span, is_wanted))
    }

    /// Frees cached states that have been idle. Called at intervals.
    pub fn tidy(&self) {
        let idle = self.cache.lock().take_idle();
        drop(idle);
    }
}

/// Ends a fold within [`UPDATES_PER_LOOK`] updates once nobody wants its result.
pub fn while_wanted(is_wanted: impl Fn() -> bool) -> impl FnMut(&Stamp) -> ControlFlow<()> {
    let mut updates: u64 = 0;
    move |_| {
        updates += 1;
        let is_over = updates.is_multiple_of(UPDATES_PER_LOOK) && !is_wanted();
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Lowers the priority of the calling thread.
pub fn give_way(nice: i32) {
    if let Err(error) = rustix::process::nice(nice) {
        tracing::debug!(%error, "the priority of a thread cannot be lowered");
    }
}
