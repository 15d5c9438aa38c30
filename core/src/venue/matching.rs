//! An incoming order against the book: price, then time, at the resting order's price.

use super::arena::{NO_SLOT, Order, Place, Term};
use super::ladder::{Ladder, Level};
use super::live::{Live, Rest};
use super::{Book, Cancel, Event, SelfTrade, Side, Sink};

/// An order on its way through the book: new, amended, or a stop that is triggered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taker {
    pub id: u64,
    pub account: u32,
    pub side: Side,
    pub term: Term,
    /// Of a new order with an instant.
    pub instant: u64,
    /// Of an order that is live already, else `NO_SLOT`.
    pub slot: u32,
    pub left: u64,
    /// The worst price at which it trades.
    pub limit: i64,
    pub rest: Rest,
}

/// How far a taker came on one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Took {
    /// The taker is filled, or the level is empty.
    Enough,
    /// Self-trade prevention cancelled the taker.
    Stopped,
}

impl Book {
    /// Trades what can be traded and does with the rest what the order asks for.
    #[inline]
    pub(super) fn run<S: Sink>(&mut self, taker: &mut Taker, sink: &mut S) {
        if taker.rest == Rest::AllOrNothing && !self.is_fillable(taker) {
            return self.end(taker, Cancel::Unfillable, sink);
        }
        let ladder = &self.ladders[taker.side.opposite() as usize];
        if ladder.best <= ladder.key(taker.limit) && self.take(taker, sink) == Took::Stopped {
            return self.end(taker, Cancel::SelfTrade, sink);
        }
        if taker.left == 0 {
            return self.release(taker);
        }
        self.place_rest(taker, sink);
    }

    /// Level after level, best first.
    fn take<S: Sink>(&mut self, taker: &mut Taker, sink: &mut S) -> Took {
        let ladder = &mut self.ladders[taker.side.opposite() as usize];
        let limit = ladder.key(taker.limit);
        while taker.left > 0 && ladder.best <= limit {
            let price = ladder.price(ladder.best);
            let before = taker.left;
            let took = take_level(&mut self.live, ladder, taker, self.rules.self_trade, price, sink);
            if taker.left < before {
                self.last = Some(price);
                self.low = self.low.min(price);
                self.high = self.high.max(price);
            }
            if took == Took::Stopped {
                return took;
            }
        }
        Took::Enough
    }

    #[inline]
    fn place_rest<S: Sink>(&mut self, taker: &mut Taker, sink: &mut S) {
        match (taker.rest, self.last) {
            (Rest::Stand, _) => self.stand(taker, sink),
            // It traded: what it met last is the last trade.
            (Rest::StandAtLastFill, Some(price)) if self.low <= self.high => {
                sink.report(Event::Priced { id: taker.id, price, left: taker.left });
                taker.limit = price;
                self.stand(taker, sink);
            }
            _ => self.end(taker, Cancel::Immediate, sink),
        }
    }

    /// Puts the rest on the book at its limit, behind what is there.
    #[inline]
    pub(super) fn stand<S: Sink>(&mut self, taker: &Taker, sink: &mut S) {
        let ladder = &self.ladders[taker.side as usize];
        self.stand_on(taker.side as usize, ladder.key(taker.limit), taker, sink);
    }

    /// The slot, unless there is no room.
    #[inline]
    pub(super) fn stand_on<S: Sink>(&mut self, ladder: usize, key: u64, taker: &Taker, sink: &mut S) -> Option<u32> {
        let Some(level) = self.ladders[ladder].level_at(key) else {
            self.end(taker, Cancel::Full, sink);
            return None;
        };
        let place = Place::new(level, ladder, taker.term);
        let &Taker { id, account, left, mut slot, .. } = taker;
        if slot == NO_SLOT {
            slot = self.live.start(Order { id, left, account, place, next: NO_SLOT, prev: NO_SLOT });
            if taker.term == Term::Instant {
                self.live.expire_at(slot, taker.instant);
            }
        } else {
            let order = &mut self.live.orders[slot];
            (order.left, order.place) = (left, place);
        }
        self.ladders[ladder].enqueue(&mut self.live.orders, level, slot);
        Some(slot)
    }

    /// The order is finished with something left.
    fn end<S: Sink>(&mut self, taker: &Taker, reason: Cancel, sink: &mut S) {
        sink.report(Event::Cancelled { id: taker.id, left: taker.left, reason });
        self.release(taker);
    }

    /// The order is finished: an order that was live before gives up its slot and id.
    #[inline]
    fn release(&mut self, taker: &Taker) {
        if taker.slot != NO_SLOT {
            self.live.finish(taker.slot);
        }
    }

    /// Whether the whole quantity would trade at once.
    fn is_fillable(&self, taker: &Taker) -> bool {
        let ladder = &self.ladders[taker.side.opposite() as usize];
        let limit = ladder.key(taker.limit);
        let mut missing = taker.left;
        for level in ladder.occupied().take_while(|level| ladder.key_of(*level) <= limit) {
            let (tradable, stopped) = self.tradable_on(&ladder.levels[level as usize], taker.account);
            missing = missing.saturating_sub(tradable);
            if missing == 0 || stopped {
                break;
            }
        }
        missing == 0
    }

    /// What an order of this account can trade on a level, and whether it ends there.
    fn tradable_on(&self, level: &Level, account: u32) -> (u64, bool) {
        if self.rules.self_trade == SelfTrade::Allow {
            return (level.total, false);
        }
        let mut tradable = 0;
        for order in self.queue(level.head) {
            if order.account != account {
                tradable += order.left;
            } else if self.rules.self_trade != SelfTrade::CancelResting {
                return (tradable, true);
            }
        }
        (tradable, false)
    }

    /// The orders from this slot on, in time order.
    pub(super) fn queue(&self, head: u32) -> impl Iterator<Item = &Order> {
        let at = |slot: u32| (slot != NO_SLOT).then(|| &self.live.orders[slot]);
        std::iter::successors(at(head), move |order| at(order.next))
    }
}

/// The best level, in time order. Head and total are written back once.
#[inline]
fn take_level<S: Sink>(
    live: &mut Live,
    ladder: &mut Ladder,
    taker: &mut Taker,
    self_trade: SelfTrade,
    price: i64,
    sink: &mut S,
) -> Took {
    let level = ladder.best_level;
    let Level { total, mut head, tail } = ladder.levels[level as usize];
    let (mut gone, mut took) = (0, Took::Enough);
    while head != NO_SLOT && taker.left > 0 && took == Took::Enough {
        let order = &mut live.orders[head];
        let next = order.next;
        if self_trade != SelfTrade::Allow && order.account == taker.account {
            if self_trade != SelfTrade::CancelResting {
                took = Took::Stopped;
            }
            if self_trade == SelfTrade::CancelIncoming {
                break;
            }
            gone += order.left;
            sink.report(Event::Cancelled { id: order.id, left: order.left, reason: Cancel::SelfTrade });
        } else {
            gone += fill(order, taker, price, sink);
            if order.left > 0 {
                break;
            }
        }
        live.finish(head);
        head = next;
    }
    ladder.open -= gone;
    ladder.levels[level as usize] =
        if head == NO_SLOT { Level::EMPTY } else { Level { total: total - gone, head, tail } };
    live.orders[head].prev = NO_SLOT;
    ladder.vacate_if(head == NO_SLOT, level);
    took
}

#[inline]
fn fill<S: Sink>(order: &mut Order, taker: &mut Taker, price: i64, sink: &mut S) -> u64 {
    let quantity = order.left.min(taker.left);
    order.left -= quantity;
    taker.left -= quantity;
    sink.report(Event::Fill {
        resting: order.id,
        incoming: taker.id,
        price,
        quantity,
        resting_left: order.left,
        incoming_left: taker.left,
        side: taker.side,
    });
    quantity
}
