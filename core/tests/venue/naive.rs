//! The same market, written to be read: lists that are searched from one end to the other.

use ordo_core::venue::{
    Cancel, Event, Kind, Life, NewOrder, OrderView, PRICE_MAX, PRICE_MIN, Phase, Reject, Rules, SelfTrade, Side,
};

use crate::commands::Command;

/// An order that is open: on the book if it has no trigger, else waiting. `kind` is that of the order once it trades.
#[derive(Debug, Clone, Copy)]
struct Open {
    id: u64,
    account: u32,
    side: Side,
    kind: Kind,
    life: Life,
    left: u64,
    trigger: Option<i64>,
}

impl Open {
    fn of(order: &NewOrder) -> Open {
        let (kind, trigger) = match order.kind {
            Kind::Stop { trigger } => (Kind::Market, Some(trigger)),
            Kind::StopLimit { trigger, price } => (Kind::Limit { price }, Some(trigger)),
            kind => (kind, None),
        };
        let &NewOrder { id, account, side, life, quantity, .. } = order;
        Open { id, account, side, kind, life, left: quantity, trigger }
    }

    /// Where it stands: its trigger while it waits, its price afterwards.
    fn price(&self) -> i64 {
        match (self.trigger, self.kind) {
            (Some(trigger), _) => trigger,
            (None, Kind::Limit { price }) => price,
            (None, kind) => panic!("{kind:?} stands on no price"),
        }
    }

    fn stands_on(&self, side: Side) -> bool {
        self.trigger.is_none() && self.side == side
    }

    fn waits_on(&self, side: Side) -> bool {
        self.trigger.is_some() && self.side == side
    }
}

pub(crate) struct Market {
    rules: Rules,
    phase: Phase,
    halted: bool,
    now: u64,
    last: Option<i64>,
    /// In the order in which they came to their price.
    open: Vec<Open>,
    reached: Vec<Open>,
    /// Trades that stops have not been held against.
    trades: Vec<i64>,
    events: Vec<Event>,
}

impl Market {
    pub(crate) fn new(rules: Rules) -> Market {
        Market {
            rules,
            phase: Phase::Continuous,
            halted: false,
            now: 0,
            last: None,
            open: Vec::new(),
            reached: Vec::new(),
            trades: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, command: &Command) -> Vec<Event> {
        match *command {
            Command::New(order) => self.submit(&order),
            Command::Restore(order) => self.restore(&order),
            Command::Amend { id, price, left } => self.amend(id, price, left),
            Command::AmendStop { id, trigger, price, left } => self.amend_stop(id, trigger, price, left),
            Command::Cancel(id) => self.cancel(id),
            Command::Reassign { id, account } => self.reassign(id, account),
            Command::CancelAll { account, side } => self.cancel_where(Cancel::Mass, |open| {
                account.is_none_or(|it| open.account == it) && side.is_none_or(|it| open.side == it)
            }),
            Command::EndDay => self.cancel_where(Cancel::Expired, |open| open.life == Life::Day),
            Command::Expire(now) => self.expire(now),
            Command::Phase(phase) => {
                self.phase = phase;
                self.changed();
            }
            Command::Halted(halted) => {
                self.halted = halted;
                self.changed();
            }
            Command::Rules(rules) => self.rules = rules,
        }
        std::mem::take(&mut self.events)
    }

    /// Orders of a side in priority, on the book or waiting.
    pub(crate) fn orders(&self, side: Side, waiting: bool) -> Vec<OrderView> {
        let picked = self.open.iter().filter(|it| it.side == side && it.trigger.is_some() == waiting);
        let mut picked: Vec<&Open> = picked.collect();
        let highest_first = (side == Side::Buy) != waiting;
        picked.sort_by_key(|it| if highest_first { !it.price() } else { it.price() });
        let view =
            |it: &Open| OrderView { id: it.id, account: it.account, side, price: it.price(), left: it.left, waiting };
        picked.into_iter().map(view).collect()
    }

    fn find(&self, id: u64) -> Result<usize, Reject> {
        self.open.iter().position(|open| open.id == id).ok_or(Reject::UnknownId)
    }

    fn refuse_or(&mut self, id: u64, checked: Result<(), Reject>) -> bool {
        if let Err(reason) = checked {
            self.events.push(Event::Rejected { id, reason });
        }
        checked.is_ok()
    }

    fn submit(&mut self, order: &NewOrder) {
        let checked = self.check_new(order);
        if !self.refuse_or(order.id, checked) {
            return;
        }
        self.events.push(Event::Accepted { id: order.id });
        let open = Open::of(order);
        if self.phase == Phase::Auction || open.trigger.is_some() {
            self.open.push(open);
            self.trades.extend(self.last);
        } else {
            self.trade(open);
        }
        self.start_reached();
    }

    fn restore(&mut self, order: &NewOrder) {
        let checked = if can_be_open(order) { self.check_any(order) } else { Err(Reject::Phase) };
        if self.refuse_or(order.id, checked) {
            self.events.push(Event::Accepted { id: order.id });
            self.open.push(Open::of(order));
        }
    }

    fn amend(&mut self, id: u64, price: i64, left: u64) {
        let checked = self.check_amend(id, price, left);
        if !self.refuse_or(id, checked) {
            return;
        }
        self.events.push(Event::Amended { id, price, left });
        let at = self.find(id).expect("it was checked");
        if self.open[at].price() == price && left <= self.open[at].left {
            self.open[at].left = left;
            return;
        }
        let amended = Open { kind: Kind::Limit { price }, left, ..self.open.remove(at) };
        if self.phase == Phase::Auction {
            self.open.push(amended);
        } else {
            self.trade(amended);
            self.start_reached();
        }
    }

    fn amend_stop(&mut self, id: u64, trigger: i64, price: Option<i64>, left: u64) {
        let checked = self.check_amend_stop(id, trigger, price, left);
        if !self.refuse_or(id, checked) {
            return;
        }
        let at = self.find(id).expect("it was checked");
        if let Some(price) = price {
            self.open[at].kind = Kind::Limit { price };
        }
        let now_at = match self.open[at].kind {
            Kind::Limit { price } => Some(price),
            _ => None,
        };
        self.events.push(Event::StopAmended { id, trigger, price: now_at, left });
        if self.open[at].trigger == Some(trigger) && left <= self.open[at].left {
            self.open[at].left = left;
            return;
        }
        let amended = Open { trigger: Some(trigger), left, ..self.open.remove(at) };
        self.open.push(amended);
        self.trades.extend(self.last);
        self.start_reached();
    }

    fn cancel(&mut self, id: u64) {
        match self.find(id) {
            Ok(at) => {
                let open = self.open.remove(at);
                self.end(&open, Cancel::Requested);
            }
            Err(reason) => self.events.push(Event::Rejected { id, reason }),
        }
    }

    fn reassign(&mut self, id: u64, account: u32) {
        let found = self.check_open().and_then(|()| self.find(id));
        if self.refuse_or(id, found.map(drop)) {
            let at = found.expect("it was checked");
            self.open[at].account = account;
            self.events.push(Event::Reassigned { id, account });
        }
    }

    fn cancel_where(&mut self, reason: Cancel, matches: impl Fn(&Open) -> bool) {
        for (side, waiting) in [(Side::Buy, false), (Side::Sell, false), (Side::Buy, true), (Side::Sell, true)] {
            for order in self.orders(side, waiting) {
                let at = self.find(order.id).expect("it is open");
                if matches(&self.open[at]) {
                    let open = self.open.remove(at);
                    self.end(&open, reason);
                }
            }
        }
    }

    fn expire(&mut self, now: u64) {
        self.now = self.now.max(now);
        let instant = |open: &Open| match open.life {
            Life::GoodTill(instant) => Some(instant),
            _ => None,
        };
        let due = |it: &Open| instant(it).filter(|instant| *instant <= self.now).map(|instant| (instant, it.id));
        let mut ids: Vec<(u64, u64)> = self.open.iter().filter_map(due).collect();
        ids.sort_unstable();
        for (_, id) in ids {
            let at = self.find(id).expect("it is open");
            let open = self.open.remove(at);
            self.end(&open, Cancel::Expired);
        }
    }

    fn changed(&mut self) {
        self.events.push(Event::PhaseChanged { phase: self.phase, halted: self.halted });
        if self.phase == Phase::Continuous && !self.halted {
            self.uncross();
            self.trades.clear();
            self.trades.extend(self.last);
            self.start_reached();
        }
    }

    fn end(&mut self, open: &Open, reason: Cancel) {
        self.events.push(Event::Cancelled { id: open.id, left: open.left, reason });
    }
}

/// Trading.
impl Market {
    fn best(&self, side: Side) -> Option<usize> {
        let standing = self.open.iter().enumerate().filter(|(_, it)| it.stands_on(side));
        match side {
            Side::Buy => standing.min_by_key(|(at, it)| (!it.price(), *at)),
            Side::Sell => standing.min_by_key(|(at, it)| (it.price(), *at)),
        }
        .map(|(at, _)| at)
    }

    /// The worst price at which it trades.
    fn limit(&self, order: &Open) -> i64 {
        match (order.kind, order.side) {
            (Kind::Limit { price }, _) => price,
            (_, Side::Buy) => self.rules.collar_high,
            (_, Side::Sell) => self.rules.collar_low,
        }
    }

    /// The first order that it meets.
    fn opposite(&self, order: &Open) -> Option<usize> {
        let at = self.best(order.side.opposite())?;
        let (price, limit) = (self.open[at].price(), self.limit(order));
        let meets = if order.side == Side::Buy { price <= limit } else { price >= limit };
        meets.then_some(at)
    }

    fn trade(&mut self, mut order: Open) {
        if order.life == Life::FillOrKill && !self.fills_at_once(order) {
            return self.end(&order, Cancel::Unfillable);
        }
        let mut last_fill = None;
        while order.left > 0 {
            let Some(at) = self.opposite(&order) else { break };
            if self.open[at].account == order.account && self.rules.self_trade != SelfTrade::Allow {
                if self.rules.self_trade != SelfTrade::CancelIncoming {
                    let resting = self.open.remove(at);
                    self.end(&resting, Cancel::SelfTrade);
                }
                if self.rules.self_trade != SelfTrade::CancelResting {
                    return self.end(&order, Cancel::SelfTrade);
                }
                continue;
            }
            let price = self.open[at].price();
            last_fill = Some(price);
            self.fill(at, &mut order, price);
        }
        if order.left > 0 {
            self.leave(order, last_fill);
        }
    }

    /// Trades with what rests there.
    fn fill(&mut self, at: usize, order: &mut Open, price: i64) {
        let resting = &mut self.open[at];
        let quantity = resting.left.min(order.left);
        resting.left -= quantity;
        order.left -= quantity;
        self.events.push(Event::Fill {
            resting: resting.id,
            incoming: order.id,
            price,
            quantity,
            resting_left: resting.left,
            incoming_left: order.left,
            side: order.side,
        });
        if resting.left == 0 {
            self.open.remove(at);
        }
        self.last = Some(price);
        self.trades.push(price);
    }

    fn leave(&mut self, mut order: Open, last_fill: Option<i64>) {
        match (order.kind, order.life, last_fill) {
            (_, Life::ImmediateOrCancel, _) | (Kind::Market, ..) | (Kind::MarketToLimit, _, None) => {
                self.end(&order, Cancel::Immediate);
            }
            (Kind::MarketToLimit, _, Some(price)) => {
                self.events.push(Event::Priced { id: order.id, price, left: order.left });
                order.kind = Kind::Limit { price };
                self.open.push(order);
            }
            _ => self.open.push(order),
        }
    }

    /// Whether it would fill, by trying on a copy.
    fn fills_at_once(&self, order: Open) -> bool {
        let mut copy =
            Market { open: self.open.clone(), reached: Vec::new(), trades: Vec::new(), events: Vec::new(), ..*self };
        copy.trade(Open { life: Life::ImmediateOrCancel, ..order });
        let id = order.id;
        !copy.events.iter().any(|event| matches!(event, Event::Cancelled { id: ended, .. } if *ended == id))
    }

    fn start_reached(&mut self) {
        if self.phase != Phase::Continuous || self.halted {
            return;
        }
        self.reach();
        while !self.reached.is_empty() {
            let order = self.reached.remove(0);
            self.events.push(Event::Triggered { id: order.id });
            self.trade(Open { trigger: None, ..order });
            self.reach();
        }
    }

    fn reach(&mut self) {
        let trades = std::mem::take(&mut self.trades);
        for side in [Side::Buy, Side::Sell] {
            for order in self.orders(side, true) {
                let reaches = |price: &i64| match side {
                    Side::Buy => *price >= order.price,
                    Side::Sell => *price <= order.price,
                };
                if trades.iter().any(reaches) {
                    let at = self.find(order.id).expect("it waits");
                    let open = self.open.remove(at);
                    assert!(open.waits_on(side));
                    self.reached.push(open);
                }
            }
        }
    }

    /// What would trade at this price, and what would be left over.
    fn at_price(&self, price: i64) -> (u64, u64) {
        let sum = |side: Side| {
            let within =
                |it: &&Open| it.stands_on(side) && (it.price() == price || (it.price() > price) == (side == Side::Buy));
            self.open.iter().filter(within).map(|it| it.left).sum::<u64>()
        };
        let (bought, sold) = (sum(Side::Buy), sum(Side::Sell));
        (bought.min(sold), bought.abs_diff(sold))
    }

    /// Tries every price around every order and the last trade.
    fn uncross(&mut self) {
        let step = self.rules.tick.max(1);
        let orders = self.open.iter().filter(|it| it.trigger.is_none()).map(Open::price);
        let around = orders.chain(self.last.map(|last| last - last.rem_euclid(step)));
        let mut best: Option<(u64, u64, u64, i64)> = None;
        for price in around.flat_map(|price| [price.saturating_sub(step), price, price.saturating_add(step)]) {
            let (traded, surplus) = self.at_price(price);
            let rank = (!traded, surplus, self.last.map_or(0, |last| price.abs_diff(last)), price);
            if traded > 0 && best.is_none_or(|best| rank < best) {
                best = Some(rank);
            }
        }
        let Some((traded, _, _, price)) = best else { return };
        self.events.push(Event::Uncrossed { price, quantity: !traded });
        let mut open = !traded;
        while open > 0 {
            let bid = self.best(Side::Buy).expect("a bid crosses");
            let ask = self.best(Side::Sell).expect("an ask crosses");
            open -= self.fill_crossed(bid, ask, price, open);
        }
        self.last = Some(price);
    }

    fn fill_crossed(&mut self, bid: usize, ask: usize, price: i64, most: u64) -> u64 {
        let quantity = self.open[bid].left.min(self.open[ask].left).min(most);
        self.open[bid].left -= quantity;
        self.open[ask].left -= quantity;
        self.events.push(Event::Fill {
            resting: self.open[ask].id,
            incoming: self.open[bid].id,
            price,
            quantity,
            resting_left: self.open[ask].left,
            incoming_left: self.open[bid].left,
            side: Side::Buy,
        });
        self.open.retain(|it| it.left > 0);
        quantity
    }
}

/// The checks, in their order.
impl Market {
    fn check_open(&self) -> Result<(), Reject> {
        match (self.phase, self.halted) {
            (Phase::PreOpen | Phase::Closed, _) => Err(Reject::Phase),
            (_, true) => Err(Reject::Halted),
            _ => Ok(()),
        }
    }

    fn check_new(&self, order: &NewOrder) -> Result<(), Reject> {
        self.check_open()?;
        if self.phase == Phase::Auction && !can_be_open(order) {
            return Err(Reject::Phase);
        }
        self.check_any(order)?;
        match Open::of(order).kind {
            Kind::Limit { price } if self.outside_collar(price) => Err(Reject::Collar),
            _ => Ok(()),
        }
    }

    fn check_any(&self, order: &NewOrder) -> Result<(), Reject> {
        if self.find(order.id).is_ok() {
            return Err(Reject::DuplicateId);
        }
        self.check_quantity(order.side, order.quantity, order.id)?;
        let open = Open::of(order);
        open.trigger.map_or(Ok(()), |trigger| self.check_price(trigger))?;
        if let Kind::Limit { price } = open.kind {
            self.check_price(price)?;
        }
        if matches!(order.life, Life::GoodTill(instant) if instant <= self.now) {
            return Err(Reject::Expiry);
        }
        if self.open.len() >= self.rules.orders_max as usize {
            return Err(Reject::Full);
        }
        Ok(())
    }

    fn check_amend(&self, id: u64, price: i64, left: u64) -> Result<(), Reject> {
        self.check_open()?;
        let open = &self.open[self.find(id)?];
        if open.trigger.is_some() {
            return Err(Reject::Waiting);
        }
        self.check_quantity(open.side, left, id)?;
        if open.price() == price {
            return Ok(());
        }
        self.check_price(price)?;
        if self.outside_collar(price) { Err(Reject::Collar) } else { Ok(()) }
    }

    fn check_amend_stop(&self, id: u64, trigger: i64, price: Option<i64>, left: u64) -> Result<(), Reject> {
        self.check_open()?;
        let open = &self.open[self.find(id)?];
        if open.trigger.is_none() {
            return Err(Reject::Waiting);
        }
        self.check_quantity(open.side, left, id)?;
        self.check_price(trigger)?;
        let Some(price) = price else { return Ok(()) };
        if open.kind == Kind::Market {
            return Err(Reject::Price);
        }
        self.check_price(price)?;
        if self.outside_collar(price) { Err(Reject::Collar) } else { Ok(()) }
    }

    /// The order itself does not count if it is open.
    fn check_quantity(&self, side: Side, quantity: u64, id: u64) -> Result<(), Reject> {
        let others = self.open.iter().filter(|it| it.side == side && it.id != id);
        let sum: u128 = others.map(|it| u128::from(it.left)).sum();
        if quantity == 0 || sum + u128::from(quantity) > u128::from(u64::MAX) {
            return Err(Reject::Quantity);
        }
        if !quantity.is_multiple_of(self.rules.lot) { Err(Reject::Lot) } else { Ok(()) }
    }

    fn check_price(&self, price: i64) -> Result<(), Reject> {
        if !(PRICE_MIN..=PRICE_MAX).contains(&price) {
            return Err(Reject::Price);
        }
        if price % self.rules.tick != 0 { Err(Reject::Tick) } else { Ok(()) }
    }

    fn outside_collar(&self, price: i64) -> bool {
        price < self.rules.collar_low || price > self.rules.collar_high
    }
}

fn can_be_open(order: &NewOrder) -> bool {
    let trades_at_once = matches!(order.life, Life::ImmediateOrCancel | Life::FillOrKill);
    match order.kind {
        Kind::Market | Kind::MarketToLimit => false,
        Kind::Limit { .. } => !trades_at_once,
        Kind::Stop { .. } | Kind::StopLimit { .. } => true,
    }
}
