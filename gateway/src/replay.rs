//! Replay: the state rebuilt from the record, by the same engine and the same views as live.
//!
//! Used at start, by the offline tools, and wherever a past state is asked for. Reads only; safe on the folder of a
//! running hub. Only the engine goes along: the views of the state that it comes to are made at the end.
//!
//! Ticks and settings take effect with the next update that is applied, or at the end: who stops before an update stops
//! before all that came since the one before it, unless it is within the bound (see [`Replay::fold_while`]).

mod ahead;
mod frames;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

use ordo_core::engine::{Engine, Input};
use ordo_core::names::Names;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::{Step, StepError, StepKind, UnknownRules};
use ordo_core::views::Views;
use ordo_journal::{Kind, ReadError, Reader};
use thiserror::Error;

use self::frames::{Frames, ReadFrame};
use crate::checkpoint::{Checkpoint, Divergence};
use crate::history::{Held, SavedStates};

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
    #[error("CORRUPT the record ends at {ends}, but a snapshot knows it to be durable up to {after}")]
    Behind { ends: u64, after: u64 },
    #[error("CORRUPT seq={sequence}: {error}")]
    Step { sequence: u64, error: StepError },
    #[error("seq={sequence}: {error}; replay it with the build that recorded it, or a later one")]
    Rules { sequence: u64, error: UnknownRules },
}

impl ReplayError {
    /// Exit code of a process that ends for this reason.
    pub fn exit_code(&self) -> u8 {
        match self {
            ReplayError::Io(_) | ReplayError::Short { .. } => 1,
            ReplayError::Read(ReadError::Io { .. }) => 1,
            ReplayError::Read(_)
            | ReplayError::Behind { .. }
            | ReplayError::Divergence(_)
            | ReplayError::Step { .. }
            | ReplayError::Rules { .. } => 65,
        }
    }

    fn of_step(sequence: u64, error: StepError) -> ReplayError {
        match error {
            StepError::Rules(error) => ReplayError::Rules { sequence, error },
            error => ReplayError::Step { sequence, error },
        }
    }
}

/// See the module.
pub struct Replay {
    frames: Frames,
    engine: Engine,
    outcome: Outcome,
    /// The update that is ready, or was applied last.
    current: Box<ReadFrame>,
    /// An update that was read and is not applied yet.
    ready: Option<Stamp>,
    /// What came before it and takes effect with it.
    between: VecDeque<(Stamp, Between)>,
    /// What took effect with the update that was applied last.
    passed: Vec<(Stamp, Between)>,
    /// A batch that was read and is to be opened before the first of its members.
    batch: Option<Step<'static>>,
    /// Its members behind the one that is ready.
    members: VecDeque<(Stamp, Vec<u8>)>,
    /// Stamp of the update whose outcome this is.
    applied: Option<Stamp>,
    /// No update beyond this sequence is applied.
    until: u64,
    /// What a checkpoint that is yet to be read must say.
    expected: Vec<Checkpoint>,
    updates: u64,
    last_sequence: u64,
    /// Keeps what is read in the folder of a running hub.
    _held: Option<Held>,
}

/// What was recorded between two updates.
#[derive(Debug)]
pub(crate) enum Between {
    /// A tick or settings.
    Step(Step<'static>),
    Checkpoint(Checkpoint),
}

/// An update that was just applied.
#[derive(Debug)]
pub struct Applied<'a> {
    pub input: Input<'a>,
    pub outcome: &'a Outcome,
    pub names: &'a Names,
    /// What came before it and is no update.
    pub(crate) passed: &'a [(Stamp, Between)],
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
            frames: Frames::new(reader, engine.sequence()),
            last_sequence: engine.sequence(),
            engine,
            outcome: Outcome::with_room(),
            current: ReadFrame::new(),
            ready: None,
            between: VecDeque::new(),
            passed: Vec::new(),
            batch: None,
            members: VecDeque::new(),
            applied: None,
            until,
            expected: Vec::new(),
            updates: 0,
            _held: None,
        })
    }

    pub(crate) fn holding(self, held: Held) -> Replay {
        Replay { _held: Some(held), ..self }
    }

    /// The update that was applied last.
    pub(crate) fn last(&self) -> Option<Applied<'_>> {
        let stamp = self.applied?;
        let input = Input { stamp, bytes: &self.current.body, request: &self.current.request };
        Some(Applied { input, outcome: &self.outcome, names: self.engine.names(), passed: &self.passed })
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
                self.current.body = body;
                self.current.decode();
                self.ready = Some(stamp);
            } else if !self.read()? {
                return Ok(None);
            }
        }
        Ok(self.ready.filter(|stamp| stamp.sequence <= self.until))
    }

    /// Reads a frame; false if there is none up to the bound.
    fn read(&mut self) -> Result<bool, ReplayError> {
        if self.last_sequence >= self.until {
            return Ok(false);
        }
        self.applied = None;
        if !self.frames.next(self.until, &mut self.current)? {
            let (sequence, until) = (self.last_sequence, self.until);
            return if until == u64::MAX { Ok(false) } else { Err(ReplayError::Short { sequence, until }) };
        }
        let header = self.current.header;
        self.last_sequence = header.sequence;
        match (self.current.kind, header.step_kind()) {
            (Kind::Checkpoint, _) => {
                let stamp = Stamp { sequence: header.sequence, time_ns: header.time_ns, ..Stamp::default() };
                let checkpoint = Checkpoint::decode(&self.current.body).map(Between::Checkpoint);
                self.between.extend(checkpoint.map(|checkpoint| (stamp, checkpoint)));
            }
            (_, Some(StepKind::Update)) => {
                let stamp = header.stamp().map_err(|error| ReplayError::of_step(header.sequence, error.into()))?;
                self.ready = Some(stamp);
            }
            (_, Some(_)) => self.read_step()?,
            (_, None) => {}
        }
        Ok(true)
    }

    /// A step that is no update by itself.
    fn read_step(&mut self) -> Result<(), ReplayError> {
        let ReadFrame { header, body, request, .. } = &*self.current;
        let step = Step::of_decoded(header, body, request);
        match step.map_err(|error| ReplayError::of_step(header.sequence, error))? {
            // One frame, several updates: the members are applied one by one behind it.
            Some(Step::OpenBatch { stamp, batch }) if !batch.members.is_empty() => {
                self.members = batch.updates(stamp).collect();
                self.batch = Some(Step::OpenBatch { stamp, batch: Cow::Owned(batch.into_owned()) });
            }
            Some(Step::Tick(stamp)) => self.between.push_back((stamp, Between::Step(Step::Tick(stamp)))),
            Some(Step::Settings { stamp, settings }) => {
                let step = Step::Settings { stamp, settings: Cow::Owned(settings.into_owned()) };
                self.between.push_back((stamp, Between::Step(step)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Applies the next update, and what came before it; none at the end of the record.
    ///
    /// # Errors
    /// If the record is damaged, or says something else than this build would do.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Applied<'_>>, ReplayError> {
        let next = self.peek()?;
        self.apply_between(|_, _| true)?;
        let Some(stamp) = next else { return Ok(None) };
        self.ready = None;
        if let Some(opening) = self.batch.take() {
            let before = self.engine.sequence();
            self.engine.apply(opening, &mut self.outcome);
            self.expected.extend(Checkpoint::due(before, &self.engine));
        }
        let before = self.engine.sequence();
        let undecoded = |error| ReplayError::Step { sequence: stamp.sequence, error: StepError::Update(error) };
        self.current.decoded.map_err(undecoded)?;
        let input = Input { stamp, bytes: &self.current.body, request: &self.current.request };
        self.engine.apply(input, &mut self.outcome);
        self.expected.extend(Checkpoint::due(before, &self.engine));
        self.updates += 1;
        self.applied = Some(stamp);
        Ok(self.last())
    }

    /// Applies what is within a bound, Ticks and settings behind the last update too; the engine is that before it.
    /// `each` sees every update that was applied, and may break off.
    ///
    /// # Errors
    /// As [`Replay::next`].
    pub fn fold_while(
        &mut self,
        is_within: impl Fn(&Engine, &Stamp) -> bool,
        mut each: impl FnMut(&Stamp) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ReplayError> {
        while let Some(stamp) = self.peek()?
            && is_within(&self.engine, &stamp)
        {
            self.next()?;
            if each(&stamp).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.apply_between(is_within)?;
        Ok(ControlFlow::Continue(()))
    }

    /// What was read since the last update, as far as it is within a bound.
    fn apply_between(&mut self, is_within: impl Fn(&Engine, &Stamp) -> bool) -> Result<(), ReplayError> {
        self.passed.clear();
        while self.between.front().is_some_and(|(stamp, _)| is_within(&self.engine, stamp)) {
            let Some((stamp, between)) = self.between.pop_front() else { break };
            let before = self.engine.sequence();
            match &between {
                Between::Checkpoint(recorded) => compare(&mut self.expected, recorded)?,
                Between::Step(step) => self.engine.apply(step.clone(), &mut self.outcome),
            }
            self.expected.extend(Checkpoint::due(before, &self.engine));
            self.passed.push((stamp, between));
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
fn compare(expected: &mut Vec<Checkpoint>, recorded: &Checkpoint) -> Result<(), Divergence> {
    if let Some(at) = expected.iter().position(|replayed| replayed.sequence == recorded.sequence) {
        let replayed = expected.swap_remove(at);
        recorded.compare(&replayed)?;
    }
    Ok(())
}
