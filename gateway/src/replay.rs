//! Replay: the state rebuilt from the record, by the same engine and the same views as live.
//!
//! Used at start, by the offline tools, and wherever a past state is asked for. Reads only; safe on the folder of a
//! running hub. Only the engine goes along: the views of the state that it comes to are made at the end.

use std::collections::VecDeque;
use std::path::Path;

use ordo_core::engine::{Engine, Input};
use ordo_core::names::{FeedNo, Names};
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::{BATCH, Batch, Origin, Settings};
use ordo_core::views::Views;
use ordo_core::wire::{DecodeError, FeedRequest, Span};
use ordo_journal::{Kind, ReadError, Reader};
use prost::Message as _;
use thiserror::Error;

use crate::checkpoint::{Checkpoint, Divergence};
use crate::history::SavedStates;

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
    #[error("the record ends at {sequence}, and {until} had been told")]
    Short { sequence: u64, until: u64 },
    #[error("CORRUPT seq={sequence}: a recorded update cannot be decoded ({error})")]
    Update { sequence: u64, error: DecodeError },
    #[error("CORRUPT seq={sequence}: recorded settings cannot be decoded")]
    Settings { sequence: u64 },
}

impl ReplayError {
    /// Exit code of a process that ends for this reason.
    pub fn exit_code(&self) -> u8 {
        match self {
            ReplayError::Io(_) | ReplayError::Short { .. } => 1,
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
    outcome: Outcome,
    request: FeedRequest,
    body: Vec<u8>,
    /// An update that was read, its bytes in `body`, and is not applied yet.
    ready: Option<Stamp>,
    /// A batch that was read and is to be opened before the first of its members.
    batch: Option<(Stamp, Batch)>,
    /// Its members behind the one that is ready.
    members: VecDeque<(Stamp, Vec<u8>)>,
    /// Stamp of the update whose outcome this is, its bytes in `body`.
    applied: Option<Stamp>,
    /// No update beyond this sequence is applied.
    until: u64,
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
    pub names: &'a Names,
}

impl Replay {
    /// # Errors
    /// If the folder holds no journal, or cannot be read.
    pub fn open(dir: &Path, options: Options) -> Result<Replay, ReplayError> {
        let engine = if options.snapshots { SavedStates::of(dir).newest(u64::MAX)? } else { None };
        Replay::from(dir, engine.unwrap_or_else(|| Engine::new(options.orders_expected)), u64::MAX)
    }

    /// Goes on from a state, up to a sequence.
    ///
    /// # Errors
    /// As [`Replay::open`].
    pub(crate) fn from(dir: &Path, engine: Engine, until: u64) -> Result<Replay, ReplayError> {
        let mut reader = Reader::open(dir)?;
        reader.seek(engine.sequence() + 1)?;
        Ok(Replay {
            reader,
            last_sequence: engine.sequence(),
            engine,
            outcome: Outcome::with_room(),
            request: FeedRequest::default(),
            body: Vec::with_capacity(1024),
            ready: None,
            batch: None,
            members: VecDeque::new(),
            applied: None,
            until,
            expected: Vec::new(),
            updates: 0,
        })
    }

    /// The update that was applied last.
    pub(crate) fn last(&self) -> Option<Applied<'_>> {
        let stamp = self.applied?;
        let input = Input { stamp, bytes: &self.body, request: &self.request };
        Some(Applied { input, outcome: &self.outcome, names: self.engine.names() })
    }

    /// Lets it go on up to a later sequence.
    pub(crate) fn set_until(&mut self, until: u64) {
        self.until = until;
    }

    /// The next update, not applied yet: `position` is 0 where the engine is to give it.
    ///
    /// # Errors
    /// As [`Replay::next`].
    pub fn peek(&mut self) -> Result<Option<Stamp>, ReplayError> {
        while self.ready.is_none() {
            if let Some((stamp, body)) = self.members.pop_front() {
                self.applied = None;
                self.body = body;
                self.ready = Some(stamp);
                break;
            }
            if self.last_sequence >= self.until {
                return Ok(None);
            }
            let Some(frame) = self.reader.next()? else {
                let (sequence, until) = (self.last_sequence, self.until);
                return if until == u64::MAX { Ok(None) } else { Err(ReplayError::Short { sequence, until }) };
            };
            self.last_sequence = frame.sequence;
            match frame.kind {
                Kind::Update => {
                    self.applied = None;
                    self.body.clear();
                    self.body.extend_from_slice(frame.body);
                    let is_batch = frame.flags & BATCH != 0;
                    let stamp = Stamp {
                        sequence: frame.sequence,
                        time_ns: frame.time_ns,
                        feed: FeedNo(frame.feed),
                        position: frame.position,
                        origin: Origin::from_flags(frame.flags),
                    };
                    if is_batch {
                        self.read_batch(stamp)?;
                    } else {
                        self.ready = Some(stamp);
                    }
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
                    self.applied = None;
                }
                _ => {}
            }
        }
        Ok(self.ready.filter(|stamp| stamp.sequence <= self.until))
    }

    /// Applies the next update; none at the end of the record.
    ///
    /// # Errors
    /// If the record is damaged, or says something else than this build would do.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Applied<'_>>, ReplayError> {
        let Some(stamp) = self.peek()? else { return Ok(None) };
        self.ready = None;
        if let Some((stamp, batch)) = self.batch.take() {
            let before = self.engine.sequence();
            self.engine.open_batch(stamp, &batch, &mut self.outcome);
            self.expected.extend(Checkpoint::due(before, &self.engine));
        }
        let before = self.engine.sequence();
        let decoded = self.request.decode_into(&self.body, Span::whole(&self.body));
        decoded.map_err(|error| ReplayError::Update { sequence: stamp.sequence, error })?;
        let input = Input { stamp, bytes: &self.body, request: &self.request };
        self.engine.apply(&input, &mut self.outcome);
        self.expected.extend(Checkpoint::due(before, &self.engine));
        self.updates += 1;
        self.applied = Some(stamp);
        Ok(self.last())
    }

    /// One frame, several updates: the members are applied one by one behind it.
    fn read_batch(&mut self, stamp: Stamp) -> Result<(), ReplayError> {
        let malformed = |_| ReplayError::Update { sequence: stamp.sequence, error: DecodeError::Malformed };
        let batch = Batch::decode(&*self.body).map_err(malformed)?;
        let updates = batch.members.iter().map(|member| member.update.clone().unwrap_or_default().encode_to_vec());
        let stamps = (1..).map(|nth| Stamp { time_ns: stamp.time_ns + nth, ..stamp });
        self.members = stamps.zip(updates).collect();
        if !self.members.is_empty() {
            self.batch = Some((stamp, batch));
        }
        Ok(())
    }

    /// Whether the state is that after a whole frame: what a snapshot can hold.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.members.is_empty() && self.batch.is_none() && self.ready.is_none()
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

    /// What the state shows. Made anew at each call.
    pub fn views(&self) -> Views {
        Views::of(&self.engine)
    }

    /// Updates applied since the beginning, or the snapshot.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Sequence of the last frame read, update or not.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    pub(crate) fn into_engine(self) -> Engine {
        self.engine
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
