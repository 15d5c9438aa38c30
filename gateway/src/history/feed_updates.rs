//! What a feed submitted, as it was recorded: read from the record alone, no engine goes along.

use std::ops::ControlFlow;

use ordo_core::names::FeedNo;
use ordo_core::proto::{FeedPosition, FeedRequest};
use ordo_core::record::StepError;
use ordo_core::wire::DecodeError;
use ordo_journal::{Kind, ReadError, Reader};
use prost::Message;

use super::{Begin, Held, History, HistoryError};
use crate::replay::ReplayError;

/// Frames between two looks at whether anybody still waits for the answer.
const FRAMES_PER_LOOK: u64 = 4096;

/// Which updates of a feed.
#[derive(Debug)]
pub(crate) struct FeedSpan {
    pub(crate) feed: FeedNo,
    pub(crate) name: Box<str>,
    /// A time, or a position of this feed alone.
    pub(crate) from: Begin,
    /// Inclusive; not beyond the last one there is.
    pub(crate) to: i64,
}

impl FeedSpan {
    /// Whether an update there comes after the beginning.
    fn has_begun_at(&self, position: i64, time_ns: u64) -> bool {
        match &self.from {
            Begin::Time(from) => time_ns > *from,
            Begin::Positions(from) => position > from.get(&self.name).copied().unwrap_or(0),
        }
    }
}

impl History {
    /// Hands over each update of a feed in a span, with its position. Blocks: for workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub(crate) fn feed_updates(
        &self,
        span: &FeedSpan,
        told: u64,
        is_wanted: impl Fn() -> bool,
        mut put: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let mut reader = Reader::open(&self.dir).map_err(ReplayError::from)?;
        let _held = self.seek_start(&mut reader, span)?;
        let (mut frames, mut last) = (0u64, 0);
        while last < span.to && reader.sequence() < told {
            let Some(frame) = reader.next().map_err(ReplayError::from)? else { break };
            frames += 1;
            if frames.is_multiple_of(FRAMES_PER_LOOK) && !is_wanted() {
                return Err(HistoryError::Unwanted);
            }
            if frame.kind != Kind::Update || frame.feed != span.feed.0 || frame.sequence > told {
                continue;
            }
            last = frame.position;
            if last > span.to || !span.has_begun_at(frame.position, frame.time_ns) {
                continue;
            }
            let decoded = FeedRequest::decode(frame.body);
            let malformed = StepError::Update(DecodeError::Malformed);
            let damaged = |_| ReplayError::Step { sequence: frame.sequence, error: malformed };
            let mut request = decoded.map_err(damaged)?;
            request.position = Some(FeedPosition { sequence: span.name.to_string(), position: frame.position });
            if put(&request.encode_to_vec()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Goes to where nothing that is asked for comes before: times are found in the record, positions by the snapshots.
    fn seek_start(&self, reader: &mut Reader, span: &FeedSpan) -> Result<Held, HistoryError> {
        match &span.from {
            Begin::Time(from) => {
                // Nothing goes while it is looked for.
                let held = self.hold(self.kept.archived())?;
                match reader.seek_time(from.saturating_add(1)) {
                    Err(ReadError::Archived { archived }) => Err(HistoryError::Archived(archived)),
                    sought => Ok(sought.map(|()| held).map_err(ReplayError::from)?),
                }
            }
            Begin::Positions(_) => {
                let is_before = |info: &&ordo_journal::SnapshotInfo| {
                    self.saved.positions(info.sequence).is_some_and(|positions| {
                        positions.get(&span.name).is_none_or(|position| !span.has_begun_at(*position, info.time_ns))
                    })
                };
                let after = self.saved.infos()?.iter().find(is_before).map_or(0, |info| info.sequence);
                let held = self.hold(after)?;
                Ok(reader.seek(after + 1).map(|()| held).map_err(ReplayError::from)?)
            }
        }
    }
}
