//! `Span`: a range of updates between two points of the record.
//!
//! A point is a time, or a position for each sequence. The latter stands for the updates at or below the position of
//! their own sequence, wherever they are in the record.

use ordo_core::engine::Engine;
use ordo_core::outcome::Stamp;
use ordo_core::subscription::Positions;

/// Exclusive start. A sequence that is not named starts at its first update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    Positions(Positions),
    Time(u64),
}

/// Inclusive end. Of a sequence that is not named, no update is in the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Positions(Positions),
    Time(u64),
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub from: Begin,
    pub to: End,
    /// The largest number of updates in the answer.
    pub count: u64,
}

impl Span {
    /// Whether an update is in the span; `stamp` with the position that the engine assigned.
    pub fn has(&self, stamp: &Stamp, sequence: &str) -> bool {
        let is_after = match &self.from {
            Begin::Positions(from) => stamp.position > from.get(sequence).copied().unwrap_or(0),
            Begin::Time(from) => stamp.time_ns > *from,
        };
        is_after
            && match &self.to {
                End::Positions(to) => to.get(sequence).is_some_and(|to| stamp.position <= *to),
                End::Time(to) => stamp.time_ns <= *to,
            }
    }

    /// Whether a state is a possible start: no update of the span is in it.
    pub fn may_start_at(&self, time_ns: u64, positions: impl FnOnce() -> Option<Positions>) -> bool {
        match &self.from {
            Begin::Time(from) => time_ns <= *from,
            Begin::Positions(from) => positions().is_some_and(|positions| {
                positions.iter().all(|(sequence, position)| {
                    let is_wanted = match &self.to {
                        End::Positions(to) => to.contains_key(sequence),
                        End::Time(_) => true,
                    };
                    !is_wanted || *position <= from.get(sequence).copied().unwrap_or(0)
                })
            }),
        }
    }
}

/// Sequences that have not reached the position named for them.
#[derive(Debug, Clone)]
pub(super) struct Unreached(Positions);

impl Unreached {
    /// The named sequences that a state has not reached.
    pub(super) fn from(state: &Engine, positions: &Positions) -> Unreached {
        let named = positions.iter().filter(|(_, position)| **position > 0);
        let mut unreached = Unreached(named.map(|(name, position)| (name.clone(), *position)).collect());
        for (name, feed) in state.names().feeds.iter().zip(state.feeds()) {
            unreached.reach(name, feed.position);
        }
        unreached
    }

    /// Notes the position of a sequence.
    pub(super) fn reach(&mut self, sequence: &str, position: i64) {
        if self.0.get(sequence).is_some_and(|wanted| position >= *wanted) {
            self.0.remove(sequence);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use ordo_core::names::FeedNo;

    use super::*;

    fn positions(of: &[(&str, i64)]) -> Positions {
        of.iter().map(|(name, position)| ((*name).into(), *position)).collect()
    }

    #[test]
    fn from_is_exclusive_and_to_inclusive_and_has_only_what_it_names() {
        let stamp = |position, time_ns| Stamp { sequence: 1, time_ns, feed: FeedNo(1), position, ..Stamp::default() };
        let to = End::Positions(positions(&[("f", 12)]));
        let span = Span { from: Begin::Positions(positions(&[("f", 8)])), to, count: u64::MAX };
        assert_eq!([8, 9, 12, 13].map(|at| span.has(&stamp(at, 0), "f")), [false, true, true, false]);
        assert!(!span.has(&stamp(9, 0), "oms"));
        let span = Span { from: Begin::Time(10), to: End::Time(20), count: u64::MAX };
        assert_eq!([10, 11, 20, 21].map(|at| span.has(&stamp(1, at), "f")), [false, true, true, false]);
    }

    #[test]
    fn a_state_past_anything_asked_for_is_no_start() {
        let from = || Begin::Positions(positions(&[("f", 8)]));
        let start =
            |to: End, at: &[(&str, i64)]| Span { from: from(), to, count: 1 }.may_start_at(5, || Some(positions(at)));
        let only_f = || End::Positions(positions(&[("f", 12)]));
        assert!(start(only_f(), &[("f", 8)]) && start(only_f(), &[("f", 7), ("oms", 99)]));
        assert!(!start(only_f(), &[("f", 9)]));
        // All of `oms` is in the span where it is not named.
        assert!(!start(End::Time(9), &[("f", 7), ("oms", 1)]) && start(End::Time(9), &[("f", 7)]));
    }
}
