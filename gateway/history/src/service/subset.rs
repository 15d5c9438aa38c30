//! `Subset`: the state at a position for each sequence: the fold of exactly the updates at or below them.
//!
//! Positions that a client saw at one time cut the record in two, and the fold is a past state. Other positions leave
//! out updates that came before included ones. From the first update left out, two engines run: one applies everything,
//! as it happened, and assigns the public positions; the other starts from the state before that update and applies
//! included updates only. Settings and Ticks have no position and are applied to both.

use ordo_core::engine::{Engine, Input};
use ordo_core::names::FeedNo;
use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::subscription::Positions;
use ordo_core::views::Views;

use super::span::Unreached;
use super::update_cursor::UPDATES_PER_LOOK;
use super::{History, HistoryError};
use crate::replay::{Applied, Between, Replay};

/// A folded state and its positions.
pub struct Subset {
    pub views: Views,
    pub positions: Positions,
}

/// The second engine: it applies included updates only.
struct PartialFold {
    engine: Engine,
    outcome: Outcome,
}

impl PartialFold {
    /// From the state of a replay, before the first update that is left out.
    fn from(replay: &Replay) -> PartialFold {
        PartialFold { engine: replay.engine().clone(), outcome: Outcome::with_room() }
    }

    /// Applies the Ticks and settings before an update, whether that update is included or not.
    fn pass(&mut self, applied: &Applied<'_>) {
        for (stamp, passed) in applied.passed {
            if let Between::Step(step) = passed {
                let stamp = after(&self.engine, *stamp);
                self.engine.apply(step.clone().at(stamp), &mut self.outcome);
            }
        }
    }

    /// Applies an included update.
    fn apply(&mut self, applied: &Applied<'_>) {
        // The update that named a feed may be left out, but every frame of the feed uses its number.
        for name in &applied.names.feeds {
            self.engine.know_feed(name);
        }
        let stamp = after(&self.engine, applied.input.stamp);
        self.engine.apply(Input { stamp, ..applied.input }, &mut self.outcome);
    }
}

/// Members of a batch share a sequence; here each counts as an update of its own, since the batch was accepted then.
fn after(engine: &Engine, stamp: Stamp) -> Stamp {
    Stamp { sequence: stamp.sequence.max(engine.sequence() + 1), ..stamp }
}

impl History {
    /// The fold of the updates at or below `of`; of a sequence that is not named, no update is included. Blocks: for
    /// workers.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn subset(&self, of: &Positions, published: u64, is_wanted: impl Fn() -> bool) -> Result<Subset, HistoryError> {
        let held = |sequence: &str, position: i64| position <= of.get(sequence).copied().unwrap_or(0);
        let engine = self.saved.newest_where(|saved, info| {
            let positions = || saved.positions(info.sequence);
            info.sequence <= published
                && positions().is_some_and(|positions| positions.iter().all(|(name, at)| held(name, *at)))
        })?;
        let mut replay = self.replay_from(engine, published)?;
        let mut unreached = Unreached::from(replay.engine(), of);
        let standing = replay.engine().names().feeds.iter().zip(replay.engine().feeds());
        let standing = standing.filter(|(_, feed)| feed.position > 0);
        let mut positions: Positions = standing.map(|(name, feed)| (name.clone(), feed.position)).collect();
        let mut partial: Option<PartialFold> = None;
        while !unreached.is_empty() {
            let Some(stamp) = replay.peek()? else { break };
            if partial.is_none() && !held_next(&replay, &stamp, held) {
                partial = Some(PartialFold::from(&replay));
            }
            if replay.updates().is_multiple_of(UPDATES_PER_LOOK) && !is_wanted() {
                return Err(HistoryError::Unwanted);
            }
            let Some(applied) = replay.next()? else { break };
            if let Some(partial) = &mut partial {
                partial.pass(&applied);
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
            if let Some(partial) = &mut partial {
                partial.apply(&applied);
            }
        }
        let views = partial.map_or_else(|| replay.views(), |partial| Views::of(&partial.engine));
        Ok(Subset { views, positions })
    }
}

/// Whether the next update is included.
fn held_next(replay: &Replay, stamp: &Stamp, held: impl Fn(&str, i64) -> bool) -> bool {
    let engine = replay.engine();
    // A feed is named before its first update.
    let Some(name) = engine.names().feeds.get(stamp.feed.index()) else { return false };
    let next = if stamp.feed == FeedNo::OMS { engine.feeds()[0].position + 1 } else { stamp.position };
    held(name, next)
}
