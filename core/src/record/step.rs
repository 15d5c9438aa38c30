//! `Step`: one thing that the record makes happen, with its place and the rules it was recorded under.
//!
//! The engine is a fold of steps: [`crate::engine::Engine::apply`] is the only way to change its state, for a running hub, a
//! replay and a what-if alike. A frame of the record becomes a step here and nowhere else. Absent on purpose: how
//! frames are stored (`ordo-journal` knows that), and checkpoints, which check a state and change none.

use std::borrow::Cow;

use prost::Message;
use thiserror::Error;

use super::{BATCH, Batch, Origin, Rules, Settings, UnknownRules};
use crate::engine::Input;
use crate::names::FeedNo;
use crate::outcome::Stamp;
use crate::wire::{DecodeError, FeedRequest, Span};

/// What a frame of the record says of itself beside its body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepHeader {
    /// The number of the frame's kind; [`StepKind::of`] gives the meaning.
    pub kind: u8,
    /// The number of the rules version.
    pub rules: u16,
    pub flags: u32,
    pub sequence: u64,
    /// Nanoseconds since 1970 UTC.
    pub time_ns: u64,
    pub feed: u32,
    /// In the feed's sequence; 0 where the engine numbers the update.
    pub position: i64,
}

/// Kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    Update,
    OpenBatch,
    Tick,
    Settings,
}

impl StepKind {
    /// The frame kinds that the engine applies, as numbered in the journal.
    pub const SETTINGS_FRAME: u8 = 4;
    pub const UPDATE_FRAME: u8 = 5;
    pub const TICK_FRAME: u8 = 6;

    /// The kind of step that a frame of that kind and those flags records. None: nothing for the engine.
    pub const fn of(frame_kind: u8, flags: u32) -> Option<StepKind> {
        match frame_kind {
            StepKind::SETTINGS_FRAME => Some(StepKind::Settings),
            StepKind::UPDATE_FRAME if flags & BATCH != 0 => Some(StepKind::OpenBatch),
            StepKind::UPDATE_FRAME => Some(StepKind::Update),
            StepKind::TICK_FRAME => Some(StepKind::Tick),
            _ => None,
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub enum Step<'a> {
    /// An update, or a member of the batch that was opened last.
    Update(Input<'a>),
    /// Checks a batch as a whole. Its members follow, each an update with the stamp that [`Batch::member_stamp`] gives.
    OpenBatch { stamp: Stamp, batch: Cow<'a, Batch> },
    /// Time passes: what is kept no longer is forgotten.
    Tick(Stamp),
    /// Settings in force from here on.
    Settings { stamp: Stamp, settings: Cow<'a, Settings> },
}

/// Why a frame is no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StepError {
    #[error(transparent)]
    Rules(#[from] UnknownRules),
    #[error("a recorded update cannot be decoded ({0})")]
    Update(DecodeError),
    #[error("a recorded batch cannot be decoded")]
    Batch,
    #[error("recorded settings cannot be decoded")]
    Settings,
}

impl StepHeader {
    /// None: nothing for the engine.
    pub const fn step_kind(&self) -> Option<StepKind> {
        StepKind::of(self.kind, self.flags)
    }

    /// # Errors
    /// If the rules version is not known.
    pub fn stamp(&self) -> Result<Stamp, UnknownRules> {
        Ok(Stamp {
            sequence: self.sequence,
            time_ns: self.time_ns,
            feed: FeedNo(self.feed),
            position: self.position,
            origin: Origin::from_flags(self.flags),
            rules: Rules::from_number(self.rules)?,
        })
    }
}

impl<'a> Step<'a> {
    /// The step that a frame records, none where it records nothing for the engine. An update is decoded into
    /// `request`.
    ///
    /// # Errors
    /// [`StepError`]: the frame is damaged, or of a later build.
    pub fn read(
        header: &StepHeader,
        body: &'a [u8],
        request: &'a mut FeedRequest,
    ) -> Result<Option<Step<'a>>, StepError> {
        if header.step_kind() == Some(StepKind::Update) {
            request.decode_into(body, Span::whole(body)).map_err(StepError::Update)?;
        }
        Step::of_decoded(header, body, request)
    }

    /// As [`Step::read`], of an update that was decoded into `request` before.
    ///
    /// # Errors
    /// As [`Step::read`].
    pub fn of_decoded(
        header: &StepHeader,
        body: &'a [u8],
        request: &'a FeedRequest,
    ) -> Result<Option<Step<'a>>, StepError> {
        let Some(kind) = header.step_kind() else { return Ok(None) };
        let stamp = header.stamp()?;
        Ok(Some(match kind {
            StepKind::Update => Step::Update(Input { stamp, bytes: body, request }),
            StepKind::OpenBatch => {
                let batch = Batch::decode(body).map_err(|_| StepError::Batch)?;
                Step::OpenBatch { stamp, batch: Cow::Owned(batch) }
            }
            StepKind::Tick => Step::Tick(stamp),
            StepKind::Settings => {
                let settings = Settings::decode(body).map_err(|_| StepError::Settings)?;
                Step::Settings { stamp, settings: Cow::Owned(settings) }
            }
        }))
    }

    pub fn stamp(&self) -> Stamp {
        match self {
            Step::Update(input) => input.stamp,
            Step::OpenBatch { stamp, .. } | Step::Tick(stamp) | Step::Settings { stamp, .. } => *stamp,
        }
    }

    /// The same step at another place: for a run that leaves out or inserts others.
    #[must_use]
    pub fn at(self, stamp: Stamp) -> Step<'a> {
        match self {
            Step::Update(input) => Step::Update(Input { stamp, ..input }),
            Step::OpenBatch { batch, .. } => Step::OpenBatch { stamp, batch },
            Step::Tick(_) => Step::Tick(stamp),
            Step::Settings { settings, .. } => Step::Settings { stamp, settings },
        }
    }
}

impl<'a> From<Input<'a>> for Step<'a> {
    #[inline]
    fn from(input: Input<'a>) -> Step<'a> {
        Step::Update(input)
    }
}

impl<'a> From<&Input<'a>> for Step<'a> {
    #[inline]
    fn from(input: &Input<'a>) -> Step<'a> {
        Step::Update(*input)
    }
}

impl Batch {
    /// The stamp of the n-th member, from 1: all members share the batch's sequence, each a nanosecond after the one
    /// before.
    pub const fn member_stamp(opening: Stamp, nth: u32) -> Stamp {
        Stamp { time_ns: opening.time_ns + nth as u64, ..opening }
    }

    /// The members as updates of their own: stamp and encoded FeedRequest of each.
    pub fn updates(&self, opening: Stamp) -> impl Iterator<Item = (Stamp, Vec<u8>)> {
        (1..).zip(&self.members).map(move |(nth, member)| {
            let body = member.update.as_deref().map(Message::encode_to_vec).unwrap_or_default();
            (Batch::member_stamp(opening, nth), body)
        })
    }
}

#[cfg(test)]
mod tests;
