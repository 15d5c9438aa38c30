//! `Missed`: the updates that a subscription has missed, from positions that its subscriber knows up to where it goes on
//! live.

use std::time::Duration;

use ordo_core::subscription::Positions;

use super::span::Unreached;
use super::walk::UPDATES_PER_LOOK;
use super::{History, HistoryError};
use crate::replay::{Applied, Replay};

const DURABLE_PAUSE: Duration = Duration::from_millis(1);

impl History {
    /// The updates after the newest of some positions, up to a place in the record.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn missed(&self, after: Positions, until: u64) -> Result<Missed, HistoryError> {
        while self.progress.durable_sequence() < until {
            self.check_running()?;
            std::thread::sleep(DURABLE_PAUSE);
        }
        let engine = self.saved.newest_where(|saved, info| {
            // One of the positions lies behind it, so the newest does.
            let is_before = |positions: Positions| {
                after.iter().any(|(name, position)| positions.get(name).copied().unwrap_or(0) < *position)
            };
            info.sequence <= until && saved.positions(info.sequence).is_some_and(is_before)
        })?;
        let replay = self.replay_from(engine, until)?;
        let unreached = Unreached::from(replay.engine(), &after);
        Ok(Missed { replay, after, unreached })
    }
}

/// See [`History::missed`].
pub struct Missed {
    replay: Replay,
    after: Positions,
    unreached: Unreached,
}

impl Missed {
    /// The next update that was missed.
    ///
    /// # Errors
    /// [`HistoryError`]; `Unwanted` once `is_wanted` is false.
    pub fn next(&mut self, is_wanted: impl Fn() -> bool) -> Result<Option<Applied<'_>>, HistoryError> {
        loop {
            if self.replay.updates().is_multiple_of(UPDATES_PER_LOOK) && !is_wanted() {
                return Err(HistoryError::Unwanted);
            }
            let Some(applied) = self.replay.next()? else { return Ok(None) };
            if applied.outcome.is_silent() {
                continue;
            }
            let stamp = &applied.outcome.stamp;
            let sequence = applied.names.feed(stamp.feed);
            let was_there = self.unreached.is_empty();
            self.unreached.reach(sequence, stamp.position);
            // A position that was never taken lies before the next one that was.
            let is_beyond = self.after.get(sequence).is_none_or(|after| stamp.position > *after);
            if was_there || (self.unreached.is_empty() && is_beyond) {
                break;
            }
        }
        Ok(self.replay.last())
    }
}
