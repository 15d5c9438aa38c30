//! A place in the record, as commands take it: a time, a position of a feed, or a number of the journal.
//!
//! It is a point of the one order in which all updates were applied: what lies up to it or from it on is of every feed.

use std::ops::ControlFlow;
use std::str::FromStr;

use ordo_core::engine::Engine;
use ordo_core::names::Names;
use ordo_core::outcome::Stamp;
use ordo_core::proto::TimestampWithTimeZone;
use ordo_core::subscription::SequencePosition;
use ordo_history::replay::{Replay, ReplayError};

use crate::Failure;
use crate::replay::of_replay;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `123`: the number of an update in the journal, over all feeds.
    Number(u64),
    /// `oms:123`: a position in a sequence.
    Position(SequencePosition),
    /// ISO-8601: nanoseconds since 1970.
    Time(u64),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        if let Ok(number) = text.parse() {
            return Ok(Place::Number(number));
        }
        if let Ok(time) = text.parse::<TimestampWithTimeZone>() {
            return time.unix_nanos().map(Place::Time).map_err(|error| error.to_string());
        }
        let wrong = |_| "a journal number (123), a position (oms:123) or a time (2026-11-22T10:00:00Z)".to_owned();
        text.parse().map(Place::Position).map_err(wrong)
    }
}

impl Place {
    /// Whether an applied update is the first at this place or behind it. Of a position, the first of its sequence:
    /// whatever follows lies behind it.
    pub(crate) fn is_reached(&self, stamp: &Stamp, names: &Names) -> bool {
        match self {
            Place::Number(number) => stamp.sequence >= *number,
            Place::Time(time) => stamp.time_ns >= *time,
            Place::Position(at) => *names.feed(stamp.feed) == *at.sequence && stamp.position >= at.position,
        }
    }

    /// Whether all up to this place has been applied: the next update lies behind it. Of a position, whether its
    /// sequence has come so far, or goes on beyond it.
    pub(crate) fn is_behind(&self, engine: &Engine, next: &Stamp) -> bool {
        match self {
            Place::Number(number) => next.sequence > *number,
            Place::Time(time) => next.time_ns > *time,
            Place::Position(at) => {
                let mut feeds = engine.names().feeds.iter().zip(engine.feeds()).enumerate();
                feeds.any(|(number, (name, feed))| {
                    let is_next = next.feed.index() == number;
                    **name == *at.sequence && (feed.position >= at.position || is_next && next.position > at.position)
                })
            }
        }
    }

    /// Whether a state holds more than what lies up to this place, or may.
    pub(crate) fn is_passed_by(&self, engine: &Engine) -> bool {
        match self {
            Place::Number(number) => engine.sequence() > *number,
            Place::Time(time) => engine.time_ns() > *time,
            Place::Position(_) => self.is_behind(engine, &Stamp::default()),
        }
    }
}

/// Refuses places in sequences that the record never names: what is asked for there is neither early nor late. Asked when
/// a replay has come to its places; it is taken on to the end of the record if that is to show the name.
pub(crate) fn check_are_named<'p>(
    replay: &mut Replay,
    places: impl IntoIterator<Item = &'p Place>,
) -> Result<(), Failure> {
    let is_named = |engine: &Engine, name: &str| engine.names().feeds.iter().any(|feed| **feed == *name);
    for place in places {
        let Place::Position(at) = place else { continue };
        if is_named(replay.engine(), &at.sequence) {
            continue;
        }
        replay.run().map_err(of_replay)?;
        if !is_named(replay.engine(), &at.sequence) {
            return Err(Failure::new(format!(
                "{at}: the record never names the sequence '{}'; 'ordo journal info' lists those that it has",
                at.sequence
            )));
        }
    }
    Ok(())
}

/// Applies what is left up to a place, or all; `each` sees the number of every update.
pub(crate) fn fold(replay: &mut Replay, until: Option<&Place>, mut each: impl FnMut(u64)) -> Result<(), ReplayError> {
    let is_within = |engine: &Engine, next: &Stamp| until.is_none_or(|until| !until.is_behind(engine, next));
    let told = |stamp: &Stamp| {
        each(stamp.sequence);
        ControlFlow::Continue(())
    };
    replay.fold_while(is_within, told).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_a_position_or_a_time() {
        let position = SequencePosition { sequence: "oms".into(), position: 7 };
        assert_eq!("12".parse(), Ok(Place::Number(12)));
        assert_eq!("oms:7".parse(), Ok(Place::Position(position)));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Place::Time(1_000_000_000)));
        assert!(":7".parse::<Place>().is_err() && "x".parse::<Place>().is_err());
    }
}
