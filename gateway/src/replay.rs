//! Replay: the state rebuilt from the record, by the same engine and the same views as live.
//!
//! Used at start, by the offline tools, and wherever a past state is asked for. Reads only; safe on the folder of a
//! running hub.

use std::io::Read as _;
use std::path::Path;

use ordo_core::engine::{Engine, Input};
use ordo_core::names::FeedNo;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::{Origin, Settings};
use ordo_core::views::Views;
use ordo_core::wire::{DecodeError, FeedRequest, Span};
use ordo_journal::{Kind, ReadError, Reader, Snapshots};
use prost::Message as _;
use thiserror::Error;

use crate::checkpoint::{Checkpoint, Divergence};

/// Snapshots that a folder keeps: the newest, and one to fall back on.
pub(crate) const SNAPSHOTS_KEPT: usize = 2;

/// How to replay.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Start from the newest good snapshot; false: from the beginning of the record.
    pub snapshots: bool,
    /// Orders that fit before a table grows.
    pub orders_expected: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { snapshots: true, orders_expected: 1 << 16 }
    }
}

/// Why a record cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Divergence(#[from] Divergence),
    #[error("CORRUPT seq={sequence}: a recorded update cannot be decoded ({error})")]
    Update { sequence: u64, error: DecodeError },
    #[error("CORRUPT seq={sequence}: recorded settings cannot be decoded")]
    Settings { sequence: u64 },
}

impl ReplayError {
    /// Exit code of a process that ends for this reason.
    pub fn exit_code(&self) -> u8 {
        match self {
            ReplayError::Io(_) => 1,
            ReplayError::Read(ReadError::Io { .. }) => 1,
            ReplayError::Read(_)
            | ReplayError::Divergence(_)
            | ReplayError::Update { .. }
            | ReplayError::Settings { .. } => 65,
        }
    }
}

/// See the module.
pub struct Replay {
    reader: Reader,
    engine: Engine,
    views: Views,
    outcome: Outcome,
    request: FeedRequest,
    body: Vec<u8>,
    /// What a checkpoint that is yet to be read must say.
    expected: Vec<Checkpoint>,
    updates: u64,
    last_sequence: u64,
}

/// An update that was just applied.
#[derive(Debug)]
pub struct Applied<'a> {
    pub input: Input<'a>,
    pub outcome: &'a Outcome,
}

impl Replay {
    /// # Errors
    /// If the folder holds no journal, or cannot be read.
    pub fn open(dir: &Path, options: Options) -> Result<Replay, ReplayError> {
        let engine = if options.snapshots { newest_image(dir)? } else { None };
        let engine = engine.unwrap_or_else(|| Engine::new(options.orders_expected));
        let mut reader = Reader::open(dir)?;
        reader.seek(engine.sequence() + 1)?;
        let (views, last_sequence) = (Views::of(&engine), engine.sequence());
        Ok(Replay {
            reader,
            engine,
            views,
            outcome: Outcome::with_room(),
            request: FeedRequest::default(),
            body: Vec::with_capacity(1024),
            expected: Vec::new(),
            updates: 0,
            last_sequence,
        })
    }

    /// Applies the next update; none at the end of the record.
    ///
    /// # Errors
    /// If the record is damaged, or says something else than this build would do.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Applied<'_>>, ReplayError> {
        let stamp = loop {
            let Some(frame) = self.reader.next()? else { return Ok(None) };
            self.last_sequence = frame.sequence;
            match frame.kind {
                Kind::Update => {
                    self.body.clear();
                    self.body.extend_from_slice(frame.body);
                    break Stamp {
                        sequence: frame.sequence,
                        time_ns: frame.time_ns,
                        feed: FeedNo(frame.feed),
                        position: frame.position,
                        origin: Origin::from_flags(frame.flags),
                    };
                }
                Kind::Checkpoint => compare(&mut self.expected, frame.body)?,
                Kind::Settings | Kind::Tick => {
                    let stamp = Stamp { sequence: frame.sequence, time_ns: frame.time_ns, ..Stamp::default() };
                    let before = self.engine.sequence();
                    if frame.kind == Kind::Tick {
                        self.engine.tick(stamp, &mut self.outcome);
                    } else {
                        let undecodable = |_| ReplayError::Settings { sequence: stamp.sequence };
                        let settings = Settings::decode(frame.body).map_err(undecodable)?;
                        self.engine.set_settings(stamp, &settings, &mut self.outcome);
                    }
                    self.expected.extend(Checkpoint::due(before, &self.engine));
                }
                _ => {}
            }
        };
        let decoded = self.request.decode_into(&self.body, Span::whole(&self.body));
        decoded.map_err(|error| ReplayError::Update { sequence: stamp.sequence, error })?;
        let before = self.engine.sequence();
        let input = Input { stamp, bytes: &self.body, request: &self.request };
        self.engine.apply(&input, &mut self.outcome);
        self.views.fold(&self.outcome);
        self.expected.extend(Checkpoint::due(before, &self.engine));
        self.updates += 1;
        Ok(Some(Applied { input, outcome: &self.outcome }))
    }

    /// Applies all that is left; the number of updates applied in all.
    ///
    /// # Errors
    /// As [`Replay::next`].
    pub fn run(&mut self) -> Result<u64, ReplayError> {
        while self.next()?.is_some() {}
        Ok(self.updates)
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn views(&self) -> &Views {
        &self.views
    }

    /// Updates applied since the beginning, or the snapshot.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Sequence of the last frame read, update or not.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    pub(crate) fn into_parts(self) -> (Engine, Views) {
        (self.engine, self.views)
    }
}

/// A checkpoint from the record, against what this replay came to there. One from before the start says nothing.
fn compare(expected: &mut Vec<Checkpoint>, body: &[u8]) -> Result<(), Divergence> {
    let Some(recorded) = Checkpoint::decode(body) else { return Ok(()) };
    if let Some(at) = expected.iter().position(|replayed| replayed.sequence == recorded.sequence) {
        let replayed = expected.swap_remove(at);
        recorded.compare(&replayed)?;
    }
    Ok(())
}

/// The state of the newest snapshot that is whole; one that is not is passed over, and said.
fn newest_image(dir: &Path) -> Result<Option<Engine>, ReplayError> {
    let snapshots = Snapshots::new(dir, SNAPSHOTS_KEPT);
    let mut until = u64::MAX;
    loop {
        let (found, skipped) = snapshots.newest_good_until(until)?;
        for snapshot in skipped {
            tracing::warn!(name = snapshot.name, why = snapshot.why, "snapshot passed over");
        }
        let Some(mut snapshot) = found else { return Ok(None) };
        let mut bytes = Vec::with_capacity(snapshot.info.body_bytes as usize);
        snapshot.read_to_end(&mut bytes)?;
        match Engine::from_image(&bytes) {
            Ok(engine) => return Ok(Some(engine)),
            Err(error) => tracing::warn!(sequence = snapshot.info.sequence, %error, "snapshot passed over"),
        }
        until = snapshot.info.sequence.saturating_sub(1);
    }
}
