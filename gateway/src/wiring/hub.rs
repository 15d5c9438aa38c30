//! `Hub`: recovered from its folder, wired, started and stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ordo_core::engine::Engine;
use ordo_core::views::Views;
use ordo_history::clock::Clock;
use ordo_history::replay::{Replay, ReplayError};
use ordo_history::saved_states::{Retention, SavedStates};
use ordo_history::service::{Archiving, History, Limits, Snapshotter};
use ordo_journal::{Archiver, DurabilityProof, Journal, OpenError, Opened, SyncMode, WritePathKind};
use parking_lot::RwLock;
use thiserror::Error;

use crate::rest::{HttpLimits, Memory, Names, Server, Shared};
pub use crate::wiring::config::{Config, ConfigError, Durability, Layout, Wait, WritePath};
use crate::wiring::pipeline::{Finished, Pipeline, Recovered};
pub use crate::wiring::progress::Fault;
use crate::wiring::progress::Progress;
use crate::wiring::stages::StageReading;

/// Bytes that the hub may add to a recorded message: the name of a feed, and its position.
const BODY_BYTES_ADDED_MAX: usize = 1024;

/// Why a hub does not start, or did not stop cleanly.
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
    #[error(
        "require_durable = true, and nothing shows that a write survives a power loss ({0}): choose another --data"
    )]
    NotDurable(DurabilityProof),
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
            HubError::Config(_)
            | HubError::Journal(_)
            | HubError::NotDurable(_)
            | HubError::Listen { .. }
            | HubError::Io { .. } => 1,
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
            | OpenError::Archived { .. }
            | OpenError::Behind { .. } => HubError::Corrupt(error.to_string()),
            OpenError::Io { .. }
            | OpenError::Options(_)
            | OpenError::SmallSegments { .. }
            | OpenError::Archive { .. } => HubError::Journal(error),
        }
    }
}

impl From<ReplayError> for HubError {
    fn from(error: ReplayError) -> HubError {
        HubError::Replay(error)
    }
}

/// Last state of a hub that stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Sequence of the last update applied.
    pub sequence: u64,
    pub state_hash: u128,
    pub events_hash: u128,
}

/// A running hub. Dropping it stops it.
pub struct Hub {
    addr: SocketAddr,
    progress: Arc<Progress>,
    history: Arc<History>,
    keep: Retention,
    snapshotter: Option<thread::JoinHandle<()>>,
    pipeline: Option<Pipeline>,
    rest: Option<Server>,
}

impl Hub {
    /// Recovers the state from the folder and serves.
    ///
    /// # Errors
    /// [`HubError`]; nothing runs then.
    pub fn start(config: Config) -> Result<Hub, HubError> {
        config.validate()?;
        std::fs::create_dir_all(&config.data).map_err(HubError::io("data folder"))?;
        let saved = SavedStates::of(&config.data);
        let recovered = recover(&config, &saved)?;
        let durability = durability(&config, recovered.journal.durability_proof())?;
        let listener = std::net::TcpListener::bind(config.listen)
            .map_err(|error| HubError::Listen { addr: config.listen, error })?;
        let addr = listener.local_addr().map_err(HubError::io("listener"))?;
        let progress = Arc::new(Progress::default());
        let views = Arc::new(RwLock::new(Views::default()));
        let (archiver, archived) = (recovered.journal.archiver(), recovered.archived);
        let record = (config.data.clone(), archived);
        let history = Arc::new(History::new(record, saved, (progress.clone(), config.clock.clone()), limits(&config)));
        let (ingress, pipeline) = Pipeline::start(&config, recovered, &progress, &views, history.clone())
            .map_err(HubError::io("pipeline"))?;
        let snapshotter = snapshotter(&config, archiver).start(history.clone()).map_err(HubError::io("snapshotter"))?;
        let shared = Shared {
            ingress,
            progress: progress.clone(),
            views,
            history: history.clone(),
            durability: durability.as_str().into(),
            dev: config.dev,
            names: Arc::new(Names { hosts: config.access_hosts.clone(), origins: config.access_origins.clone() }),
            memory: Arc::new(Memory::new(config.memory_bytes_max, config.body_bytes_max, config.clock.clone())),
            reader_patience: config.reader_patience,
            body_bytes_max: config.body_bytes_max,
            update_bytes_max: config.message_bytes_max,
            batch_records_max: config.batch_records_max,
            limits: http_limits(&config),
        };
        let rest = Server::start(listener, shared).map_err(HubError::io("rest"))?;
        tracing::info!(%addr, durability, "hub is serving");
        let keep = retention(&config);
        let (snapshotter, pipeline, rest) = (Some(snapshotter), Some(pipeline), Some(rest));
        Ok(Hub { addr, progress, history, keep, snapshotter, pipeline, rest })
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Defines the default request statuses if no status is defined. A separate step: a hub records nothing on its own
    /// at start.
    ///
    /// # Errors
    /// If the hub stops meanwhile.
    pub fn define_request_statuses(&self) -> Result<(), HubError> {
        let defined = self.rest.as_ref().is_some_and(Server::define_request_statuses);
        if defined { Ok(()) } else { Err(Fault::Failed("the hub stopped before it was set up".into()).into()) }
    }

    fn clock(&self) -> &Clock {
        self.history.clock()
    }

    /// What each stage has done since the start, in the order of an update.
    pub fn stages(&self) -> impl IntoIterator<Item = StageReading> {
        self.progress.counters.readings()
    }

    /// Waits for a fault that stops the hub; `None` if there is none within `timeout`.
    pub fn wait_fault(&self, timeout: Duration) -> Option<Fault> {
        let until = self.clock().now() + timeout;
        loop {
            if let Some(fault) = self.progress.fault() {
                return Some(fault.clone());
            }
            if self.clock().now() >= until {
                return None;
            }
            self.clock().sleep(Duration::from_millis(5).min(timeout));
        }
    }

    /// Admits nothing more, records and answers what was admitted, and saves a snapshot of the last state.
    ///
    /// # Errors
    /// A fault before or while stopping; the next start recovers from the record.
    pub fn stop(mut self) -> Result<Stopped, HubError> {
        self.wind_down()
    }

    fn wind_down(&mut self) -> Result<Stopped, HubError> {
        self.progress.stop();
        let Some(pipeline) = self.pipeline.take() else {
            return Err(HubError::Fault(Fault::Failed("the hub has stopped before".into())));
        };
        let finished = pipeline.join();
        self.progress.set_over();
        if let Some(rest) = self.rest.take() {
            rest.stop();
        }
        self.history.join();
        if self.snapshotter.take().is_some_and(|snapshotter| snapshotter.join().is_err()) {
            tracing::error!("the snapshotter has panicked");
        }
        let Finished { journal, engine } = finished?;
        if let Some(fault) = self.progress.fault() {
            return Err(fault.clone().into());
        }
        journal.close().map_err(|error| Fault::Poisoned(error.to_string()))?;
        // Without it the next start replays more and loses nothing, so it does not fail the stop.
        let saved = self.history.saved();
        if let Err(error) = saved.save(&engine).and_then(|()| saved.thin(self.keep)) {
            tracing::warn!(%error, "the last state was not saved");
        }
        Ok(Stopped { sequence: engine.sequence(), state_hash: engine.state_hash(), events_hash: engine.events_hash() })
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if self.pipeline.is_some()
            && let Err(error) = self.wind_down()
        {
            tracing::error!(%error, "hub did not stop cleanly");
        }
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        requests: config.history_requests_max,
        states: config.history_states_max,
        reader_patience: config.reader_patience,
        orders_expected: config.orders_expected,
    }
}

fn http_limits(config: &Config) -> HttpLimits {
    HttpLimits {
        connections_max: config.limits_connections,
        header_bytes: config.limits_header_bytes,
        header: Duration::from_millis(config.limits_header_ms),
        idle: Duration::from_millis(config.limits_idle_ms),
    }
}

/// What an acknowledgement is worth, in words: the mode, and what its file system leaves unproven.
fn durability(config: &Config, proof: DurabilityProof) -> Result<String, HubError> {
    let mode = config.durability.name();
    if proof == DurabilityProof::Proven || config.durability == Durability::Async {
        return Ok(mode.to_owned());
    }
    if config.require_durable {
        return Err(HubError::NotDurable(proof));
    }
    tracing::warn!(durability = mode, %proof, data = %config.data.display(), "nothing shows that a write survives a power loss");
    Ok(format!("{mode} ({proof})"))
}

fn retention(config: &Config) -> Retention {
    Retention { count: config.snapshots_max, bytes: config.snapshots_bytes_max }
}

fn snapshotter(config: &Config, archiver: Archiver) -> Snapshotter {
    let journal_bytes_max = config.journal_bytes_max;
    Snapshotter {
        dir: config.data.clone(),
        every_updates: config.snapshot_every_updates,
        every: Duration::from_secs(config.snapshot_every_s),
        keep: retention(config),
        archiving: config.archive_dir.clone().map(|to| Archiving { archiver, to, journal_bytes_max }),
        orders_expected: config.orders_expected,
    }
}

/// Opens the journal, which cuts off a torn end, and folds it.
fn recover(config: &Config, saved: &SavedStates) -> Result<Recovered, HubError> {
    let newest = saved.newest(u64::MAX).map_err(HubError::io("snapshots"))?;
    let newest_sequence = newest.as_ref().map_or(0, Engine::sequence);
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
        known_durable: newest_sequence,
        start_from: newest_sequence,
        archive_dir: config.archive_dir.clone(),
        ..ordo_journal::Options::new(&config.data)
    };
    let Opened { journal, recovered } = match &config.disk {
        Some(disk) => Journal::open_on(disk.clone(), options)?,
        None => Journal::open(options)?,
    };
    if let Some(cut) = recovered.cut {
        tracing::warn!(?cut, "the torn end of the journal was cut off; it was never acknowledged");
    }
    let engine = newest.unwrap_or_else(|| Engine::new(config.orders_expected));
    let mut replay = Replay::from(&config.data, engine, u64::MAX)?;
    let updates = replay.run()?;
    tracing::info!(updates, last = recovered.last_sequence, from_tail = recovered.from_tail, "state recovered");
    let engine = replay.into_engine();
    // The last frame may be a batch; its members have later times of their own.
    let last_time_ns = recovered.last_time_ns.max(engine.time_ns());
    Ok(Recovered { journal, last_time_ns, engine, archived: recovered.begins_after })
}

fn write_path(configured: WritePath) -> WritePathKind {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    match configured {
        WritePath::Thread => WritePathKind::Thread,
        WritePath::Auto if cores <= 2 => WritePathKind::Thread,
        WritePath::Auto | WritePath::Uring => WritePathKind::Auto,
    }
}
