//! The updates of one feed as they were submitted, read from the record without an engine.

use std::ops::ControlFlow;

use ordo_core::names::FeedNo;
use ordo_core::proto::{FeedPosition, FeedRequest};
use ordo_core::record::StepError;
use ordo_core::wire::DecodeError;
use ordo_journal::{Kind, ReadError, Reader};
use prost::Message;

use super::{Begin, History, HistoryError};
use crate::archive_floor::ReadPin;
use crate::replay::ReplayError;

/// Frames between two checks whether the answer is still wanted.
const FRAMES_PER_LOOK: u64 = 4096;

/// A range of one feed's updates.
#[derive(Debug)]
pub struct FeedSpan {
    pub feed: FeedNo,
    pub name: Box<str>,
    /// Exclusive: a time, or a position of this feed.
    pub from: Begin,
    /// Inclusive; at most the feed's last position.
    pub to: i64,
}

impl FeedSpan {
    /// Whether an update lies behind the start of the range.
    fn has_begun_at(&self, position: i64, time_ns: u64) -> bool {
        match &self.from {
            Begin::Time(from) => time_ns > *from,
            Begin::Positions(from) => position > from.get(&self.name).copied().unwrap_or(0),
        }
    }
}

impl History {
    /// Passes each update of the range to `put`, with its position. Blocks: for workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn feed_updates(
        &self,
        span: &FeedSpan,
        published: u64,
        is_wanted: impl Fn() -> bool,
        mut put: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let mut reader = Reader::open(&self.dir).map_err(ReplayError::from)?;
        let _pin = self.seek_start(&mut reader, span)?;
        let (mut frames, mut last) = (0u64, 0);
        while last < span.to && reader.sequence() < published {
            let Some(frame) = reader.next().map_err(ReplayError::from)? else { break };
            frames += 1;
            if frames.is_multiple_of(FRAMES_PER_LOOK) && !is_wanted() {
                return Err(HistoryError::Unwanted);
            }
            if frame.kind != Kind::Update || frame.feed != span.feed.0 || frame.sequence > published {
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

    /// Moves the reader to a frame at or before the start: a time is found in the record, a position by the snapshots.
    fn seek_start(&self, reader: &mut Reader, span: &FeedSpan) -> Result<ReadPin, HistoryError> {
        match &span.from {
            Begin::Time(from) => {
                // Pins all of the record while the start is searched.
                let pin = self.pin(self.archive_floor.archived())?;
                match reader.seek_time(from.saturating_add(1)) {
                    Err(ReadError::Archived { archived }) => Err(HistoryError::Archived(archived)),
                    sought => Ok(sought.map(|()| pin).map_err(ReplayError::from)?),
                }
            }
            Begin::Positions(_) => {
                let is_before = |info: &&ordo_journal::SnapshotInfo| {
                    self.saved.positions(info.sequence).is_some_and(|positions| {
                        positions.get(&span.name).is_none_or(|position| !span.has_begun_at(*position, info.time_ns))
                    })
                };
                let after = self.saved.infos()?.iter().find(is_before).map_or(0, |info| info.sequence);
                let pin = self.pin(after)?;
                Ok(reader.seek(after + 1).map(|()| pin).map_err(ReplayError::from)?)
            }
        }
    }
}
