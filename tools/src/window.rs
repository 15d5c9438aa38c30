//! `Window`: the part of the record that a command looks at, from a place on and up to a place, both included.

use std::ops::ControlFlow;

use ordo_history::replay::{Applied, Replay};

use crate::Failure;
use crate::place::{self, Place};
use crate::replay::of_replay;

/// See the module. Of every feed: a place is a point of the one order in which all updates were applied.
pub(crate) struct Window<'p> {
    pub(crate) from: Option<&'p Place>,
    pub(crate) to: Option<&'p Place>,
}

impl Window<'_> {
    /// Hands out each update that lies in it, as applied; `tick` hears of every one that goes by, and may end it. At
    /// the end places in sequences that are not in the record are refused.
    pub(crate) fn go_through(
        &self,
        replay: &mut Replay,
        tick: impl Fn() -> Result<(), Failure>,
        mut each: impl FnMut(&Applied<'_>) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let mut is_open = self.from.is_none();
        while let Some(next) = replay.peek().map_err(of_replay)? {
            if self.to.is_some_and(|to| to.is_behind(replay.engine(), &next)) {
                break;
            }
            let Some(applied) = replay.next().map_err(of_replay)? else { break };
            tick()?;
            is_open = is_open || self.from.is_some_and(|from| from.is_reached(&applied.outcome.stamp, applied.names));
            if is_open && each(&applied)?.is_break() {
                return Ok(());
            }
        }
        place::check_are_named(replay, self.from.into_iter().chain(self.to))
    }
}
