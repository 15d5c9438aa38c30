//! The end of an auction: one price at which as much as possible trades.
//!
//! Of all prices the one that trades most; then the one that leaves the smallest surplus; then the nearest to the last
//! trade; then the lowest. Quantities change only at prices of orders, so that the best price is the price of a bid or
//! the tick above it, that of an ask or the tick below it, or the last trade's.

use super::{Book, Event, Side, Sink};

/// Crossing quantities by price. Kept, so that a later auction does not allocate.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    /// Prices, best first, each with the quantity at it or better.
    bids: Vec<(i64, u64)>,
    asks: Vec<(i64, u64)>,
}

impl Curve {
    fn bought_at(&self, price: i64) -> u64 {
        up_to(&self.bids, |bid| bid >= price)
    }

    fn sold_at(&self, price: i64) -> u64 {
        up_to(&self.asks, |ask| ask <= price)
    }

    /// Price and quantity, if anything trades.
    fn best(&self, tick: i64, last: Option<i64>) -> Option<(i64, u64)> {
        let before_last = last.map(|last| last - last.rem_euclid(tick));
        let of_bids = self.bids.iter().flat_map(|&(price, _)| [price, price.saturating_add(tick)]);
        let of_asks = self.asks.iter().flat_map(|&(price, _)| [price, price.saturating_sub(tick)]);
        let of_last = before_last.into_iter().flat_map(|price| [price, price.saturating_add(tick)]);
        let (lowest, highest) = (self.asks.first()?.0, self.bids.first()?.0);
        let price = of_bids
            .chain(of_asks)
            .chain(of_last)
            .filter(|price| (lowest..=highest).contains(price))
            .min_by_key(|&price| self.rank(price, last))?;
        Some((price, self.bought_at(price).min(self.sold_at(price))))
    }

    /// Lower is better.
    fn rank(&self, price: i64, last: Option<i64>) -> (std::cmp::Reverse<u64>, u64, u64, i64) {
        let (bought, sold) = (self.bought_at(price), self.sold_at(price));
        let distance = last.map_or(0, |last| price.abs_diff(last));
        (std::cmp::Reverse(bought.min(sold)), bought.abs_diff(sold), distance, price)
    }
}

impl Book {
    /// Trades what crosses at one price. Self-trade prevention does not apply: nobody comes to meet anybody.
    pub(super) fn uncross<S: Sink>(&mut self, sink: &mut S) {
        self.draw_curve();
        let Some((price, quantity)) = self.curve.best(self.rules.tick, self.last) else { return };
        sink.report(Event::Uncrossed { price, quantity });
        let mut open = quantity;
        while open > 0 {
            open -= self.fill_heads(price, open, sink);
        }
        self.last = Some(price);
    }

    /// The levels of both sides that cross.
    fn draw_curve(&mut self) {
        self.curve.bids.clear();
        self.curve.asks.clear();
        let [bids, asks, ..] = &self.ladders;
        if bids.open == 0 || asks.open == 0 {
            return;
        }
        let (highest, lowest) = (bids.price(bids.best), asks.price(asks.best));
        let levels = |side: usize| {
            let ladder = &self.ladders[side];
            ladder.occupied().map(|level| (ladder.price_of(level), ladder.levels[level as usize].total))
        };
        self.curve.bids.extend(summed(levels(0).take_while(|(price, _)| *price >= lowest)));
        self.curve.asks.extend(summed(levels(1).take_while(|(price, _)| *price <= highest)));
    }

    /// Trades the first bid with the first ask.
    fn fill_heads<S: Sink>(&mut self, price: i64, most: u64, sink: &mut S) -> u64 {
        let [bid, ask] = [Side::Buy, Side::Sell].map(|side| {
            let ladder = &self.ladders[side as usize];
            ladder.levels[ladder.best_level as usize].head
        });
        let quantity = most.min(self.live.orders[bid].left).min(self.live.orders[ask].left);
        let [bid_left, ask_left] = [bid, ask].map(|slot| self.live.orders[slot].left - quantity);
        sink.report(Event::Fill {
            resting: self.live.orders[ask].id,
            incoming: self.live.orders[bid].id,
            price,
            quantity,
            resting_left: ask_left,
            incoming_left: bid_left,
            side: Side::Buy,
        });
        for (slot, left) in [(bid, bid_left), (ask, ask_left)] {
            let ladder = &mut self.ladders[self.live.orders[slot].place.ladder()];
            if left > 0 {
                ladder.reduce(&mut self.live.orders, slot, quantity);
            } else {
                ladder.unlink(&mut self.live.orders, slot);
                self.live.finish(slot);
            }
        }
        quantity
    }
}

/// The sum at the last of the prices that are good enough, which come first.
fn up_to(levels: &[(i64, u64)], is_within: impl Fn(i64) -> bool) -> u64 {
    let within = levels.partition_point(|(price, _)| is_within(*price));
    within.checked_sub(1).map_or(0, |at| levels[at].1)
}

fn summed(levels: impl Iterator<Item = (i64, u64)>) -> impl Iterator<Item = (i64, u64)> {
    levels.scan(0, |sum, (price, quantity)| {
        *sum += quantity;
        Some((price, *sum))
    })
}
