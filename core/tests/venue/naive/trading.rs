//! Orders that meet, stops that start, auctions that end.

use ordo_core::venue::{Cancel, Event, Kind, Life, Phase, SelfTrade, Side};

use super::{Market, Open};

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

    pub(super) fn trade(&mut self, mut order: Open) {
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

    pub(super) fn start_reached(&mut self) {
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
    pub(super) fn uncross(&mut self) {
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
