//! History: any past state, and every update between two points, from the record.
//!
//! A look at the past starts at the newest snapshot at or before it and folds the record forward by the engine that
//! made it, on a thread of its own: no pinned thread does anything for it or waits for it. At most so many look at
//! once, the next is refused. A walk goes no further than what anybody had been told of when it was asked for.
//!
//! Absent on purpose: an index of the record. Snapshots bound what there is to fold.

mod cache;
mod explain;
mod feed_updates;
mod keeper;
mod missed;
mod places;
mod span;
mod subset;
pub mod tell;
mod turns;
mod walk;

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
pub use self::keeper::{Archiving, Keeper};
pub use self::missed::Missed;
pub use self::places::Place;
use self::places::Places;
pub use self::span::{Begin, End, Span};
pub use self::subset::Subset;
use self::turns::Turns;
use self::walk::UPDATES_PER_LOOK;
pub use self::walk::Walk;
use crate::archive_floor::{Held, Kept};
use crate::replay::{Replay, ReplayError};
use crate::saved_states::SavedStates;

/// Between looks at how far the disk is.
const DURABLE_PAUSE: Duration = Duration::from_micros(200);
/// Most looks are over sooner than that: a few at once need not be told to come again.
const ADMISSION_PATIENCE: Duration = Duration::from_secs(1);
/// More than so many waiting for each place are sent away at once.
const WAITING_FOR_EACH: usize = 4;
/// Who looks at the past leaves the present its cores.
const NICE: i32 = 5;

/// Why the past is not told.
#[derive(Debug, Error)]
pub enum HistoryError {
    #[error("as many look at the past as may at once")]
    Busy,
    #[error("the hub stops")]
    Stopping,
    #[error("nobody waits for it any more")]
    Unwanted,
    #[error("the record up to number {0} is archived, and what is asked for begins before that")]
    Archived(u64),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// What bounds it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub requests: usize,
    pub states: usize,
    pub reader_patience: Duration,
    pub orders_expected: usize,
}

/// What the service knows of the hub that it belongs to.
pub trait RecordProgress: std::fmt::Debug + Send + Sync {
    /// Sequence of the newest update that anybody may have seen.
    fn published_sequence(&self) -> u64;

    /// Sequence up to which the record is on stable storage, where a reader finds it.
    fn durable_sequence(&self) -> u64;

    /// Whether the hub neither stops nor has failed.
    fn is_running(&self) -> bool;
}

/// See the module.
pub struct History {
    dir: PathBuf,
    saved: SavedStates,
    kept: Arc<Kept>,
    progress: Arc<dyn RecordProgress>,
    permits: Arc<Semaphore>,
    requests_max: usize,
    /// Places to wait at for one of those.
    waiting: Semaphore,
    /// Subscriptions that resume have places of their own.
    resuming: Arc<Places>,
    /// How long one may take nothing.
    reader_patience: Duration,
    cache: Mutex<Cache>,
    turns: Turns,
    orders_expected: usize,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl History {
    /// Of a folder in which frames up to a sequence are archived.
    pub fn new(
        (dir, archived): (PathBuf, u64),
        saved: SavedStates,
        progress: Arc<dyn RecordProgress>,
        limits: Limits,
    ) -> History {
        History {
            dir,
            saved,
            kept: Kept::new(archived),
            progress,
            permits: Arc::new(Semaphore::new(limits.requests)),
            requests_max: limits.requests,
            waiting: Semaphore::new(limits.requests * WAITING_FOR_EACH),
            resuming: Places::new(limits.requests),
            reader_patience: limits.reader_patience,
            cache: Mutex::new(Cache::new(limits.states)),
            turns: Turns::default(),
            orders_expected: limits.orders_expected,
            workers: Mutex::default(),
        }
    }

    pub fn saved(&self) -> &SavedStates {
        &self.saved
    }

    /// A place among those who look at the past, to be held while looking; a few wait for one, for a while.
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

    /// Whether anybody looks at the past just now.
    fn is_looked_at(&self) -> bool {
        self.permits.available_permits() < self.requests_max
    }

    /// The record up to here may be told, and can be read.
    ///
    /// # Errors
    /// `Stopping`.
    pub async fn told(&self) -> Result<u64, HistoryError> {
        let told = self.progress.published_sequence();
        while self.progress.durable_sequence() < told {
            self.check_running()?;
            tokio::time::sleep(DURABLE_PAUSE).await;
        }
        Ok(told)
    }

    /// The same without waiting: what was told last may be missing.
    fn told_and_durable(&self) -> u64 {
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

    /// Blocks until a subscription may resume; none if it is not wanted any more.
    pub fn take_resume_place(&self, is_wanted: impl Fn() -> bool) -> Option<Place> {
        self.resuming.take(is_wanted)
    }

    /// Runs a look at the past on a thread of its own.
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

    /// Waits for all workers: they see that the hub stops, or that nobody reads what they say.
    pub fn join(&self) {
        let workers = std::mem::take(&mut *self.workers.lock());
        for worker in workers {
            if worker.join().is_err() {
                tracing::error!("a history worker has panicked");
            }
        }
    }

    /// What the views showed at an instant before the newest update. Of several who ask for the same one at a time, one
    /// folds.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub async fn state_at(self: &Arc<Self>, at_ns: u64) -> Result<Arc<Views>, HistoryError> {
        let _turn = self.turns.of(at_ns).await;
        if let Some(views) = self.cache.lock().get(at_ns) {
            return Ok(views);
        }
        let permit = self.admit().await?;
        let told = self.told().await?;
        let (answer, answered) = oneshot::channel();
        let history = self.clone();
        self.on_worker(move || {
            let found = history.fold_to(at_ns, told, || !answer.is_closed() && history.is_running());
            // Who has the answer may ask again at once.
            drop(permit);
            let _ = answer.send(found);
        })?;
        answered.await.unwrap_or(Err(HistoryError::Stopping))
    }

    /// Keeps what it folded for the next who asks, and how far it came where nobody waits any more.
    fn fold_to(&self, at_ns: u64, told: u64, is_wanted: impl Fn() -> bool) -> Result<Arc<Views>, HistoryError> {
        let mut replay = self.nearest_before(at_ns, told)?;
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

    /// The state to fold from: an engine that was left there, or a snapshot.
    fn nearest_before(&self, at_ns: u64, told: u64) -> Result<Replay, HistoryError> {
        let newest_saved =
            self.saved.infos()?.iter().find(|info| info.time_ns <= at_ns).map_or(0, |info| info.sequence);
        let parked = self.cache.lock().take_parked(at_ns, newest_saved);
        if let Some(mut replay) = parked {
            replay.set_until(told);
            return Ok(replay);
        }
        let engine = self.saved.newest_where(|_, info| info.time_ns <= at_ns && info.sequence <= told)?;
        self.replay_from(engine, told)
    }

    fn park(&self, replay: Replay) {
        let dropped = self.cache.lock().park(replay);
        drop(dropped);
    }

    fn replay_from(&self, engine: Option<Engine>, told: u64) -> Result<Replay, HistoryError> {
        let engine = engine.unwrap_or_else(|| Engine::new(self.orders_expected));
        let held = self.hold(engine.sequence())?;
        Ok(Replay::from(&self.dir, engine, told)?.holding(held))
    }

    /// What comes after a sequence stays in the folder as long as this is there.
    fn hold(&self, after: u64) -> Result<Held, HistoryError> {
        self.kept.hold(after).map_err(HistoryError::Archived)
    }

    /// The updates of a span, as far as anybody had been told. Blocks: for workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn walk(&self, span: Span, told: u64, is_wanted: Box<dyn Fn() -> bool + Send>) -> Result<Walk, HistoryError> {
        let engine = self.saved.newest_where(|saved, info| {
            info.sequence <= told && span.may_start_at(info.time_ns, || saved.positions(info.sequence))
        })?;
        Ok(Walk::new(self.replay_from(engine, told)?, span, is_wanted))
    }

    /// Called now and then.
    pub fn tidy(&self) {
        let idle = self.cache.lock().take_idle();
        drop(idle);
    }
}

/// Looks now and then whether anybody still waits for what is folded.
pub fn while_wanted(is_wanted: impl Fn() -> bool) -> impl FnMut(&Stamp) -> ControlFlow<()> {
    let mut updates: u64 = 0;
    move |_| {
        updates += 1;
        let is_over = updates.is_multiple_of(UPDATES_PER_LOOK) && !is_wanted();
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// This thread lets others have the core.
pub fn give_way(nice: i32) {
    if let Err(error) = rustix::process::nice(nice) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}
