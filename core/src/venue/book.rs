//! The book's commands on one order.

use super::arena::{NO_SLOT, Order, Place, Term};
use super::ladder::Ladder;
use super::live::{Live, Rest};
use super::matching::Taker;
use super::{Cancel, Event, Kind, Life, NewOrder, PRICE_MAX, PRICE_MIN, Phase, Reject, Rules, Side, Sink};

/// Ladders: the sides' (by `Side as usize`), then their waiting stops, by trigger.
pub(super) const STOPS: usize = 2;

/// A price-time order book with its matching.
///
/// ```
/// use ordo_core::venue::{Book, Event, NewOrder, Rules, Side};
///
/// let mut book = Book::new(Rules::default());
/// let mut events = Vec::new();
/// book.submit(&NewOrder::limit(1, 10, Side::Sell, 101, 5), &mut events);
/// book.submit(&NewOrder::limit(2, 11, Side::Sell, 100, 5), &mut events);
/// book.submit(&NewOrder::limit(3, 12, Side::Buy, 101, 7), &mut events);
///
/// let fills: Vec<_> = events
///     .iter()
///     .filter_map(|event| match *event {
///         Event::Fill { resting, price, quantity, .. } => Some((resting, price, quantity)),
///         _ => None,
///     })
///     .collect();
/// assert_eq!(fills, [(2, 100, 5), (1, 101, 2)]);
/// assert_eq!(book.best(Side::Sell).map(|best| (best.price, best.quantity)), Some((101, 3)));
/// assert_eq!(book.best(Side::Buy), None);
/// ```
///
/// An [`Event`] goes into any [`Sink`]: a vector as here, a ring, a counter.
#[derive(Debug, Clone)]
pub struct Book {
    pub(super) rules: Rules,
    pub(super) phase: Phase,
    pub(super) halted: bool,
    /// The latest instant that [`Book::expire`] was given.
    pub(super) now: u64,
    pub(super) last: Option<i64>,
    /// The lowest and highest trade that no stop has been looked at for; `low > high` if there is none.
    pub(super) low: i64,
    pub(super) high: i64,
    pub(super) live: Live,
    pub(super) ladders: [Ladder; 4],
    /// Stops that a trade has reached, in the order in which they start.
    pub(super) reached: (u32, u32),
    pub(super) curve: super::auction::Curve,
}

impl Book {
    /// An empty book in continuous trading.
    pub fn new(rules: Rules) -> Book {
        let rules = sane(rules);
        let pages = rules.pages_max;
        Book {
            rules,
            phase: Phase::Continuous,
            halted: false,
            now: 0,
            last: None,
            low: i64::MAX,
            high: i64::MIN,
            live: Live::new(),
            ladders: [
                Ladder::highest_first(pages),
                Ladder::lowest_first(pages),
                Ladder::lowest_first(pages),
                Ladder::highest_first(pages),
            ],
            reached: (NO_SLOT, NO_SLOT),
            curve: super::auction::Curve::default(),
        }
    }

    /// Makes room for so many live orders, so that none of them allocates; beyond that, tables double, the largest of
    /// them in one command (some milliseconds at a million orders). Pages grow with the range of prices in use.
    pub fn reserve(&mut self, orders: usize) {
        self.live.reserve(orders);
    }

    /// Takes new rules. Orders on the book stay as they are.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = sane(rules);
        self.ladders.iter_mut().for_each(|ladder| ladder.set_pages_max(self.rules.pages_max));
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes a new order: it trades, stands, waits or ends, as its kind and life ask for.
    #[inline]
    pub fn submit<S: Sink>(&mut self, order: &NewOrder, sink: &mut S) {
        if let Err(reason) = self.check_new(order) {
            return sink.report(Event::Rejected { id: order.id, reason });
        }
        sink.report(Event::Accepted { id: order.id });
        match order.kind {
            Kind::Limit { price } if self.stands(order, price) => self.add(order, price, sink),
            _ => self.submit_taker(order, sink),
        }
    }

    /// Whether a limit order goes on the book as it is: by far most do.
    #[inline]
    fn stands(&self, order: &NewOrder, price: i64) -> bool {
        self.phase == Phase::Auction || can_stand(order) && !self.crosses(order.side, price)
    }

    #[inline]
    fn crosses(&self, side: Side, price: i64) -> bool {
        let opposite = &self.ladders[side.opposite() as usize];
        opposite.best <= opposite.key(price)
    }

    fn submit_taker<S: Sink>(&mut self, order: &NewOrder, sink: &mut S) {
        let mut taker = self.taker(order);
        match trigger(order.kind) {
            Some(trigger) => self.wait(trigger, order.kind, &taker, sink),
            None => self.run(&mut taker, sink),
        }
        self.cascade(sink);
    }

    /// Puts an order where it was before: on the book at its price without trading, crossed or not, or waiting for its
    /// trigger. In any phase, and outside of the collar too. Restored in time order, orders keep their priority.
    pub fn restore<S: Sink>(&mut self, order: &NewOrder, sink: &mut S) {
        if let Err(reason) = self.check_restored(order) {
            return sink.report(Event::Rejected { id: order.id, reason });
        }
        sink.report(Event::Accepted { id: order.id });
        match (order.kind, trigger(order.kind)) {
            (_, Some(trigger)) => self.park(trigger, order.kind, &self.taker(order), sink),
            (Kind::Limit { price }, _) => self.add(order, price, sink),
            _ => {}
        }
    }

    /// Cancels a live order, in any phase.
    #[inline]
    pub fn cancel<S: Sink>(&mut self, id: u64, sink: &mut S) {
        match self.live.find_entry(id) {
            Some((slot, entry)) => {
                self.take_off(slot, Cancel::Requested, sink);
                self.live.finish_entry(slot, entry);
            }
            None => sink.report(Event::Rejected { id, reason: Reject::UnknownId }),
        }
    }

    /// Gives an order on the book another price and open quantity (what is still to be traded, in lots). Less at the
    /// same price keeps its priority; another price or more loses it, and may trade at once.
    #[inline]
    pub fn amend<S: Sink>(&mut self, id: u64, price: i64, left: u64, sink: &mut S) {
        match self.check_amend(id, price, left) {
            Ok(slot) => self.amend_slot(slot, price, left, sink),
            Err(reason) => sink.report(Event::Rejected { id, reason }),
        }
    }

    /// Gives a live order to another account; its priority stays.
    pub fn reassign<S: Sink>(&mut self, id: u64, account: u32, sink: &mut S) {
        match self.check_open().and_then(|()| self.live.find(id).ok_or(Reject::UnknownId)) {
            Ok(slot) => {
                self.live.orders[slot].account = account;
                sink.report(Event::Reassigned { id, account });
            }
            Err(reason) => sink.report(Event::Rejected { id, reason }),
        }
    }

    /// Puts a new limit order on the book, behind what is there.
    #[inline]
    fn add<S: Sink>(&mut self, order: &NewOrder, price: i64, sink: &mut S) {
        let &NewOrder { id, account, side, life, quantity: left, .. } = order;
        let ladder = side as usize;
        let key = self.ladders[ladder].key(price);
        let Some(level) = self.ladders[ladder].level_at(key) else {
            return sink.report(Event::Cancelled { id, left, reason: Cancel::Full });
        };
        let (term, instant) = term(life);
        let place = Place::new(level, ladder, term);
        let slot = self.live.start(Order { id, left, account, place, next: NO_SLOT, prev: NO_SLOT });
        if term == Term::Instant {
            self.live.expire_at(slot, instant);
        }
        self.ladders[ladder].enqueue(&mut self.live.orders, level, slot);
    }

    #[inline]
    fn amend_slot<S: Sink>(&mut self, slot: u32, price: i64, left: u64, sink: &mut S) {
        let order = self.live.orders[slot];
        sink.report(Event::Amended { id: order.id, price, left });
        let at = order.place.ladder();
        let ladder = &mut self.ladders[at];
        if left <= order.left && ladder.price_of(order.place.level()) == price {
            if left < order.left {
                ladder.reduce(&mut self.live.orders, slot, order.left - left);
            }
            return;
        }
        ladder.unlink(&mut self.live.orders, slot);
        let (side, term) = (side_of(at), order.place.term());
        let crosses = self.phase == Phase::Continuous && self.crosses(side, price);
        let Order { id, account, .. } = order;
        let mut taker = Taker { id, account, side, term, instant: 0, slot, left, limit: price, rest: Rest::Stand };
        if !crosses {
            return self.stand(&taker, sink);
        }
        self.run(&mut taker, sink);
        self.cascade(sink);
    }

    /// Takes a live order off its ladder and out of the book.
    #[inline]
    pub(super) fn remove<S: Sink>(&mut self, slot: u32, reason: Cancel, sink: &mut S) {
        self.take_off(slot, reason, sink);
        self.live.finish(slot);
    }

    #[inline]
    fn take_off<S: Sink>(&mut self, slot: u32, reason: Cancel, sink: &mut S) {
        let order = &self.live.orders[slot];
        sink.report(Event::Cancelled { id: order.id, left: order.left, reason });
        self.ladders[order.place.ladder()].unlink(&mut self.live.orders, slot);
    }

    #[inline]
    fn taker(&self, order: &NewOrder) -> Taker {
        let &NewOrder { id, account, side, kind, life, quantity } = order;
        let (term, instant) = term(life);
        let limit = match kind {
            Kind::Limit { price } => price,
            _ => self.market_limit(side),
        };
        Taker { id, account, side, term, instant, slot: NO_SLOT, left: quantity, limit, rest: rest(kind, life) }
    }

    /// How far a market order goes.
    pub(super) fn market_limit(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.rules.collar_high,
            Side::Sell => self.rules.collar_low,
        }
    }
}

/// Whether an order can be open without having traded: all but those that trade at once or not at all.
#[inline]
pub(super) fn can_stand(order: &NewOrder) -> bool {
    match order.kind {
        Kind::Limit { .. } => !matches!(order.life, Life::ImmediateOrCancel | Life::FillOrKill),
        Kind::Stop { .. } | Kind::StopLimit { .. } => true,
        Kind::Market | Kind::MarketToLimit => false,
    }
}

#[inline]
fn trigger(kind: Kind) -> Option<i64> {
    match kind {
        Kind::Stop { trigger } | Kind::StopLimit { trigger, .. } => Some(trigger),
        _ => None,
    }
}

#[inline]
fn rest(kind: Kind, life: Life) -> Rest {
    match (kind, life) {
        (_, Life::FillOrKill) => Rest::AllOrNothing,
        (_, Life::ImmediateOrCancel) | (Kind::Market | Kind::Stop { .. }, _) => Rest::Cancel,
        (Kind::MarketToLimit, _) => Rest::StandAtLastFill,
        (Kind::Limit { .. } | Kind::StopLimit { .. }, _) => Rest::Stand,
    }
}

/// The side of a ladder of orders or of stops.
#[inline]
pub(super) fn side_of(ladder: usize) -> Side {
    if ladder % STOPS == Side::Buy as usize { Side::Buy } else { Side::Sell }
}

#[inline]
fn term(life: Life) -> (Term, u64) {
    match life {
        Life::Day => (Term::Day, 0),
        Life::GoodTill(instant) => (Term::Instant, instant),
        _ => (Term::Open, 0),
    }
}

fn sane(rules: Rules) -> Rules {
    let most = Rules::default();
    Rules {
        tick: rules.tick.max(1),
        lot: rules.lot.max(1),
        orders_max: rules.orders_max.min(most.orders_max),
        pages_max: rules.pages_max.min(most.pages_max),
        collar_low: rules.collar_low.max(PRICE_MIN),
        collar_high: rules.collar_high.min(PRICE_MAX),
        ..rules
    }
}
