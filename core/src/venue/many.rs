//! Commands on many orders: mass cancel, the end of the day, expiry, phases and halts.

use super::arena::{NO_SLOT, Term};
use super::{Book, Cancel, Event, Phase, Side, Sink};

impl Book {
    /// Cancels all live orders of this account and side, or of all: bids, asks, stops to buy, stops to sell, each best
    /// first. In any phase. Looks at every live order.
    pub fn cancel_all<S: Sink>(&mut self, account: Option<u32>, side: Option<Side>, sink: &mut S) {
        for ladder in 0..self.ladders.len() {
            if side.is_none_or(|side| super::book::side_of(ladder) == side) {
                let matches = |book: &Book, slot| account.is_none_or(|it| book.live.orders[slot].account == it);
                self.remove_where(ladder, Cancel::Mass, matches, sink);
            }
        }
    }

    /// Ends the day: cancels all day orders, in the order of [`Book::cancel_all`].
    pub fn end_day<S: Sink>(&mut self, sink: &mut S) {
        for ladder in 0..self.ladders.len() {
            let is_of_day = |book: &Book, slot| book.live.orders[slot].place.term() == Term::Day;
            self.remove_where(ladder, Cancel::Expired, is_of_day, sink);
        }
    }

    /// Cancels the orders whose instant is `now` or before, the earliest first, then the lowest id. An instant that is
    /// earlier than one given before counts as that one.
    pub fn expire<S: Sink>(&mut self, now: u64, sink: &mut S) {
        self.now = self.now.max(now);
        while let Some(slot) = self.live.due(self.now) {
            self.remove(slot, Cancel::Expired, sink);
        }
    }

    /// Changes the phase. To continuous trading: what crosses trades at one price, then the stops that it reaches start.
    pub fn set_phase<S: Sink>(&mut self, phase: Phase, sink: &mut S) {
        self.phase = phase;
        self.changed(sink);
    }

    /// Halts trading (only cancels and expiry go on), or lets it go on. What the phase brings meanwhile waits for that.
    pub fn set_halted<S: Sink>(&mut self, halted: bool, sink: &mut S) {
        self.halted = halted;
        self.changed(sink);
    }

    fn changed<S: Sink>(&mut self, sink: &mut S) {
        sink.report(Event::PhaseChanged { phase: self.phase, halted: self.halted });
        if self.phase == Phase::Continuous && !self.halted {
            self.uncross(sink);
            (self.low, self.high) = (i64::MAX, i64::MIN);
            self.reach_last();
            self.cascade(sink);
        }
    }

    fn remove_where<S: Sink>(
        &mut self,
        ladder: usize,
        reason: Cancel,
        matches: impl Fn(&Book, u32) -> bool,
        sink: &mut S,
    ) {
        let mut next_level = self.ladders[ladder].occupied().next();
        while let Some(level) = next_level {
            next_level = self.ladders[ladder].after(level);
            let mut slot = self.ladders[ladder].levels[level as usize].head;
            while slot != NO_SLOT {
                let next = self.live.orders[slot].next;
                if matches(self, slot) {
                    self.remove(slot, reason, sink);
                }
                slot = next;
            }
        }
    }
}
