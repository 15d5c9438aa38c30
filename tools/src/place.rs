//! A place in the record, as commands are given it: a time, a position in a sequence, or a number of the journal.
//!
//! It is a point in the order in which the updates of all feeds were applied, and bounds every feed.

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
    /// `123`: an update's number in the journal, over all feeds.
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
        match text.parse::<TimestampWithTimeZone>().and_then(|time| time.unix_nanos()) {
            Ok(_) if has_odd_offset(text) => return Err(format!("its offset is beyond 18 hours; {TIMES}")),
            Ok(time) => return Ok(Place::Time(time)),
            Err(error) if begins_as_a_time(text) => return Err(format!("{error}; {TIMES}")),
            Err(_) => {}
        }
        let wrong = |_| "a journal number (123), a position (oms:123) or a time (2026-11-22T10:00:00Z)".to_owned();
        text.parse().map(Place::Position).map_err(wrong)
    }
}

const TIMES: &str = "a time is written 2026-11-22T10:00:00Z, or with an offset of at most 18 hours, as \
                     2026-11-22T20:00:00+10:00";

/// Whether a text has a date and the `T` of a time behind it: such a text is a mistyped time, not a position in a
/// sequence of that name (`2026-11-22T10:00:00+18` at `01`).
fn begins_as_a_time(text: &str) -> bool {
    let is_date = |date: &str| date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = text.split_once('T').map_or("", |(date, _)| date);
    matches!(date.len(), 8 | 10) && is_date(date)
}

/// Whether a time has an offset that no place on earth has. Clients' messages are read all the same; an investigator who
/// types one is better asked.
fn has_odd_offset(text: &str) -> bool {
    let Some((_, time)) = text.split_once('T') else { return false };
    let Some((_, offset)) = time.split_once(['+', '-']) else { return false };
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at(digits.len().min(2));
    let number = |text: &str| text.parse().unwrap_or(0);
    number(hours) * 60 + number(minutes) > 18 * 60
}

impl Place {
    /// Whether an applied update is the first at or after this place. For a position: the first of its sequence that is;
    /// whatever was applied later lies after it.
    pub(crate) fn is_reached(&self, stamp: &Stamp, names: &Names) -> bool {
        match self {
            Place::Number(number) => stamp.sequence >= *number,
            Place::Time(time) => stamp.time_ns >= *time,
            Place::Position(at) => *names.feed(stamp.feed) == *at.sequence && stamp.position >= at.position,
        }
    }

    /// Whether every update up to this place has been applied: the next one lies after it. For a position: whether its
    /// sequence has reached it, or continues after it.
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

    /// Whether a state contains updates after this place, or may.
    pub(crate) fn is_passed_by(&self, engine: &Engine) -> bool {
        match self {
            Place::Number(number) => engine.sequence() > *number,
            Place::Time(time) => engine.time_ns() > *time,
            Place::Position(_) => self.is_behind(engine, &Stamp::default()),
        }
    }
}

/// Refuses a place in a sequence that the record never names. Called when a replay has reached its places; continues it to
/// the end of the record where the name has not come yet.
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

/// Applies the updates up to a place, or all of them; `each` receives the number of every one.
pub(crate) fn fold(replay: &mut Replay, until: Option<&Place>, mut each: impl FnMut(u64)) -> Result<(), ReplayError> {
    let is_within = |engine: &Engine, next: &Stamp| until.is_none_or(|until| !until.is_behind(engine, next));
    let applied = |stamp: &Stamp| {
        each(stamp.sequence);
        ControlFlow::Continue(())
    };
    replay.fold_while(is_within, applied).map(drop)
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

    #[test]
    fn a_mistyped_time_is_not_taken_for_a_position() {
        for text in ["2026-11-22T10:00:00+18:01", "2026-13-22T10:00:00Z", "20261122T100000+1801"] {
            let refused = text.parse::<Place>().expect_err(text);
            assert!(refused.contains("a time is written 2026-11-22T10:00:00Z"), "{text}: {refused}");
        }
        let position = SequencePosition { sequence: "TOKYO".into(), position: 7 };
        assert_eq!("TOKYO:7".parse(), Ok(Place::Position(position)));
    }
}
