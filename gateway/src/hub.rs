//! A hub: recovered from its folder, wired, started, stopped.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, unbounded};
use ordo_core::engine::{Engine, IMAGE_VERSION};
use ordo_core::outcome::Outcome;
use ordo_core::ring::{InRing, OutRing};
use ordo_core::views::Views;
use ordo_journal::{Journal, OpenError, Opened, SnapshotInfo, Snapshots, SyncMode, WritePathKind};
use parking_lot::RwLock;
use thiserror::Error;

pub use crate::config::{Config, ConfigError, Durability, Wait, WritePath};
pub use crate::progress::Fault;

use crate::engine_stage::EngineStage;
use crate::intake::{Doors, intake};
use crate::journaler::Journaler;
use crate::progress::Progress;
use crate::publisher::Publisher;
use crate::receiver::Receiver;
use crate::replay::{Options, Replay, ReplayError, SNAPSHOTS_KEPT};
use crate::rest::{Server, Shared};
use crate::slot::Slot;
use crate::threads::{Alone, Pair, drive, pipeline_cores};
use crate::views_stage::ViewsStage;
use crate::{snapshots, threads};

/// Checkpoints on their way from the engine to the journal.
const CHECKPOINTS_WAITING_MAX: usize = 4;
/// What the hub adds to a message that it records in its own words: the name of a feed, and its place.
const BODY_BYTES_ADDED_MAX: usize = 1024;

/// Why a hub does not start, or has not stopped well.
#[derive(Debug, Error)]
pub enum HubError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}; another hub runs on this folder: stop it, or choose another --data")]
    Locked(OpenError),
    #[error("{0}; what is durable is damaged: run 'ordo journal verify', then restore a copy")]
    Corrupt(String),
    #[error("journal: {0}")]
    Journal(OpenError),
    #[error("cannot listen on {addr}: {error}")]
    Listen { addr: SocketAddr, error: std::io::Error },
    #[error("{what}: {error}")]
    Io { what: &'static str, error: std::io::Error },
    #[error(transparent)]
    Replay(ReplayError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl HubError {
    /// Exit code of a process that ends for this reason.
    pub fn exit_code(&self) -> u8 {
        match self {
            HubError::Locked(_) => 75,
            HubError::Corrupt(_) => 65,
            HubError::Replay(error) => error.exit_code(),
            HubError::Fault(fault) => fault.exit_code(),
            HubError::Config(_) | HubError::Journal(_) | HubError::Listen { .. } | HubError::Io { .. } => 1,
        }
    }

    fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> HubError {
        move |error| HubError::Io { what, error }
    }
}

impl From<OpenError> for HubError {
    fn from(error: OpenError) -> HubError {
        match error {
            OpenError::Locked(_) => HubError::Locked(error),
            OpenError::Corrupt(_)
            | OpenError::UnknownType { .. }
            | OpenError::Segment { .. }
            | OpenError::Behind { .. } => HubError::Corrupt(error.to_string()),
            OpenError::Io { .. } | OpenError::Options(_) => HubError::Journal(error),
        }
    }
}

impl From<ReplayError> for HubError {
    fn from(error: ReplayError) -> HubError {
        HubError::Replay(error)
    }
}

/// What a hub had come to when it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Sequence of the last update applied.
    pub sequence: u64,
    pub state_hash: u128,
    pub events_hash: u128,
}

/// A running hub. Dropped without `stop`, it stops all the same.
pub struct Hub {
    addr: SocketAddr,
    data: PathBuf,
    progress: Arc<Progress>,
    threads: Option<Threads>,
    rest: Option<Server>,
}

struct Threads {
    edge: JoinHandle<Pair<Receiver, Publisher>>,
    record: JoinHandle<Pair<Journaler, EngineStage>>,
    views: JoinHandle<Alone<ViewsStage>>,
    snapshots: JoinHandle<()>,
}

/// What was found in the folder.
struct Recovered {
    journal: Journal,
    last_time_ns: u64,
    engine: Engine,
    views: Views,
}

impl Hub {
    /// Recovers the state from the folder and serves.
    ///
    /// # Errors
    /// [`HubError`]; nothing runs then.
    pub fn start(config: Config) -> Result<Hub, HubError> {
        config.validate()?;
        std::fs::create_dir_all(&config.data).map_err(HubError::io("data folder"))?;
        let recovered = recover(&config)?;
        let listener = std::net::TcpListener::bind(config.listen)
            .map_err(|error| HubError::Listen { addr: config.listen, error })?;
        let addr = listener.local_addr().map_err(HubError::io("listener"))?;
        let progress = Arc::new(Progress::default());
        let views = Arc::new(RwLock::new(Views::default()));
        let (doors, threads) =
            start_pipeline(&config, recovered, &progress, &views).map_err(HubError::io("pipeline"))?;
        let shared = Shared {
            doors,
            progress: progress.clone(),
            views,
            durability: config.durability,
            dev: config.dev,
            update_bytes_max: config.message_bytes_max,
        };
        let rest = Server::start(listener, shared).map_err(HubError::io("rest"))?;
        tracing::info!(%addr, durability = config.durability.name(), "hub serves");
        Ok(Hub { addr, data: config.data, progress, threads: Some(threads), rest: Some(rest) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Defines the statuses that client requests go through, where no status is defined. A step of its own: a hub
    /// records nothing unasked.
    ///
    /// # Errors
    /// If the hub stops meanwhile.
    pub fn define_request_statuses(&self) -> Result<(), HubError> {
        let defined = self.rest.as_ref().is_some_and(Server::define_request_statuses);
        if defined { Ok(()) } else { Err(Fault::Failed("the hub stopped before it was set up".into()).into()) }
    }

    /// Waits for a fault that stops the hub; `None` if none came in that time.
    pub fn wait_fault(&self, timeout: Duration) -> Option<Fault> {
        let until = Instant::now() + timeout;
        loop {
            if let Some(fault) = self.progress.fault() {
                return Some(fault.clone());
            }
            if Instant::now() >= until {
                return None;
            }
            thread::sleep(Duration::from_millis(5).min(timeout));
        }
    }

    /// Takes no more, records and answers what it took, and leaves a snapshot of where it stopped.
    ///
    /// # Errors
    /// A fault before or while stopping; the record then tells at the next start.
    pub fn stop(mut self) -> Result<Stopped, HubError> {
        self.wind_down()
    }

    fn wind_down(&mut self) -> Result<Stopped, HubError> {
        self.progress.stop();
        let Some(threads) = self.threads.take() else {
            return Err(HubError::Fault(Fault::Failed("the hub has stopped before".into())));
        };
        let Pair(journaler, engine) = join(threads.record)?;
        let Pair(receiver, publisher) = join(threads.edge)?;
        // Their ends of the channels go, so that the encoder ends.
        drop((receiver, publisher));
        self.progress.set_over();
        drop(join(threads.views)?);
        join(threads.snapshots)?;
        if let Some(rest) = self.rest.take() {
            rest.stop();
        }
        if let Some(fault) = self.progress.fault() {
            return Err(fault.clone().into());
        }
        journaler.close().map_err(|error| Fault::Poisoned(error.to_string()))?;
        let engine = engine.into_engine();
        write_snapshot(&self.data, &engine).map_err(HubError::io("snapshot"))?;
        Ok(Stopped { sequence: engine.sequence(), state_hash: engine.state_hash(), events_hash: engine.events_hash() })
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if self.threads.is_some()
            && let Err(error) = self.wind_down()
        {
            tracing::error!(%error, "hub did not stop well");
        }
    }
}

fn join<T>(handle: JoinHandle<T>) -> Result<T, HubError> {
    handle.join().map_err(|_| Fault::Failed("a stage has panicked".into()).into())
}

/// Opens the journal (which repairs a torn end), then folds it.
fn recover(config: &Config) -> Result<Recovered, HubError> {
    let (newest, _) = Snapshots::new(&config.data, SNAPSHOTS_KEPT).newest_good().map_err(HubError::io("snapshots"))?;
    let options = ordo_journal::Options {
        segment_bytes: config.segment_bytes,
        write_path: write_path(config.write_path),
        tail_dir: config.tail_dir.clone(),
        tail_bytes: config.tail_bytes,
        body_bytes_max: config.message_bytes_max + BODY_BYTES_ADDED_MAX,
        mode: match config.durability {
            Durability::Sync => SyncMode::Sync,
            Durability::SyncEach => SyncMode::SyncEach,
            Durability::Async => SyncMode::Async,
        },
        known_durable: newest.map_or(0, |snapshot| snapshot.info.sequence),
        ..ordo_journal::Options::new(&config.data)
    };
    let Opened { journal, recovered } = Journal::open(options)?;
    if let Some(cut) = recovered.cut {
        tracing::warn!(?cut, "a torn end was cut off: it was never acknowledged");
    }
    let options = Options { orders_expected: config.orders_expected, ..Options::default() };
    let mut replay = Replay::open(&config.data, options)?;
    let updates = replay.run()?;
    tracing::info!(updates, last = recovered.last_sequence, from_tail = recovered.from_tail, "state recovered");
    let (engine, views) = replay.into_parts();
    // The last frame may be a batch, whose members have times of their own.
    let last_time_ns = recovered.last_time_ns.max(engine.time_ns());
    Ok(Recovered { journal, last_time_ns, engine, views })
}

fn write_path(configured: WritePath) -> WritePathKind {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    match configured {
        WritePath::Thread => WritePathKind::Thread,
        WritePath::Auto if cores <= 2 => WritePathKind::Thread,
        WritePath::Auto | WritePath::Uring => WritePathKind::Auto,
    }
}

/// Rings, stages, threads. Two pinned threads: `edge` has the sockets (receiver, publisher), `record` the state
/// (journal, engine). Copying to and from sockets is half of all the work, and so the two carry about the same.
fn start_pipeline(
    config: &Config,
    recovered: Recovered,
    progress: &Arc<Progress>,
    views: &Arc<RwLock<Views>>,
) -> std::io::Result<(Doors, Threads)> {
    let slots = config.ring_slots;
    let Recovered { journal, last_time_ns, engine, views: folded } = recovered;
    *views.write() = folded;
    let tasks = InRing::new(slots, Slot::with_room);
    let outcomes = OutRing::new(slots, Outcome::with_room);
    let (doors, intake) = intake();
    let (writers, new_writers) = unbounded();
    let (checkpoints, checkpoints_due) = bounded(CHECKPOINTS_WAITING_MAX);
    let (taken, snapshots_taken) = unbounded();
    let (jobs, snapshot_jobs) = unbounded();
    let receiver =
        Receiver::new(tasks.receiver, slots, progress.clone(), (intake, writers), &engine, config.message_bytes_max)?;
    let durability = config.durability;
    let journaler =
        Journaler::new(tasks.journal, slots, journal, last_time_ns, durability, (progress.clone(), checkpoints_due));
    let publisher = Publisher::new(
        (tasks.publisher, outcomes.publisher),
        progress.clone(),
        new_writers,
        (snapshots_taken, jobs),
        &engine,
        config.outbound_bytes_max,
    )?;
    let engine_stage = EngineStage::new(tasks.engine, outcomes.engine, engine, checkpoints, progress.clone());
    let views_stage = ViewsStage::new((tasks.views, outcomes.views), views.clone(), taken, progress.clone());
    let [first, second] = if config.pin { pipeline_cores() } else { [None, None] };
    let (wait, encoder_views) = (config.wait, views.clone());
    let threads = Threads {
        edge: drive("edge", first, wait, progress.clone(), Pair(receiver, publisher))?,
        record: drive("record", second, wait, progress.clone(), Pair(journaler, engine_stage))?,
        views: drive("views", None, threads::VIEWS_WAIT, progress.clone(), Alone(views_stage))?,
        snapshots: thread::Builder::new()
            .name("snapshots".into())
            .spawn(move || snapshots::run(&snapshot_jobs, &encoder_views))?,
    };
    Ok((doors, threads))
}

fn write_snapshot(data: &std::path::Path, engine: &Engine) -> std::io::Result<()> {
    let header = engine.image_header();
    if header.sequence == 0 {
        return Ok(());
    }
    let info = SnapshotInfo {
        body_version: u32::from(IMAGE_VERSION),
        sequence: header.sequence,
        time_ns: header.time_ns,
        state_hash: header.state_hash.to_le_bytes(),
        body_bytes: 0,
    };
    let mut writer = Snapshots::new(data, SNAPSHOTS_KEPT).write(info)?;
    writer.write_all(&engine.image())?;
    writer.finish().map(drop)
}
