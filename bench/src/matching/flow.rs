//! A flow of orders as markets see it, made before the clock runs.
//!
//! The middle price is a geometric Brownian motion; limit orders stand at distances from it that follow a power law, as
//! do their quantities; most are cancelled, the young before the old; quotes that the price has left behind are pulled
//! by their owners, nearly always in time. A book inside the maker knows what is open, so that cancels and amends name
//! live orders.

use ordo_core::venue::{Book, Event, Life, NewOrder, Rules, Side, Sink};

/// The middle price at the start, in ticks.
const OPENING_PRICE: f64 = 100_000.0;
/// Open orders that the flow keeps about.
const OPEN_ORDERS: usize = 20_000;
/// Ticks from the middle at most.
const DISTANCE_MAX: f64 = 5_000.0;

/// What a market is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub name: &'static str,
    /// Standard deviation of the middle price from one message to the next, as a share of it.
    pub volatility: f64,
    /// Swings of the middle price, if there are any.
    pub swing: Option<Swing>,
}

/// Now and then the price runs off and comes to rest elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Swing {
    /// Messages from one to the next.
    pub every: usize,
    /// Messages that one takes.
    pub length: usize,
    /// How far it goes, as a share of the price.
    pub share: f64,
}

/// From calm to bursts of price swings.
pub(super) const SCENARIOS: [Scenario; 5] = [
    Scenario { name: "calm", volatility: 1e-7, swing: None },
    Scenario { name: "steady", volatility: 5e-7, swing: None },
    Scenario { name: "active", volatility: 2e-6, swing: None },
    Scenario { name: "volatile", volatility: 5e-6, swing: None },
    Scenario { name: "swings", volatility: 2e-6, swing: Some(Swing { every: 20_000, length: 2_000, share: 0.005 }) },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    New,
    ImmediateOrCancel,
    Amend,
    Cancel,
}

/// What a client asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub id: u64,
    pub price: i64,
    pub quantity: u64,
    pub verb: Verb,
    pub side: Side,
}

impl Message {
    /// Gives it to a book.
    #[inline]
    pub(super) fn apply<S: Sink>(&self, book: &mut Book, sink: &mut S) {
        let &Message { id, price, quantity, verb, side } = self;
        let order = NewOrder::limit(id, id as u32 % 64, side, price, quantity);
        match verb {
            Verb::New => book.submit(&order, sink),
            Verb::ImmediateOrCancel => book.submit(&NewOrder { life: Life::ImmediateOrCancel, ..order }, sink),
            Verb::Amend => book.amend(id, price, quantity, sink),
            Verb::Cancel => book.cancel(id, sink),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Flow {
    /// Orders that are there before.
    pub opening: Vec<Message>,
    pub messages: Vec<Message>,
    pub counts: Counts,
}

/// What a flow consists of, its opening left out.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Counts {
    pub new_orders: u64,
    /// Of the new ones.
    pub immediate_or_cancel: u64,
    pub amends: u64,
    pub cancels: u64,
    pub fills: u64,
    /// Resting orders that traded in full.
    pub filled: u64,
    /// From the lowest to the highest middle price, in ticks.
    pub price_range: i64,
    pub open_orders: u64,
}

impl Flow {
    pub(super) fn make(scenario: Scenario, messages: usize, seed: u64) -> Flow {
        let mut maker = Maker::new(scenario, seed);
        while maker.open.len() < OPEN_ORDERS {
            let message = maker.resting_order();
            maker.send(message);
        }
        let opening = std::mem::take(&mut maker.sent);
        maker.counts = Counts::default();
        maker.sent.reserve(messages);
        while maker.sent.len() < messages {
            maker.step();
        }
        let (low, high) = maker.range;
        let counts = Counts { price_range: (high - low) as i64, open_orders: maker.book.len() as u64, ..maker.counts };
        Flow { opening, messages: maker.sent, counts }
    }
}

struct Maker {
    scenario: Scenario,
    random: Random,
    book: Book,
    events: Vec<Event>,
    middle: f64,
    range: (f64, f64),
    /// Messages since the last swing began, and its direction.
    since_swing: usize,
    direction: f64,
    /// Where quotes have been pulled, others come at the new price.
    owes_a_quote: bool,
    next_id: u64,
    /// Ids by age, with some that are open no more.
    open: Vec<u64>,
    sent: Vec<Message>,
    counts: Counts,
}

impl Maker {
    fn new(scenario: Scenario, seed: u64) -> Maker {
        Maker {
            scenario,
            random: Random(seed),
            book: Book::new(Rules::default()),
            events: Vec::new(),
            middle: OPENING_PRICE,
            range: (OPENING_PRICE, OPENING_PRICE),
            since_swing: 0,
            direction: 1.0,
            owes_a_quote: false,
            next_id: 1,
            open: Vec::new(),
            sent: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn step(&mut self) {
        self.move_middle();
        let is_owed = self.owes_a_quote && self.fullness() < 0.95;
        let message = match self.amend_or_take() {
            Some(message) => message,
            None if is_owed => self.resting_order(),
            None => self.stale_quote().unwrap_or_else(|| self.rest_or_cancel()),
        };
        self.owes_a_quote = message.verb == Verb::Cancel && !is_owed;
        self.send(message);
    }

    fn fullness(&self) -> f64 {
        self.book.len() as f64 / OPEN_ORDERS as f64
    }

    fn move_middle(&mut self) {
        self.middle *= (self.scenario.volatility * self.random.normal()).exp();
        if let Some(Swing { every, length, share }) = self.scenario.swing {
            self.since_swing += 1;
            if self.since_swing == every {
                self.since_swing = 0;
                self.direction = if self.random.unit() < 0.5 { -1.0 } else { 1.0 };
            }
            if self.since_swing < length {
                self.middle *= 1.0 + self.direction * share / length as f64;
            }
        }
        self.range = (self.range.0.min(self.middle), self.range.1.max(self.middle));
    }

    /// The cancel of an order that the price has reached: nine of ten are pulled, the others wait for who takes them.
    fn stale_quote(&mut self) -> Option<Message> {
        for side in [Side::Buy, Side::Sell] {
            let best = self.book.best(side)?.price as f64;
            let is_stale = if side == Side::Buy { best >= self.middle } else { best <= self.middle };
            if is_stale && self.random.unit() < 0.9 {
                let order = self.book.orders(side).next()?;
                return Some(Message { id: order.id, price: 0, quantity: 0, verb: Verb::Cancel, side });
            }
        }
        None
    }

    /// Twenty of a hundred orders are amended, fifteen take.
    fn amend_or_take(&mut self) -> Option<Message> {
        let Counts { new_orders, immediate_or_cancel, amends, .. } = self.counts;
        if amends * 5 < new_orders && self.random.unit() < 0.3 {
            return Some(self.amend());
        }
        let takes = immediate_or_cancel * 100 < new_orders * 15 && self.random.unit() < 0.3;
        takes.then(|| self.taking_order())
    }

    /// More of either as the book is less or more than full.
    fn rest_or_cancel(&mut self) -> Message {
        if self.random.unit() < (0.5 + 4.0 * (1.0 - self.fullness())).clamp(0.1, 0.9) {
            self.resting_order()
        } else {
            self.cancel()
        }
    }

    fn side(&mut self) -> Side {
        if self.random.unit() < 0.5 { Side::Buy } else { Side::Sell }
    }

    fn resting_order(&mut self) -> Message {
        let side = self.side();
        let (price, quantity) = (self.passive_price(side), self.random.power_law(1.5, 1_000.0) as u64 * 10);
        self.next_id += 1;
        Message { id: self.next_id, price, quantity, verb: Verb::New, side }
    }

    /// Of who wants to rest: not where the order would trade.
    fn passive_price(&mut self, side: Side) -> i64 {
        let distance = self.random.power_law(1.1, DISTANCE_MAX);
        let opposite = self.book.best(side.opposite()).map(|best| best.price);
        match side {
            Side::Buy => ((self.middle - distance).floor() as i64).min(opposite.unwrap_or(i64::MAX) - 1),
            Side::Sell => ((self.middle + distance).ceil() as i64).max(opposite.unwrap_or(i64::MIN) + 1),
        }
    }

    fn taking_order(&mut self) -> Message {
        let side = self.side();
        let reach = self.random.power_law(2.0, 50.0) as i64 - 1;
        let price = match (side, self.book.best(side.opposite())) {
            (Side::Buy, Some(best)) => best.price + reach,
            (Side::Sell, Some(best)) => best.price - reach,
            (_, None) => self.middle as i64,
        };
        let quantity = self.random.power_law(1.3, 2_000.0) as u64 * 2;
        self.next_id += 1;
        Message { id: self.next_id, price, quantity, verb: Verb::ImmediateOrCancel, side }
    }

    /// Half of them take size away, half follow the price.
    fn amend(&mut self) -> Message {
        let Some(at) = self.pick() else { return self.resting_order() };
        let order = self.book.order(self.open[at]).expect("it was picked as open");
        let (price, quantity) = if order.left > 1 && self.random.unit() < 0.5 {
            (order.price, order.left / 2)
        } else {
            (self.passive_price(order.side), order.left)
        };
        Message { id: order.id, price, quantity, verb: Verb::Amend, side: order.side }
    }

    fn cancel(&mut self) -> Message {
        let Some(at) = self.pick() else { return self.resting_order() };
        let order = self.book.order(self.open[at]).expect("it was picked as open");
        self.open.remove(at);
        Message { id: order.id, price: 0, quantity: 0, verb: Verb::Cancel, side: order.side }
    }

    /// An open order, rather a young one. What is found to be open no more is forgotten.
    fn pick(&mut self) -> Option<usize> {
        while !self.open.is_empty() {
            let age = self.random.power_law(0.5, self.open.len() as f64) as usize;
            let at = self.open.len() - age.min(self.open.len());
            if self.book.order(self.open[at]).is_some() {
                return Some(at);
            }
            self.open.remove(at);
        }
        None
    }

    fn send(&mut self, message: Message) {
        self.events.clear();
        message.apply(&mut self.book, &mut self.events);
        let count = |is: fn(&Event) -> bool| self.events.iter().filter(|event| is(event)).count() as u64;
        self.counts.fills += count(|event| matches!(event, Event::Fill { .. }));
        self.counts.filled += count(|event| matches!(event, Event::Fill { resting_left: 0, .. }));
        match message.verb {
            Verb::New => {
                self.counts.new_orders += 1;
                self.open.push(message.id);
            }
            Verb::ImmediateOrCancel => {
                self.counts.new_orders += 1;
                self.counts.immediate_or_cancel += 1;
            }
            Verb::Amend => self.counts.amends += 1,
            Verb::Cancel => self.counts.cancels += 1,
        }
        self.sent.push(message);
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    /// Over 0, at most 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// From 1 on, less and less often the larger it is.
    fn power_law(&mut self, exponent: f64, most: f64) -> f64 {
        self.unit().powf(-1.0 / exponent).min(most)
    }
}

#[cfg(test)]
mod tests;
