//! `Subset`: the state that a position in each sequence stands for: the fold of exactly the updates at or below it.
//!
//! Positions that belong together, as a client has seen them, cut the record in two, and the fold is a past state. Others
//! leave out updates that came before ones they hold. From there on two engines run: one is given everything, as it was
//! then, and gives the public positions; the other, from the state before the first update left out, only what is held.
//! What takes no position, settings and the passing of time, is nobody's to leave out: it is given to both.

use ordo_core::engine::{Engine, Input};
use ordo_core::names::FeedNo;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::views::Views;

use super::span::{Positions, Unreached};
use super::walk::UPDATES_PER_LOOK;
use super::{History, HistoryError};
use crate::replay::{Applied, Between, Replay};

/// What was folded, and the positions that it stands at.
pub(crate) struct Subset {
    pub(crate) views: Views,
    pub(crate) positions: Positions,
}

/// The second engine: only what is held.
struct Apart {
    engine: Engine,
    outcome: Outcome,
}

impl Apart {
    /// From the state that a replay stands at, before an update.
    fn from(replay: &Replay) -> Apart {
        Apart { engine: replay.engine().clone(), outcome: Outcome::with_room() }
    }

    /// What took no position before an update, that one being held or not.
    fn pass(&mut self, applied: &Applied<'_>) {
        for (stamp, passed) in applied.passed {
            if let Between::Step(step) = passed {
                let stamp = after(&self.engine, *stamp);
                self.engine.apply(step.clone().at(stamp), &mut self.outcome);
            }
        }
    }

    /// One more update that is held.
    fn apply(&mut self, applied: &Applied<'_>) {
        // What named a feed may be left out, and its number is in every frame of it.
        for name in &applied.names.feeds {
            self.engine.know_feed(name);
        }
        let stamp = after(&self.engine, applied.input.stamp);
        self.engine.apply(Input { stamp, ..applied.input }, &mut self.outcome);
    }
}

/// The members of a batch have one sequence; here each is an update of its own, that was accepted then.
fn after(engine: &Engine, stamp: Stamp) -> Stamp {
    Stamp { sequence: stamp.sequence.max(engine.sequence() + 1), ..stamp }
}

impl History {
    /// The fold of the updates at or below a position in each sequence; a sequence that is not named has none.
    /// Blocks: for workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub(crate) fn subset(
        &self,
        of: &Positions,
        told: u64,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Subset, HistoryError> {
        let held = |sequence: &str, position: i64| position <= of.get(sequence).copied().unwrap_or(0);
        let engine = self.saved.newest_where(|saved, info| {
            let positions = || saved.positions(info.sequence);
            info.sequence <= told
                && positions().is_some_and(|positions| positions.iter().all(|(name, at)| held(name, *at)))
        })?;
        let mut replay = self.replay_from(engine, told)?;
        let mut unreached = Unreached::from(replay.engine(), of);
        let standing = replay.engine().names().feeds.iter().zip(replay.engine().feeds());
        let standing = standing.filter(|(_, feed)| feed.position > 0);
        let mut positions: Positions = standing.map(|(name, feed)| (name.clone(), feed.position)).collect();
        let mut apart: Option<Apart> = None;
        while !unreached.is_empty() {
            let Some(stamp) = replay.peek()? else { break };
            if apart.is_none() && !held_next(&replay, &stamp, held) {
                apart = Some(Apart::from(&replay));
            }
            if replay.updates().is_multiple_of(UPDATES_PER_LOOK) && !is_wanted() {
                return Err(HistoryError::Unwanted);
            }
            let Some(applied) = replay.next()? else { break };
            if let Some(apart) = &mut apart {
                apart.pass(&applied);
            }
            if applied.outcome.is_silent() {
                continue;
            }
            let Stamp { feed, position, .. } = applied.outcome.stamp;
            let sequence = applied.names.feed(feed);
            unreached.reach(sequence, position);
            if !held(sequence, position) {
                continue;
            }
            positions.insert(sequence.into(), position);
            if let Some(apart) = &mut apart {
                apart.apply(&applied);
            }
        }
        let views = apart.map_or_else(|| replay.views(), |apart| Views::of(&apart.engine));
        Ok(Subset { views, positions })
    }
}

/// Whether the next update is held, or takes no position at all.
fn held_next(replay: &Replay, stamp: &Stamp, held: impl Fn(&str, i64) -> bool) -> bool {
    let engine = replay.engine();
    // A feed's name comes before its first update.
    let Some(name) = engine.names().feeds.get(stamp.feed.index()) else { return false };
    let next = if stamp.feed == FeedNo::OMS { engine.feeds()[0].position + 1 } else { stamp.position };
    held(name, next)
}
