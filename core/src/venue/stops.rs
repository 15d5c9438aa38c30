//! Stop orders: waiting by trigger, reached by trades, started one after another until no trade reaches another one.
//!
//! A stop's priority is from when a trade reaches it. Of those that the trades of one order reach, buys come before
//! sells, the nearest trigger first, then the time they came. Started stops trade in turn, and what their trades reach
//! joins the end of the queue: a cascade is a loop, however long.

use super::arena::NO_SLOT;
use super::book::{STOPS, side_of};
use super::matching::Taker;
use super::{Book, Event, Kind, Phase, Reject, Side, Sink};

impl Book {
    /// Gives a waiting stop another trigger, price (`None` leaves it; plain stops have none) and open quantity. Another
    /// trigger or more puts it behind the others of its trigger; a trigger that the last trade has reached starts it.
    pub fn amend_stop<S: Sink>(&mut self, id: u64, trigger: i64, price: Option<i64>, left: u64, sink: &mut S) {
        match self.check_amend_stop(id, trigger, price, left) {
            Ok(slot) => self.amend_waiting(slot, trigger, price, left, sink),
            Err(reason) => sink.report(Event::Rejected { id, reason }),
        }
    }

    fn check_amend_stop(&self, id: u64, trigger: i64, price: Option<i64>, left: u64) -> Result<u32, Reject> {
        self.check_open()?;
        let slot = self.live.find(id).ok_or(Reject::UnknownId)?;
        let order = &self.live.orders[slot];
        let ladder = order.place.ladder();
        if ladder < STOPS {
            return Err(Reject::Waiting);
        }
        self.check_quantity(side_of(ladder), left, order.left)?;
        self.check_price(trigger)?;
        let Some(price) = price else { return Ok(slot) };
        if self.live.detail(slot).price.is_none() {
            return Err(Reject::Price);
        }
        self.check_price(price)?;
        self.check_collar(price)?;
        Ok(slot)
    }

    fn amend_waiting<S: Sink>(&mut self, slot: u32, trigger: i64, price: Option<i64>, left: u64, sink: &mut S) {
        let order = self.live.orders[slot];
        let detail = self.live.detail_mut(slot);
        detail.price = price.or(detail.price);
        let price = detail.price;
        sink.report(Event::StopAmended { id: order.id, trigger, price, left });
        let ladder = &mut self.ladders[order.place.ladder()];
        if left <= order.left && ladder.price_of(order.place.level()) == trigger {
            if left < order.left {
                ladder.reduce(&mut self.live.orders, slot, order.left - left);
            }
            return;
        }
        ladder.unlink(&mut self.live.orders, slot);
        let key = ladder.key(trigger);
        let taker = Taker { left, ..self.waiting(slot) };
        self.stand_on(order.place.ladder(), key, &taker, sink);
        self.reach_last();
        self.cascade(sink);
    }

    /// A new stop waits, unless the last trade is at its trigger or beyond.
    pub(super) fn wait<S: Sink>(&mut self, trigger: i64, kind: Kind, taker: &Taker, sink: &mut S) {
        self.park(trigger, kind, taker, sink);
        self.reach_last();
    }

    pub(super) fn park<S: Sink>(&mut self, trigger: i64, kind: Kind, taker: &Taker, sink: &mut S) {
        let ladder = STOPS + taker.side as usize;
        let key = self.ladders[ladder].key(trigger);
        let Some(slot) = self.stand_on(ladder, key, taker, sink) else { return };
        let detail = self.live.detail_mut(slot);
        detail.rest = taker.rest;
        detail.price = match kind {
            Kind::StopLimit { price, .. } => Some(price),
            _ => None,
        };
    }

    /// Stops are to be looked at as if the last trade had just happened.
    pub(super) fn reach_last(&mut self) {
        if let Some(last) = self.last {
            self.low = self.low.min(last);
            self.high = self.high.max(last);
        }
    }

    /// Starts the stops that trades have reached, and those that their trades reach, to the end.
    #[inline]
    pub(super) fn cascade<S: Sink>(&mut self, sink: &mut S) {
        if self.low <= self.high && self.phase == Phase::Continuous && !self.halted {
            self.reach();
            while let Some(slot) = self.next_reached() {
                self.start(slot, sink);
                self.reach();
            }
        }
    }

    /// Moves the stops within the trades so far to the queue of those that start.
    fn reach(&mut self) {
        for (side, price) in [(Side::Buy, self.high), (Side::Sell, self.low)] {
            let at = STOPS + side as usize;
            let key = self.ladders[at].key(price);
            while self.ladders[at].best <= key {
                let ladder = &mut self.ladders[at];
                let slot = ladder.levels[ladder.best_level as usize].head;
                ladder.unlink(&mut self.live.orders, slot);
                self.push_reached(slot);
            }
        }
        (self.low, self.high) = (i64::MAX, i64::MIN);
    }

    fn push_reached(&mut self, slot: u32) {
        self.live.orders[slot].next = NO_SLOT;
        let (first, last) = self.reached;
        if last != NO_SLOT {
            self.live.orders[last].next = slot;
        }
        self.reached = (if first == NO_SLOT { slot } else { first }, slot);
    }

    fn next_reached(&mut self) -> Option<u32> {
        let (slot, last) = self.reached;
        if slot == NO_SLOT {
            return None;
        }
        let next = self.live.orders[slot].next;
        self.reached = (next, if next == NO_SLOT { NO_SLOT } else { last });
        Some(slot)
    }

    fn start<S: Sink>(&mut self, slot: u32, sink: &mut S) {
        let mut taker = self.waiting(slot);
        sink.report(Event::Triggered { id: taker.id });
        self.run(&mut taker, sink);
    }

    /// A waiting stop as the order that it becomes.
    fn waiting(&self, slot: u32) -> Taker {
        let (order, detail) = (&self.live.orders[slot], self.live.detail(slot));
        let side = side_of(order.place.ladder());
        Taker {
            id: order.id,
            account: order.account,
            side,
            term: order.place.term(),
            instant: 0,
            slot,
            left: order.left,
            limit: detail.price.unwrap_or_else(|| self.market_limit(side)),
            rest: detail.rest,
        }
    }
}
