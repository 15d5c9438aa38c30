//! `UpdateCursor`: the updates of a span in the order of the record, each with its outcome.

use ordo_core::views::Views;

use super::HistoryError;
use super::span::{End, Span, Unreached};
use crate::replay::{Applied, Replay};

/// Updates between two checks whether a fold is still wanted.
pub(super) const UPDATES_PER_LOOK: u64 = 1024;

/// See the module.
pub struct UpdateCursor {
    replay: Replay,
    span: Span,
    /// For a span that ends at positions.
    unreached: Option<Unreached>,
    is_wanted: Box<dyn Fn() -> bool + Send>,
}

impl UpdateCursor {
    pub(super) fn new(replay: Replay, span: Span, is_wanted: Box<dyn Fn() -> bool + Send>) -> UpdateCursor {
        let unreached = match &span.to {
            End::Positions(to) => Some(Unreached::from(replay.engine(), to)),
            End::Time(_) => None,
        };
        UpdateCursor { replay, span, unreached, is_wanted }
    }

    /// The state at an instant at or before the start of the span.
    pub fn state_at(&mut self, time_ns: u64) -> Result<Views, HistoryError> {
        while self.replay.peek()?.is_some_and(|stamp| stamp.time_ns <= time_ns) {
            self.step()?;
        }
        Ok(self.replay.views())
    }

    /// The next update of the span.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Applied<'_>>, HistoryError> {
        loop {
            let is_over = match (&self.span.to, &self.unreached) {
                (_, Some(unreached)) => unreached.is_empty(),
                (End::Time(to), None) => self.replay.peek()?.is_none_or(|stamp| stamp.time_ns > *to),
                (End::Positions(_), None) => unreachable!("invariant: kept for every span that ends at positions"),
            };
            if is_over || !self.step()? {
                return Ok(None);
            }
            let Some(applied) = self.replay.last() else { return Ok(None) };
            let stamp = &applied.outcome.stamp;
            let sequence = applied.names.feed(stamp.feed);
            if let Some(unreached) = &mut self.unreached
                && !applied.outcome.is_silent()
            {
                unreached.reach(sequence, stamp.position);
            }
            if !applied.outcome.is_silent() && self.span.has(stamp, sequence) {
                break;
            }
        }
        Ok(self.replay.last())
    }

    /// Applies one update; false at the end of the record.
    fn step(&mut self) -> Result<bool, HistoryError> {
        if self.replay.updates().is_multiple_of(UPDATES_PER_LOOK) && !(self.is_wanted)() {
            return Err(HistoryError::Unwanted);
        }
        Ok(self.replay.next()?.is_some())
    }
}
