//! `MissedUpdates`: the updates between the positions that a resuming subscriber knows and the point from which it is
//! served live.

use std::time::Duration;

use ordo_core::subscription::Positions;

use super::span::Unreached;
use super::update_cursor::UPDATES_PER_LOOK;
use super::{History, HistoryError};
use crate::replay::{Applied, Replay};

const DURABLE_PAUSE: Duration = Duration::from_millis(1);

impl History {
    /// The updates after the newest of some positions, up to a sequence. Blocks: for workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn missed(&self, after: Positions, until: u64) -> Result<MissedUpdates, HistoryError> {
        while self.progress.durable_sequence() < until {
            self.check_running()?;
            self.clock.sleep(DURABLE_PAUSE);
        }
        let engine = self.saved.newest_where(|saved, info| {
            // One known position lies behind the snapshot, so the newest of them does.
            let is_before = |positions: Positions| {
                after.iter().any(|(name, position)| positions.get(name).copied().unwrap_or(0) < *position)
            };
            info.sequence <= until && saved.positions(info.sequence).is_some_and(is_before)
        })?;
        let replay = self.replay_from(engine, until)?;
        let unreached = Unreached::from(replay.engine(), &after);
        Ok(MissedUpdates { replay, after, unreached })
    }
}

/// See [`History::missed`].
pub struct MissedUpdates {
    replay: Replay,
    after: Positions,
    unreached: Unreached,
}

impl MissedUpdates {
    /// The next missed update.
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
            // The start is the first update beyond the known positions: a subscriber may name a position that no update
            // has.
            let is_beyond = self.after.get(sequence).is_none_or(|after| stamp.position > *after);
            if was_there || (self.unreached.is_empty() && is_beyond) {
                break;
            }
        }
        Ok(self.replay.last())
    }
}
